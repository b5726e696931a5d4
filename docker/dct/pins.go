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
)

// Pins say which root certificates repositories must have, in the form of the notary command's
// configuration ("trust_pinning"), so that the same file serves both. A daemon.json of Mirantis
// Container Runtime has the same thing under "content-trust" and "trust-pinning".
type Pins struct {
	// Certificates are ids of root certificates by GUN, or by a beginning of GUNs with * at its
	// end. The exact name, then the longest beginning, is what counts.
	Certificates map[string][]string
	// CAs are PEM files of authorities by a beginning of GUNs.
	CAs map[string]string
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
	Notary *struct {
		Certs       map[string]any    `json:"certs,omitempty"`
		CA          map[string]string `json:"ca,omitempty"`
		DisableTOFU bool              `json:"disable_tofu"`
	} `json:"trust_pinning"`
	Daemon *struct {
		Pinning struct {
			RootKeys  map[string][]string `json:"root-keys"`
			OfficialD map[string]any      `json:"official-library-images"`
		} `json:"trust-pinning"`
	} `json:"content-trust"`
}

// certID is a root certificate's id.
var certID = regexp.MustCompile(`^[0-9a-f]{64}$`)

// ParsePins reads pins out of a notary configuration or a daemon.json. A file without any is no
// error. Path is for messages, and what relative names of authorities are relative to.
func ParsePins(b []byte, path string) (Pins, error) {
	p := Pins{Certificates: map[string][]string{}, CAs: map[string]string{}}
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
		for gun, ids := range f.Daemon.Pinning.RootKeys {
			p.Certificates[gun] = append(p.Certificates[gun], ids...)
		}
	}
	return p, p.check(path)
}

// check refuses what would pin nothing, or pin the wrong thing.
func (p Pins) check(path string) error {
	for gun, ids := range p.Certificates {
		if len(ids) == 0 {
			return &PinsError{Path: path, Reason: "no certificate is named for " + gun}
		}
		for _, id := range ids {
			if !certID.MatchString(id) {
				return &PinsError{Path: path, Reason: fmt.Sprintf("%q, for %s, is not the id of a certificate (64 hexadecimal digits)", id, gun)}
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
	f, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Pins{}, nil
	} else if err == nil && f.Size() > maxPins {
		return Pins{}, &PinsError{Path: path, Reason: fmt.Sprintf("longer than %d bytes", maxPins)}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return Pins{}, &PinsError{Path: path, Reason: "it cannot be read", Err: withoutPath(err)}
	}
	return ParsePins(b, path)
}

// For is what the pins say of a repository: the zero Trust if they say nothing.
func (p Pins) For(gun GUN) Trust {
	name := gun.String()
	if ids := p.Certificates[name]; len(ids) > 0 {
		return Trust{Certificates: ids}
	}
	longest := ""
	for pattern := range p.Certificates {
		if begin, ok := strings.CutSuffix(pattern, "*"); ok && strings.HasPrefix(name, begin) && len(pattern) > len(longest) {
			longest = pattern
		}
	}
	if longest != "" {
		return Trust{Certificates: p.Certificates[longest]}
	}
	begins := slices.DeleteFunc(slices.Collect(maps.Keys(p.CAs)), func(b string) bool { return !strings.HasPrefix(name, b) })
	if len(begins) == 0 {
		return Trust{}
	}
	return Trust{CA: p.CAs[slices.MaxFunc(begins, func(a, b string) int { return len(a) - len(b) })]}
}

// WritePins writes a file of pins, in notary's form, in place of what was there. First use is
// switched off in it.
func WritePins(path string, p Pins) error {
	if err := p.check(path); err != nil {
		return err
	}
	type notary struct {
		Certs       map[string][]string `json:"certs,omitempty"`
		CA          map[string]string   `json:"ca,omitempty"`
		DisableTOFU bool                `json:"disable_tofu"`
	}
	b, err := json.MarshalIndent(map[string]notary{"trust_pinning": {p.Certificates, p.CAs, true}}, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return atomicfile.Write(path, append(b, '\n'), 0o600)
}

// Pins are those that bulla keeps itself, among its own files.
func (c *Client) Pins() (Pins, error) { return ReadPins(c.PinsPath()) }

// PinsPath is the file of bulla's own pins.
func (c *Client) PinsPath() string { return filepath.Join(c.stateDir, "pins.json") }

// Pin keeps root certificates for one repository, in place of those that were kept for it.
func (c *Client) Pin(gun GUN, certificates []string) error {
	p, err := c.Pins()
	if err != nil {
		return err
	}
	if p.Certificates == nil {
		p.Certificates = map[string][]string{}
	}
	p.Certificates[gun.String()] = certificates
	return WritePins(c.PinsPath(), p)
}
