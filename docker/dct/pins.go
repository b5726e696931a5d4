package dct

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"bulla/keys/atomicfile"
	"bulla/keys/limits"
)

// Pins say which root keys repositories must have. Files have one of two forms, or both: that of
// the notary command's configuration ("trust_pinning": certs, ca), and that of a daemon.json of
// Mirantis Container Runtime ("content-trust", "trust-pinning": cert-ids, root-keys), which no
// other engine looks at.
//
// Names are GUNs, or a beginning of GUNs with * at its end. The exact name, then the longest
// beginning, is what counts; certificates before root keys before authorities.
type Pins struct {
	// Certificates are ids of root certificates, one for each repository.
	Certificates map[string][]string
	// RootKeys are ids of the root keys themselves, each of which may have many repositories.
	RootKeys map[string][]string
	// CAs are PEM files of authorities, by a beginning of GUNs without a *.
	CAs map[string]string
	// Official says that the file wants Docker's own images pinned to a key that is built into
	// that engine and not known here.
	Official bool
}

// maxPins is the longest file of pins that is read, in bytes.
const maxPins = 1 << 20

// PinsError says that a file does not hold pins that can be used.
type PinsError struct {
	Path, Reason string
	Err          error
}

func (e *PinsError) Error() string {
	s := e.Path + ": " + e.Reason
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *PinsError) Unwrap() error { return e.Err }

// pinsFile is the union of the two forms.
type pinsFile struct {
	Notary *notaryPins `json:"trust_pinning,omitempty"`
	Daemon *struct {
		Pinning daemonPins `json:"trust-pinning"`
	} `json:"content-trust,omitempty"`
}

type notaryPins struct {
	Certs       map[string]any    `json:"certs,omitempty"` // an id or a list of them
	CA          map[string]string `json:"ca,omitempty"`
	DisableTOFU bool              `json:"disable_tofu"`
}

type daemonPins struct {
	CertIDs  map[string][]string `json:"cert-ids,omitempty"`
	RootKeys map[string][]string `json:"root-keys,omitempty"`
	Official bool                `json:"official-library-images,omitempty"`
}

// certID is the id of a root certificate or key.
var certID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParsePins reads pins out of a notary configuration or a daemon.json. A file without any is no
// error. Path is for messages, and what relative names of authorities are relative to.
func ParsePins(b []byte, path string) (Pins, error) {
	p := Pins{Certificates: map[string][]string{}, RootKeys: map[string][]string{}, CAs: map[string]string{}}
	if len(b) > maxPins {
		return p, &PinsError{Path: path, Reason: fmt.Sprintf("longer than %d bytes", maxPins)}
	}
	var f pinsFile
	if err := json.Unmarshal(b, &f); err != nil {
		return p, &PinsError{Path: path, Reason: "it is no JSON that can be read", Err: err}
	}
	if f.Notary != nil {
		for gun, v := range f.Notary.Certs {
			ids, ok := stringsOf(v)
			if !ok {
				return p, &PinsError{Path: path, Reason: "the certificates of " + gun + " are not a list of ids"}
			}
			p.Certificates[gun] = ids
		}
		for gun, ca := range f.Notary.CA {
			if !filepath.IsAbs(ca) {
				ca = filepath.Join(filepath.Dir(path), ca)
			}
			p.CAs[gun] = ca
		}
	}
	if f.Daemon != nil {
		for gun, ids := range f.Daemon.Pinning.CertIDs {
			p.Certificates[gun] = append(p.Certificates[gun], ids...)
		}
		maps.Copy(p.RootKeys, f.Daemon.Pinning.RootKeys)
		p.Official = f.Daemon.Pinning.Official
	}
	return p, p.check(path)
}

// check refuses what would pin nothing, or pin the wrong thing.
func (p Pins) check(path string) error {
	for _, list := range []map[string][]string{p.Certificates, p.RootKeys} {
		for gun, ids := range list {
			if len(ids) == 0 {
				return &PinsError{Path: path, Reason: "no root key is named for " + gun}
			}
			for _, id := range ids {
				if !certID.MatchString(id) {
					return &PinsError{Path: path, Reason: fmt.Sprintf("%q, for %s, is not an id (64 hexadecimal digits, lower case)", id, gun)}
				}
			}
		}
	}
	return nil
}

func stringsOf(v any) (out []string, ok bool) {
	switch v := v.(type) {
	case string:
		return []string{v}, true
	case []any:
		for _, x := range v {
			s, ok := x.(string)
			if !ok {
				return nil, false
			}
			out = append(out, s)
		}
		return out, true
	}
	return nil, false
}

