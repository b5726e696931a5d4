package policy

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"

	"bulla/keys"
)

// Table is the [policy] table as it is written. Read it with Parse, which tells what it means.
type Table struct {
	Keyring    string           `toml:"keyring,omitempty"`
	Need       *NeedTable       `toml:"need,omitempty"`
	Algorithms *AlgorithmTable  `toml:"algorithms,omitempty"`
	Signers    []SignerTable    `toml:"signer,omitempty"`
	Images     []ImageTable     `toml:"image,omitempty"`
	Exceptions []ExceptionTable `toml:"exception,omitempty"`
}

// NeedTable is [policy.need].
type NeedTable struct {
	Tag      int `toml:"tag,omitempty"`
	Commit   int `toml:"commit,omitempty"`
	Artifact int `toml:"artifact,omitempty"`
	Image    int `toml:"image,omitempty"`
	Record   int `toml:"record,omitempty"`
}

// AlgorithmTable is [policy.algorithms].
type AlgorithmTable struct {
	Hashes          []string `toml:"hashes,omitempty"`
	Keys            []string `toml:"keys,omitempty"`
	RSABits         int      `toml:"rsa_bits,omitempty"`
	AllowWeak       bool     `toml:"allow_weak,omitempty"`
	RefuseSHA1Selfs bool     `toml:"refuse_sha1_self_signatures,omitempty"`
}

// SignerTable is one [[policy.signer]].
type SignerTable struct {
	Name  string   `toml:"name"`
	Keys  []string `toml:"keys"`
	Signs []string `toml:"signs"`
	// From and Until are a date or a time with its zone, bare or in quotes.
	From  any `toml:"from,omitempty"`
	Until any `toml:"until,omitempty"`
}

// ExceptionTable is one [[policy.exception]].
type ExceptionTable struct {
	Kind   string   `toml:"kind"`
	Target string   `toml:"target,omitempty"`
	ID     string   `toml:"id"`
	Allow  []string `toml:"allow"`
	Reason string   `toml:"reason"`
}

// The limits of a policy.
const (
	maxSize       = 1 << 20 // bytes of bulla.toml
	maxSigners    = 1000
	maxKeys       = 100 // of one signer
	maxExceptions = 10_000
	maxText       = 1000 // bytes of a name or reason
	minRSABits    = 1024
	maxRSABits    = 16384
)

// fault is something senseless at a place in the table, such as "policy.signer[2].from".
type fault struct{ path, message string }

func (f *fault) Error() string { return f.message }

func faultf(path, format string, args ...any) error {
	return &fault{path: path, message: fmt.Sprintf(format, args...)}
}

// understand turns the table into a Policy, or tells what is senseless in it.
func (t *Table) understand() (*Policy, error) {
	p := &Policy{Keyring: cmp.Or(t.Keyring, DefaultKeyring)}
	if !cleanPath(p.Keyring) {
		return nil, faultf("policy.keyring", "the keyring must be a path within the repository, with slashes")
	}
	switch {
	case len(t.Signers) == 0 && len(t.Images) == 0:
		return nil, faultf("policy", "the policy lists no signer: add a [[policy.signer]]")
	case len(t.Signers) > maxSigners:
		return nil, faultf("policy.signer", "more than %d signers", maxSigners)
	case len(t.Images) > maxImageRules:
		return nil, faultf("policy.image", "more than %d rules for images", maxImageRules)
	case len(t.Exceptions) > maxExceptions:
		return nil, faultf("policy.exception", "more than %d exceptions", maxExceptions)
	}
	for i, s := range t.Signers {
		signer, err := s.understand(fmt.Sprintf("policy.signer[%d]", i))
		if err != nil {
			return nil, err
		}
		p.Signers = append(p.Signers, signer)
	}
	for i, r := range t.Images {
		where := fmt.Sprintf("policy.image[%d]", i)
		rule, err := r.understand(where)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(p.Images, func(o ImageRule) bool { return o.Repository == rule.Repository }) {
			return nil, faultf(where+".repository", "two rules for the same repository")
		}
		p.Images = append(p.Images, rule)
	}
	for i, e := range t.Exceptions {
		x, err := e.understand(fmt.Sprintf("policy.exception[%d]", i))
		if err != nil {
			return nil, err
		}
		p.Exceptions = append(p.Exceptions, x)
	}
	if err := t.Algorithms.understand(&p.Algorithms); err != nil {
		return nil, err
	}
	return p, t.Need.understand(p)
}

func cleanPath(name string) bool {
	return len(name) <= maxText && path.Clean(name) == name && name != "." && filepath.IsLocal(filepath.FromSlash(name)) &&
		!strings.ContainsAny(name, "\\\n\x00:")
}

// text checks a name or a reason.
func text(where, what, s string) error {
	switch {
	case strings.TrimSpace(s) == "":
		return faultf(where, "%s is missing", what)
	case len(s) > maxText:
		return faultf(where, "%s is longer than %d bytes", what, maxText)
	case strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return faultf(where, "%s must be one line without control characters", what)
	}
	return nil
}

