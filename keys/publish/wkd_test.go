package publish

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"bulla/keys"
	"bulla/keys/keystest"
	"bulla/keys/publish/web"
	"bulla/keys/publish/wkd"
)

// authority makes a certificate authority of its own and a certificate for hosts.
func authority(t testing.TB, hosts ...string) (root *x509.Certificate, server tls.Certificate) {
	t.Helper()
	newKey := func() *ecdsa.PrivateKey {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	ca := newKey()
	root = &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test CA"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, root, root, &ca.PublicKey, ca)
	if err != nil {
		t.Fatal(err)
	}
	if root, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	k := newKey()
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: hosts[0]}, DNSNames: hosts, NotBefore: root.NotBefore, NotAfter: root.NotAfter, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if der, err = x509.CreateCertificate(rand.Reader, leaf, root, &k.PublicKey, ca); err != nil {
		t.Fatal(err)
	}
	return root, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: k}
}

// hosts is a resolver that knows some hosts.
type hosts []string

func (h hosts) LookupHost(_ context.Context, host string) ([]string, error) {
	if slices.Contains(h, host) {
		return []string{"127.0.0.1"}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// served publishes the folder over TLS for all hosts, and is a Publisher that finds only the known
// ones.
func served(t testing.TB, dir string, known ...string) *Publisher {
	t.Helper()
	root, cert := authority(t, "openpgpkey.example.test", "example.test", "openpgpkey.ada.test", "ada.test")
	s := httptest.NewUnstartedServer(http.FileServer(http.Dir(dir)))
	s.Config.ErrorLog = log.New(writer{t}, "", 0)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(root)
	client := web.New(web.Options{Roots: roots, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		if host, _, _ := net.SplitHostPort(addr); !slices.Contains(known, host) {
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		}
		return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
	}})
	return New(Options{Client: client, Resolver: hosts(known)})
}

type writer struct{ t testing.TB }

func (w writer) Write(b []byte) (int, error) { return len(b), nil }

func TestDirectory(t *testing.T) {
	home, f := ada(t, "Ada <Ada.L@example.test>", "Ada at home <home@ada.test>")
	dir := t.TempDir()
	all := plan(t, ringOf(t, home), f, Choice{AllUserIDs: true}, "wkd:"+dir)
	elsewhere := served(t, t.TempDir(), "openpgpkey.example.test", "ada.test")
	r := publishOne(t, elsewhere, all)
	if r.Err != nil || r.Stage != StageStored || r.State() != "stored, waiting for the upload" || !strings.Contains(strings.Join(r.Notes, "\n"), "Upload "+filepath.Join(dir, ".well-known", "openpgpkey")) {
		t.Fatalf("written: %s, %+v", r.State(), r)
	}
	// Each file holds the key with the one user id, and gpg's hashes are ours.
	for _, address := range []string{"Ada.L@example.test", "home@ada.test"} {
		hash, _, _ := strings.Cut(wksHash(t, address), "@")
		_, domain, _ := strings.Cut(address, "@")
		for _, path := range []string{domain + "/hu/" + hash, "hu/" + hash} {
			data := []byte(readAll(t, filepath.Join(dir, ".well-known/openpgpkey", path)))
			if k, ok := describe(data); !ok || k.Fingerprint != f || len(k.UserIDs) != 1 || keys.AddressOf(k.UserIDs[0]) != address {
				t.Errorf("%s: %+v", path, k)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, ".well-known/openpgpkey", domain, "policy")); err != nil {
			t.Error(err)
		}
	}
	// One domain by the advanced method, the other by the direct one.
	p := served(t, dir, "openpgpkey.example.test", "ada.test")
	if r = checkOne(t, p, all); !r.Done() || r.Stage != StageAddress || r.Addresses[0].Detail == r.Addresses[1].Detail {
		t.Errorf("live: %s, %+v", r.State(), r)
	}
	for _, q := range []string{"ada.l@example.test", "home@ada.test"} {
		query, _ := ParseQuery(q)
		found, misses, err := p.Fetch(t.Context(), query, []Target{{Kind: KindWKD}}, nil)
		if err != nil || len(found) != 1 || found[0].Key.Fingerprint != f {
			t.Errorf("%s: %+v, %+v, %v", q, found, misses, err)
		}
	}
	// The subdomain exists and has nothing: the direct method does not count then.
	hidden := served(t, dir, "openpgpkey.example.test", "openpgpkey.ada.test", "ada.test")
	if err := os.RemoveAll(filepath.Join(dir, ".well-known/openpgpkey/ada.test")); err != nil {
		t.Fatal(err)
	}
	query, _ := ParseQuery("home@ada.test")
	if found, misses, _ := hidden.Fetch(t.Context(), query, []Target{{Kind: KindWKD}}, nil); len(found) != 0 || !web.IsNotFound(misses[0].Err) {
		t.Errorf("behind the subdomain: %+v, %+v", found, misses)
	}
	if r = checkOne(t, p, all); !errors.Is(r.Err, fs.ErrNotExist) {
		t.Errorf("a file of the folder is missing: %+v", r)
	}
}

// wksHash asks GnuPG for the name of an address's file.
func wksHash(t testing.TB, address string) string {
	t.Helper()
	const program = "/usr/lib/gnupg/gpg-wks-client"
	if _, err := os.Stat(program); err != nil {
		keystest.Missing(t, "peer not installed: gpg-wks-client")
	}
	out, stderr, err := keystest.Run(t, nil, nil, program, "--print-wkd-hash", address)
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	return strings.Fields(out)[0]
}

// What somebody else has in a directory is not replaced without being asked, an older version is,
// and one that the domain still serves is told.
func TestDirectoryChanges(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>")
	bob, bobF := ada(t, "Bob <ada@example.test>")
	dir, live := t.TempDir(), t.TempDir()
	p := served(t, live, "openpgpkey.example.test")
	first := plan(t, ringOf(t, home), f, Choice{}, "wkd:"+dir)
	if r := publishOne(t, p, first); !r.Waiting() {
		t.Fatalf("%+v", r)
	}
	if err := os.CopyFS(live, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if r := checkOne(t, p, first); !r.Done() {
		t.Errorf("uploaded: %+v", r)
	}
	var exists *wkd.ExistsError
	if r := publishOne(t, p, plan(t, ringOf(t, bob), bobF, Choice{}, "wkd:"+dir)); !errors.As(r.Err, &exists) {
		t.Errorf("another's key: %+v", r)
	}
	gpg(t, home, nil, "--pinentry-mode", "loopback", "--passphrase", "", "--quick-set-expire", string(f), "3y")
	renewed := plan(t, ringOf(t, home), f, Choice{}, "wkd:"+dir)
	if r := publishOne(t, p, renewed); !r.Waiting() || !strings.Contains(r.Addresses[0].Detail, "older version") {
		t.Errorf("renewed: %+v", r)
	}
	p.o.Replace = true
	if r := publishOne(t, p, plan(t, ringOf(t, bob), bobF, Choice{}, "wkd:"+dir)); r.Err != nil || state(r, "ada@example.test") != AddressOtherKey {
		t.Errorf("replaced: %+v", r)
	}
}

// insideNetwork marks the process that has a network of its own.
const insideNetwork = "BULLA_TEST_NETWORK"

// TestDirectoryByPeers lets real gpg and sq locate keys in the directory that bulla wrote, and gpg
// receive and send by hkps with a private authority. Both ask the system's resolver, and dirmngr
// trusts the system's authorities only; so the test runs again in a network and a file system of
// its own, with its own resolver, authority and ports.
func TestDirectoryByPeers(t *testing.T) {
	if os.Getenv(insideNetwork) != "" {
		inside(t)
		return
	}
	for _, peer := range []string{"gpg", "sq", "unshare", "ip", "mount"} {
		keystest.Peer(t, peer)
	}
	args := []string{"-m", "-n"}
	if os.Geteuid() != 0 {
		args = append(args, "--map-root-user")
	}
	if err := exec.Command("unshare", append(args, "true")...).Run(); err != nil {
		t.Skipf("this system does not let a process have a network of its own: %v", err)
	}
	out, stderr, err := keystest.Run(t, nil, []string{insideNetwork + "=1"}, "unshare", append(args, os.Args[0], "-test.run=^TestDirectoryByPeers$", "-test.v")...)
	if err != nil || !strings.Contains(out, "--- PASS: TestDirectoryByPeers") {
		t.Errorf("%v\n%s%s", err, out, stderr)
	}
}

func inside(t *testing.T) {
	home, f := ada(t, "Ada <ada@example.test>", "Ada at home <home@ada.test>")
	dir := t.TempDir()
	known := []string{"openpgpkey.example.test", "ada.test", "keys.example.test"}
	root, cert := authority(t, known...)
	network(t, known, root)
	serveTLS(t, http.FileServer(http.Dir(dir)), cert)
	all := plan(t, ringOf(t, home), f, Choice{AllUserIDs: true}, "wkd:"+dir)
	if r := publishOne(t, New(Options{}), all); !r.Done() || r.Stage != StageAddress {
		t.Fatalf("by our own eyes: %s, %+v", r.State(), r)
	}
	stranger := keystest.GnuPGHome(t)
	for _, address := range []string{"ada@example.test", "home@ada.test"} {
		out := gpg(t, stranger, nil, "--with-colons", "--auto-key-locate", "clear,nodefault,wkd", "--locate-external-keys", address)
		if !strings.Contains(out, string(f)) || !strings.Contains(out, address) {
			t.Errorf("gpg locates %s:\n%s", address, out)
		}
		got, stderr, err := keystest.Run(t, nil, nil, "sq", "wkd", "get", address)
		if err != nil {
			t.Errorf("sq wkd get %s: %v\n%s", address, err, stderr)
		}
		if ring, err := keys.ReadKeyring([]byte(got), keys.SourceFile); err != nil || ring.Len() != 1 || ring.Keys()[0].Fingerprint != f || len(ring.Keys()[0].UserIDs) != 1 {
			t.Errorf("sq got for %s: %v, %+v", address, err, ring.Keys())
		}
	}
	if _, _, err := keystest.GPG(t, stranger, nil, "--auto-key-locate", "clear,nodefault,wkd", "--locate-external-keys", "nobody@example.test"); err == nil {
		t.Error("gpg locates nobody")
	}
	if n := strings.Count(gpg(t, stranger, nil, "--with-colons", "--list-keys"), "\nuid:"); n != 2 {
		t.Errorf("gpg has %d user ids", n)
	}
}

// network makes the network that the process is alone in usable: a resolver that knows some hosts,
// and an authority that the system trusts.
func network(t *testing.T, known []string, root *x509.Certificate) {
	t.Helper()
	run := func(name string, args ...string) {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
		}
	}
	run("ip", "link", "set", "lo", "up")
	over := func(path string, data []byte) {
		mine := filepath.Join(t.TempDir(), filepath.Base(path))
		if err := os.WriteFile(mine, data, 0o644); err != nil {
			t.Fatal(err)
		}
		run("mount", "--bind", mine, path)
	}
	over("/etc/resolv.conf", []byte("nameserver 127.0.0.1\n"))
	over("/etc/hosts", []byte("127.0.0.1 localhost\n"))
	over("/etc/ssl/certs/ca-certificates.crt", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	t.Setenv("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt")
	resolve(t, known)
}

// resolve answers for the known hosts with 127.0.0.1; others do not exist.
func resolve(t *testing.T, known []string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	go func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := c.ReadFrom(buf)
			if err != nil {
				return
			}
			if out, err := reply(buf[:n], known); err == nil {
				_, _ = c.WriteTo(out, from)
			}
		}
	}()
}

func reply(query []byte, known []string) ([]byte, error) {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return nil, err
	}
	q, err := p.Question()
	if err != nil {
		return nil, err
	}
	ok := slices.Contains(known, strings.TrimSuffix(strings.ToLower(q.Name.String()), "."))
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: h.ID, Response: true, RecursionAvailable: true, RecursionDesired: h.RecursionDesired}, Questions: []dnsmessage.Question{q}}
	switch {
	case !ok:
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 1}, Body: &dnsmessage.AResource{A: [4]byte{127, 0, 0, 1}}}}
	}
	return m.Pack()
}

// serveTLS answers on port 443, where Web Key Directories are.
func serveTLS(t *testing.T, h http.Handler, cert tls.Certificate) {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:443", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: log.New(writer{t}, "", 0)}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
}