// ReadPins reads a file of pins; one that is not there has none.
func ReadPins(path string) (Pins, error) {
	b, err := limits.ReadFile(path, maxPins)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Pins{}, nil
	case errors.Is(err, limits.ErrTooLarge):
		return Pins{}, &PinsError{Path: path, Reason: fmt.Sprintf("longer than %d bytes", maxPins)}
	case err != nil:
		return Pins{}, &PinsError{Path: path, Reason: "it cannot be read", Err: limits.WithoutPath(err)}
	}
	return ParsePins(b, path)
}

// For is what the pins say of a repository: the zero Trust if they say nothing.
func (p Pins) For(gun GUN) Trust {
	name := gun.String()
	if ids := longest(p.Certificates, name); len(ids) > 0 {
		return Trust{Certificates: ids}
	}
	if ids := longest(p.RootKeys, name); len(ids) > 0 {
		return Trust{RootKeys: ids}
	}
	begins := slices.DeleteFunc(slices.Collect(maps.Keys(p.CAs)), func(b string) bool { return !strings.HasPrefix(name, b) })
	if len(begins) == 0 {
		return Trust{}
	}
	return Trust{CA: p.CAs[slices.MaxFunc(begins, func(a, b string) int { return len(a) - len(b) })]}
}

// longest finds what is said of a name: by itself, or by its longest beginning with a *.
func longest(m map[string][]string, name string) []string {
	if ids := m[name]; len(ids) > 0 {
		return ids
	}
	best := ""
	for pattern := range m {
		if begin, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(name, begin) && len(pattern) > len(best) {
			best = pattern
		}
	}
	return m[best]
}

// WritePins writes a file of pins in place of what was there: in notary's form, so that the
// notary command can be given it, and root keys in that of a daemon.json.
func WritePins(path string, p Pins) error {
	if err := p.check(path); err != nil {
		return err
	}
	b, err := p.encode()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, b, 0o600)
}

func (p Pins) encode() ([]byte, error) {
	f := pinsFile{Notary: &notaryPins{Certs: map[string]any{}, CA: p.CAs, DisableTOFU: true}}
	for gun, ids := range p.Certificates {
		f.Notary.Certs[gun] = ids
	}
	if len(p.RootKeys) > 0 || p.Official {
		f.Daemon = &struct {
			Pinning daemonPins `json:"trust-pinning"`
		}{daemonPins{RootKeys: p.RootKeys, Official: p.Official}}
	}
	b, err := json.MarshalIndent(f, "", "  ")
	return append(b, '\n'), err
}

// Pins are those that bulla keeps itself, among its own files.
func (c *Client) Pins() (Pins, error) { return ReadPins(c.PinsPath()) }

// Behind is what must stand behind a repository: roots that somebody named beforehand, or else bulla's
// own pins. Errors are those of Pins.
func (c *Client) Behind(gun GUN, certificates, rootKeys []string) (Trust, error) {
	if len(certificates)+len(rootKeys) > 0 {
		return Trust{Certificates: certificates, RootKeys: rootKeys}, nil
	}
	pins, err := c.Pins()
	if err != nil {
		return Trust{}, err
	}
	return pins.For(gun), nil
}

// PinsPath is the file of bulla's own pins.
func (c *Client) PinsPath() string { return filepath.Join(c.stateDir, "pins.json") }

// Pin keeps root certificates for one repository, in place of those that were kept for it.
func (c *Client) Pin(gun GUN, certificates []string) error {
	return changeFile(c.PinsPath(), func() error {
		p, err := c.Pins()
		if err != nil {
			return err
		}
		if p.Certificates == nil {
			p.Certificates = map[string][]string{}
		}
		p.Certificates[gun.String()] = certificates
		return WritePins(c.PinsPath(), p)
	})
}

// Unpin forgets the root certificates and root keys that are kept for one repository by its own name.
// It reports whether there were any: a pin by the beginning of a name is for others too, and stays.
func (c *Client) Unpin(gun GUN) (had bool, err error) {
	err = changeFile(c.PinsPath(), func() error {
		p, err := c.Pins()
		if err != nil {
			return err
		}
		name := gun.String()
		_, certificates := p.Certificates[name]
		_, rootKeys := p.RootKeys[name]
		if had = certificates || rootKeys; !had {
			return nil
		}
		delete(p.Certificates, name)
		delete(p.RootKeys, name)
		return WritePins(c.PinsPath(), p)
	})
	return had, err
}
