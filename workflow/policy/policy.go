package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"bulla/keys"
)

// DefaultKeyring is where the public keys lie if the policy does not say, as a slash path from
// the root of the repository.
const DefaultKeyring = ".bulla/keys.asc"

// Policy is a [policy] table that was read and understood.
type Policy struct {
	Keyring    string // slash path from the root of the repository
	Signers    []Signer
	Need       map[keys.Kind]int // how many signers; a kind that is missing needs one
	Algorithms Algorithms
	Images     []ImageRule `json:",omitempty"` // for some repositories; see ImageRule
	Exceptions []Exception
}

// Signer lets one person sign some kinds for some time.
type Signer struct {
	Name string
	// Keys are fingerprints of primary keys or subkeys, of SSH keys, or of cosign keys.
	Keys []keys.Fingerprint
	// Signs are tag, commit, artifact, image and record.
	Signs []keys.Kind
	// From is the first moment, Until the first one after the end; zero for unbounded.
	From, Until time.Time
}

// Algorithms are the least that a signature must offer beyond what the judge calls weak.
type Algorithms struct {
	Hashes          []string // "sha256", …; empty for all
	Keys            []string // "ed25519", "rsa", "nistp256", …; empty for all
	RSABits         int      // 0 for no minimum
	AllowWeak       bool
	RefuseSHA1Selfs bool
}

// Allowance is something wrong that an exception may accept.
type Allowance string

// The allowances. Those that share their name with a keys.Status accept that status.
const (
	AllowTagName       Allowance = "tag-name"
	AllowSelfSignature Allowance = "self-signature"
	AllowAlgorithm     Allowance = "algorithm"
	AllowSigner        Allowance = "signer"
	AllowThreshold     Allowance = "threshold"
)

// excusable are the statuses that an exception may accept. A signature that is bad, cannot be read
// or comes from the future is never accepted.
var excusable = []keys.Status{
	keys.StatusWeak, keys.StatusAfterExpiry, keys.StatusExpired, keys.StatusRevoked,
	keys.StatusUnsigned, keys.StatusUnknownKey,
}

func (a Allowance) known() bool {
	return slices.Contains([]Allowance{AllowTagName, AllowSelfSignature, AllowAlgorithm, AllowSigner, AllowThreshold}, a) ||
		slices.Contains(excusable, keys.Status(a))
}

// Exception accepts one object although something is wrong with it.
type Exception struct {
	Kind   keys.Kind
	Target string // name of the tag, file or image
	ID     string // git object id of tags and commits, else SHA-256; lower-case hexadecimal
	Allow  []Allowance
	Reason string // text from the repository: clean it before showing it
}

// governed are the kinds that a policy can speak of.
var governed = []keys.Kind{keys.KindTag, keys.KindCommit, keys.KindArtifact, keys.KindImage, keys.KindRecord}

// kindOf is the kind by which the policy calls k: a checksums file is an artifact.
func kindOf(k keys.Kind) keys.Kind {
	if k == keys.KindChecksum {
		return keys.KindArtifact
	}
	return k
}

// Governs reports whether the policy speaks of a kind: whether it lists a signer for it.
func (p *Policy) Governs(k keys.Kind) bool {
	return slices.ContainsFunc(p.Signers, func(s Signer) bool { return slices.Contains(s.Signs, kindOf(k)) })
}

// Needed is how many different signers the policy wants for a kind.
func (p *Policy) Needed(k keys.Kind) int { return max(1, p.Need[kindOf(k)]) }

// Changer is the kind whose signers may change the policy: commits, or tags where nobody is listed
// for commits.
func (p *Policy) Changer() keys.Kind {
	if p.Governs(keys.KindCommit) {
		return keys.KindCommit
	}
	return keys.KindTag
}

// names are the signers listed for a kind, each once.
func (p *Policy) names(k keys.Kind) (out []string) {
	for _, s := range p.Signers {
		if slices.Contains(s.Signs, kindOf(k)) && !slices.Contains(out, s.Name) {
			out = append(out, s.Name)
		}
	}
	return out
}

// Lists reports whether a fingerprint stands in the policy, for whatever kind and time.
func (p *Policy) Lists(f keys.Fingerprint) bool {
	return f != "" && slices.ContainsFunc(p.Signers, func(s Signer) bool { return slices.Contains(s.Keys, f) })
}

// Fingerprints are all keys that the policy lists, each once, in its order.
func (p *Policy) Fingerprints() (out []keys.Fingerprint) {
	for _, s := range p.Signers {
		for _, f := range s.Keys {
			if !slices.Contains(out, f) {
				out = append(out, f)
			}
		}
	}
	return out
}

// Expects reports whether an exception is about a target of that name, so that its id is worth
// finding out.
func (p *Policy) Expects(k keys.Kind, name string) bool {
	return slices.ContainsFunc(p.Exceptions, func(e Exception) bool { return e.Kind == kindOf(k) && e.named(name) })
}

// exception finds the exception for a target.
func (p *Policy) exception(t Target) *Exception {
	id := strings.ToLower(strings.TrimPrefix(t.ID, "sha256:"))
	for i, e := range p.Exceptions {
		if e.Kind == kindOf(t.Kind) && id != "" && e.ID == id && e.named(t.Name) {
			return &p.Exceptions[i]
		}
	}
	return nil
}

// named reports whether the exception is about something called name. Commits are known by their
// id alone; a file is known by the end of its path.
func (e *Exception) named(name string) bool {
	switch e.Kind {
	case keys.KindCommit:
		return true
	case keys.KindArtifact, keys.KindRecord:
		name = path.Clean(filepath.ToSlash(name))
		return name == e.Target || strings.HasSuffix(name, "/"+e.Target)
	}
	return name == e.Target
}

func (e *Exception) allows(a Allowance) bool { return e != nil && slices.Contains(e.Allow, a) }

// Digest is a SHA-256 over the meaning of the policy, in hexadecimal: comments, spelling and the
// order of keys in the file do not change it. The digest of nil, no policy, is "".
func (p *Policy) Digest() string {
	if p == nil {
		return ""
	}
	data, err := json.Marshal(p)
	if err != nil { // there is nothing in it that JSON could refuse
		return "?"
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func digestOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