func (s *SignerTable) understand(where string) (out Signer, err error) {
	if err := text(where+".name", "the signer's name", s.Name); err != nil {
		return out, err
	}
	out.Name = s.Name
	if len(s.Keys) == 0 || len(s.Keys) > maxKeys {
		return out, faultf(where+".keys", "a signer has between 1 and %d keys", maxKeys)
	}
	for _, k := range s.Keys {
		f, ok := parseKey(k)
		if !ok {
			return out, faultf(where+".keys", "a key must be a full fingerprint: 40 or 64 hexadecimal digits, or SHA256:… of an SSH key")
		}
		if !slices.Contains(out.Keys, f) {
			out.Keys = append(out.Keys, f)
		}
	}
	if len(s.Signs) == 0 {
		return out, faultf(where+".signs", "signs must say what the signer may sign: tag, commit, artifact, image, record")
	}
	for _, k := range s.Signs {
		if !slices.Contains(governed, keys.Kind(k)) {
			return out, faultf(where+".signs", "signs takes tag, commit, artifact, image and record")
		}
		if !slices.Contains(out.Signs, keys.Kind(k)) {
			out.Signs = append(out.Signs, keys.Kind(k))
		}
	}
	if out.From, _, err = parseMoment(where+".from", s.From); err != nil {
		return out, err
	}
	until, day, err := parseMoment(where+".until", s.Until)
	if err != nil {
		return out, err
	}
	if day { // the whole of the last day
		until = until.AddDate(0, 0, 1)
	}
	out.Until = until
	if !out.Until.IsZero() && !out.From.Before(out.Until) {
		return out, faultf(where+".until", "the end lies before the beginning")
	}
	return out, nil
}

// parseKey reads a fingerprint, also as OpenSSH writes it: SHA256: and unpadded base64.
func parseKey(s string) (keys.Fingerprint, bool) {
	if b64, ok := strings.CutPrefix(s, "SHA256:"); ok {
		sum, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(b64, "="))
		return keys.FingerprintOf(sum), err == nil && len(sum) == 32
	}
	f, err := keys.ParseFingerprint(s)
	return f, err == nil
}

// parseMoment reads a date, which is a whole day in UTC, or a time with its zone. nil is none.
func parseMoment(where string, v any) (t time.Time, day bool, err error) {
	bad := faultf(where, "not a date such as 2026-11-22, or a time such as 2026-11-22T15:04:05Z")
	switch x := v.(type) {
	case nil:
		return time.Time{}, false, nil
	case toml.LocalDate:
		t, day = x.AsTime(time.UTC), true
	case time.Time:
		t = x.UTC()
	case string:
		if t, err = time.Parse("2006-01-02", x); err == nil {
			day = true
		} else if t, err = time.Parse(time.RFC3339, x); err != nil {
			return time.Time{}, false, bad
		}
		t = t.UTC()
	default:
		return time.Time{}, false, bad
	}
	if y := t.Year(); y < 1970 || y > 9999 {
		return time.Time{}, false, bad
	}
	return t, day, nil
}

func (e *ExceptionTable) understand(where string) (out Exception, err error) {
	out = Exception{Kind: keys.Kind(e.Kind), Target: e.Target, Reason: e.Reason}
	if !slices.Contains(governed, out.Kind) {
		return out, faultf(where+".kind", "kind must be tag, commit, artifact, image or record")
	}
	if out.Kind != keys.KindCommit || e.Target != "" {
		if err := text(where+".target", "the target of the exception", e.Target); err != nil {
			return out, err
		}
	}
	out.ID = strings.ToLower(strings.TrimPrefix(e.ID, "sha256:"))
	_, notHex := hex.DecodeString(out.ID)
	isGit := out.Kind == keys.KindTag || out.Kind == keys.KindCommit
	if notHex != nil || (len(out.ID) != 64 && (len(out.ID) != 40 || !isGit)) {
		return out, faultf(where+".id", "id must be the whole object id of a tag or commit, or the SHA-256 of anything else")
	}
	if len(e.Allow) == 0 {
		return out, faultf(where+".allow", "allow must say what is accepted")
	}
	for _, a := range e.Allow {
		if !Allowance(a).known() {
			return out, faultf(where+".allow", "allow takes weak, after-expiry, expired, revoked, unsigned, unknown-key, tag-name, self-signature, algorithm, signer and threshold")
		}
		out.Allow = append(out.Allow, Allowance(a))
	}
	return out, text(where+".reason", "the reason of the exception", e.Reason)
}

func (t *AlgorithmTable) understand(a *Algorithms) error {
	if t == nil {
		return nil
	}
	*a = Algorithms{AllowWeak: t.AllowWeak, RefuseSHA1Selfs: t.RefuseSHA1Selfs, RSABits: t.RSABits}
	if t.RSABits != 0 && (t.RSABits < minRSABits || t.RSABits > maxRSABits) {
		return faultf("policy.algorithms.rsa_bits", "rsa_bits must lie between %d and %d", minRSABits, maxRSABits)
	}
	hashes := []string{"md5", "sha1", "ripemd160", "sha224", "sha256", "sha384", "sha512", "sha3-256", "sha3-512"}
	for _, h := range t.Hashes {
		if !slices.Contains(hashes, h) {
			return faultf("policy.algorithms.hashes", "hashes takes %s", strings.Join(hashes, ", "))
		}
	}
	for _, k := range t.Keys {
		if k == "" || strings.ContainsFunc(k, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
		}) {
			return faultf("policy.algorithms.keys", "keys takes names such as ed25519, rsa, nistp256")
		}
	}
	a.Hashes, a.Keys = t.Hashes, t.Keys
	return nil
}

func (t *NeedTable) understand(p *Policy) error {
	if t == nil {
		return nil
	}
	counts := map[keys.Kind]int{
		keys.KindTag: t.Tag, keys.KindCommit: t.Commit, keys.KindArtifact: t.Artifact,
		keys.KindImage: t.Image, keys.KindRecord: t.Record,
	}
	for _, k := range governed {
		n := counts[k]
		if n == 0 {
			continue
		}
		where := "policy.need." + string(k)
		if have := len(p.names(k)); n < 0 || n > have {
			return faultf(where, "%d signers are needed for this kind, but %d are listed", n, have)
		}
		if p.Need == nil {
			p.Need = map[keys.Kind]int{}
		}
		p.Need[k] = n
	}
	return nil
}
