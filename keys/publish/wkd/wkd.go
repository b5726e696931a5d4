// Package wkd knows Web Key Directories (draft-koch-openpgp-webkey-service): where the key of an
// address lies, by both methods, and how such a directory is written.
package wkd

import (
	"bytes"
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/net/idna"

	"bulla/keys/atomicfile"
	"bulla/keys/limits"
	"bulla/keys/publish/web"
)

// Method is one of the two ways to find a key. The advanced one comes first; the direct one counts
// only where the host openpgpkey.DOMAIN does not exist.
type Method string

// The methods.
const (
	Advanced Method = "advanced"
	Direct   Method = "direct"
)

// Methods are both, in the order in which they are tried.
var Methods = []Method{Advanced, Direct}

// Place is where the key of an address lies.
type Place struct {
	Method Method
	// Host serves it.
	Host string
	// URL is what is asked for; Path is the file, relative to the root of that host, with slashes.
	URL, Path string
	// Policy is the file beside it that has to exist.
	Policy string
}

// ErrAddress says that an address has no Web Key Directory.
var ErrAddress = errors.New("this is no address with a domain")

// Locate finds the place of an address by a method.
func Locate(address string, m Method) (Place, error) {
	i := strings.LastIndexByte(address, '@')
	if i < 1 || strings.ContainsAny(address, " \t\r\n<>\"") {
		return Place{}, ErrAddress
	}
	local := address[:i]
	domain, err := idna.Lookup.ToASCII(address[i+1:])
	if err != nil || domain == "" || strings.ContainsAny(domain, "/\\:") || strings.HasPrefix(domain, ".") {
		return Place{}, ErrAddress
	}
	sum := sha1.Sum([]byte(asciiLower(local)))
	p := Place{Method: m, Host: domain}
	dir := "/.well-known/openpgpkey"
	if m == Advanced {
		p.Host = "openpgpkey." + domain
		dir += "/" + domain
	}
	p.Path = dir + "/hu/" + zbase32(sum[:])
	p.Policy = dir + "/policy"
	p.URL = "https://" + p.Host + p.Path + "?l=" + url.QueryEscape(local)
	return p, nil
}

// asciiLower is the mapping of the draft, which leaves everything beyond ASCII as it is.
func asciiLower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, s)
}

// zbase32 writes 20 bytes as 32 characters of the alphabet of RFC 6189, section 5.1.6.
func zbase32(b []byte) string {
	const alphabet = "ybndrfg8ejkmcpqxot1uwisza345h769"
	var out strings.Builder
	var bits, n uint
	for _, c := range b {
		bits = bits<<8 | uint(c)
		for n += 8; n >= 5; n -= 5 {
			out.WriteByte(alphabet[bits>>(n-5)&31])
		}
	}
	return out.String()
}

// maxKey is the most that a file of a directory may have.
const maxKey = 256 << 10

// ExistsError says that the file of an address holds something that is not to be replaced.
type ExistsError struct{ Path string }

func (e *ExistsError) Error() string {
	return e.Path + " holds the key of somebody else"
}

// Write puts the binary key of an address below root by both methods, each with its policy file,
// and returns the files that were written or were right already. A policy that is there stays. mine
// tells from the content of a file whether it may be replaced; if one may not, nothing is written
// and the error is an *ExistsError.
func Write(root, address string, key []byte, mine func(old []byte) bool) (files []string, err error) {
	if len(key) > maxKey {
		return nil, fmt.Errorf("the key has more than %d KiB", maxKey>>10)
	}
	type file struct {
		path    string
		data    []byte
		replace bool
	}
	var plan []file
	for _, m := range Methods {
		p, err := Locate(address, m)
		if err != nil {
			return nil, err
		}
		path := filepath.Join(root, filepath.FromSlash(p.Path))
		old, err := limits.ReadFile(path, maxKey)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case !bytes.Equal(old, key) && !mine(old):
			return nil, &ExistsError{path}
		}
		plan = append(plan, file{filepath.Join(root, filepath.FromSlash(p.Policy)), nil, false}, file{path, key, true})
	}
	for _, f := range plan {
		if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
			return files, err
		}
		switch {
		case f.replace:
			err = atomicfile.Write(f.path, f.data, 0o644)
		default:
			if err = atomicfile.Create(f.path, f.data, 0o644); errors.Is(err, fs.ErrExist) {
				err = nil
			}
		}
		if err != nil {
			return files, err
		}
		files = append(files, f.path)
	}
	return files, nil
}

// Written reads what Write put there.
func Written(root, address string, m Method) ([]byte, error) {
	p, err := Locate(address, m)
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(p.Policy))); err != nil {
		return nil, err
	}
	return limits.ReadFile(filepath.Join(root, filepath.FromSlash(p.Path)), maxKey)
}

// Resolver tells whether a host exists: net.Resolver, or one of a test.
type Resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// Directory asks live directories.
type Directory struct {
	Client   *web.Client
	Resolver Resolver
}

// Live is what one method gives.
type Live struct {
	Place
	// Counts says that programs look here: always for the advanced method where its host exists,
	// and for the direct one where it does not.
	Counts bool
	Data   []byte
	// NoPolicy says that the policy file is missing, without which the directory does not count for
	// some programs.
	NoPolicy bool
	Err      error
}

// Look asks for the key of an address by both methods. The first that counts is the one that
// programs use.
func (d Directory) Look(ctx context.Context, address string) ([]Live, error) {
	var out []Live
	advanced := true
	for _, m := range Methods {
		p, err := Locate(address, m)
		if err != nil {
			return nil, err
		}
		l := Live{Place: p, Counts: m == Advanced || !advanced}
		if m == Advanced {
			_, err := d.Resolver.LookupHost(ctx, p.Host)
			var dns *net.DNSError
			if errors.As(err, &dns) && dns.IsNotFound {
				advanced, l.Counts = false, false
				l.Err = &web.Error{Host: p.Host, Op: "look for the directory", Kind: web.KindUnreachable, Detail: "there is no such host", Err: err}
				out = append(out, l)
				continue
			}
		}
		l.Data, l.Err = d.get(ctx, p.URL)
		if l.Err == nil {
			_, err := d.get(ctx, "https://"+p.Host+p.Policy)
			l.NoPolicy = web.IsNotFound(err)
		}
		out = append(out, l)
	}
	return out, ctx.Err()
}

// Find asks for the key of an address as programs do: by the one method that counts.
func (d Directory) Find(ctx context.Context, address string) (data []byte, host string, err error) {
	p, err := Locate(address, Advanced)
	if err != nil {
		return nil, "", err
	}
	_, err = d.Resolver.LookupHost(ctx, p.Host)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound {
		if p, err = Locate(address, Direct); err != nil {
			return nil, "", err
		}
	}
	data, err = d.get(ctx, p.URL)
	return data, p.Host, err
}

func (d Directory) get(ctx context.Context, u string) ([]byte, error) {
	a, err := d.Client.Do(ctx, web.Request{Op: "ask the directory for the key", URL: u, Limit: maxKey})
	return a.Body, err
}
