package docker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/docker/dct/trusttest"
	"bulla/docker/internal/registrytest"
	"bulla/keys/wire"
)

// uploaded pushes the smallest image there is, with the client's own requests.
func uploaded(t *testing.T, c *Client, ref Reference) {
	t.Helper()
	repo := c.Repo(ref)
	config, err := repo.Upload(t.Context(), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	const kind = "application/vnd.oci.image.manifest.v1+json"
	raw := `{"schemaVersion":2,"mediaType":"` + kind + `","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"` + config + `","size":2},"layers":[]}`
	if err := repo.PutManifest(t.Context(), ref.Tag(), kind, []byte(raw)); err != nil {
		t.Fatal(err)
	}
}

// A registry of a private authority that lets in only who shows a certificate: with Docker's folder
// everything works and is told; without a part of it, what is missing is said.
func TestClientCertificate(t *testing.T) {
	server, people := trusttest.NewCA(t), trusttest.NewCA(t)
	host := registrytest.DistributionForClients(t, server.Cert, server.Key, people.File)
	ref := mustParse(t, host+"/demo/app:1")

	full := server.Folder(t, host)
	people.ClientCertificate(t, full)
	c := NewClient(Options{Keychain: anonymous{}, CertDirs: []string{t.TempDir(), filepath.Dir(full)}})
	uploaded(t, c, ref)
	if _, err := c.Resolve(t.Context(), ref); err != nil {
		t.Error(err)
	}
	u, err := c.Examine(t.Context(), ref.Repository())
	if err != nil || u.Scheme != "https" || u.Authority != filepath.Join(full, "ca.crt") || u.Shown != filepath.Join(full, "client.cert") || u.ShownExpires.IsZero() || !u.Push.Allowed || u.Tags != 1 {
		t.Errorf("got %+v, %v", u, err)
	}

	bare := server.Folder(t, host) // the authority, and no certificate
	_, err = NewClient(Options{Keychain: anonymous{}, CertDirs: []string{filepath.Dir(bare)}}).Resolve(t.Context(), ref)
	if e := wantKind(t, err, KindUnreachable); !wire.WantsCertificate(e) {
		t.Errorf("without a certificate: %v", err)
	}
	wrong := server.Folder(t, host)
	server.ClientCertificate(t, wrong) // by an authority that the registry does not ask
	_, err = NewClient(Options{Keychain: anonymous{}, CertDirs: []string{filepath.Dir(wrong)}}).Resolve(t.Context(), ref)
	if e := wantKind(t, err, KindUnreachable); !wire.WantsCertificate(e) {
		t.Errorf("with a certificate of another authority: %v", err)
	}
	_, err = NewClient(Options{Keychain: anonymous{}}).Resolve(t.Context(), ref)
	if e := wantKind(t, err, KindUnreachable); !strings.Contains(e.Error(), "not known here") {
		t.Errorf("without the authority: %v", err)
	}
	stranger := trusttest.NewCA(t).Folder(t, host)
	_, err = NewClient(Options{Keychain: anonymous{}, CertDirs: []string{filepath.Dir(stranger)}}).Resolve(t.Context(), ref)
	wantKind(t, err, KindUnreachable)
}

// Where certificates are set up for a registry, nothing is asked of it without TLS, though Docker's
// rules would allow it on this machine.
func TestCertificatesMeanTLS(t *testing.T) {
	reg := registrytest.Faults(t, false)
	dir := trusttest.NewCA(t).Folder(t, reg.Host)
	c := NewClient(Options{Keychain: anonymous{}, CertDirs: []string{filepath.Dir(dir)}})
	_, err := c.Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app:1"))
	wantKind(t, err, KindUnreachable)
	if _, err := c.Examine(t.Context(), repositoryOf(t, reg.Host+"/demo/app")); err == nil {
		t.Error("the doctor went on without TLS")
	}
	if asked := reg.Requests(); len(asked) > 0 {
		t.Errorf("asked without TLS: %v", asked)
	}
}

// Files that cannot be used are named, with what is wrong with them; nothing is asked of the registry
// then, and nothing of a key is told.
func TestBadCertificateFiles(t *testing.T) {
	ca := trusttest.NewCA(t)
	reg := registrytest.Faults(t, false)
	read := func(path string) string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	pair := ca.Folder(t, "pair")
	ca.ClientCertificate(t, pair)
	key := read(filepath.Join(pair, "client.key"))
	for name, c := range map[string]struct {
		files      map[string]string
		file, want string
	}{
		"no certificate in it":   {map[string]string{"ca.crt": "canary"}, "ca.crt", "no certificate in PEM form"},
		"damaged authority":      {map[string]string{"ca.crt": "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n"}, "ca.crt", "damaged"},
		"certificate, no key":    {map[string]string{"client.cert": read(ca.Cert)}, "client.cert", "client.key is not there"},
		"key, no certificate":    {map[string]string{"client.key": key}, "client.key", "client.cert is not there"},
		"another's key":          {map[string]string{"client.cert": read(ca.Cert), "client.key": key}, "client.cert", "does not match"},
		"no key in it":           {map[string]string{"client.cert": read(ca.Cert), "client.key": "canary"}, "client.cert", "cannot be used with client.key"},
		"protected key":          {map[string]string{"client.cert": read(ca.Cert), "client.key": strings.ReplaceAll(key, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY")}, "client.key", "passphrase"},
		"a certificate too many": {map[string]string{"ca.crt": strings.Repeat("x", maxCertificates+1)}, "ca.crt", "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), CertificateFolder(reg.Host))
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for n, content := range c.files {
				if err := os.WriteFile(filepath.Join(dir, n), []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			client := NewClient(Options{Keychain: anonymous{}, CertDirs: []string{filepath.Dir(dir)}})
			_, err := client.Resolve(t.Context(), mustParse(t, reg.Host+"/demo/app:1"))
			e := wantKind(t, err, KindCertificates)
			var file *CertificateError
			if !errors.As(e, &file) || file.Path != filepath.Join(dir, c.file) || !strings.Contains(file.Reason, c.want) || strings.Contains(e.Error(), "canary") {
				t.Errorf("got %v", err)
			}
			if asked := reg.Requests(); len(asked) > 0 {
				t.Errorf("asked all the same: %v", asked)
			}
		})
	}
}

// What is no certificate is passed over, and a folder without any counts as none: the next one is read.
func TestFoldersWithoutCertificates(t *testing.T) {
	ca := trusttest.NewCA(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, filepath.Join(dir, "none")} {
		if c, err := ReadCertificates(d); c != nil || err != nil {
			t.Errorf("got %+v, %v", c, err)
		}
	}
	if c, err := ReadCertificates(ca.Folder(t, "x")); c == nil || err != nil || len(c.authorities) != 1 {
		t.Errorf("got %+v, %v", c, err)
	}
	var none *Certificates
	if none.voucher(nil) != "" {
		t.Error("no certificates are some")
	}
}

// The authorities of the system are read only where none of the folder stands behind a server, once, and
// count there beside those of the folder.
func TestSystemsAuthorities(t *testing.T) {
	private, public := trusttest.NewCA(t), trusttest.NewCA(t)
	answers := func(ca *trusttest.CA) string {
		pair, err := tls.LoadX509KeyPair(ca.Cert, ca.Key)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			_, _ = w.Write(b)
		}))
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
		s.StartTLS()
		t.Cleanup(s.Close)
		return s.URL
	}
	certs, err := ReadCertificates(private.Folder(t, "x"))
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	pem, err := os.ReadFile(public.File)
	if err != nil {
		t.Fatal(err)
	}
	certs.system = func() *x509.CertPool {
		read++
		pool := x509.NewCertPool()
		pool.AppendCertsFromPEM(pem)
		return pool
	}
	client := &http.Client{Transport: Transport(certs, "test")}
	post := func(url string) (string, error) {
		resp, err := client.Post(url, "text/plain", strings.NewReader("a body"))
		if err != nil {
			return "", err
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		return string(b), err
	}
	own, other, stranger := answers(private), answers(public), answers(trusttest.NewCA(t))
	if got, err := post(own); got != "a body" || err != nil || read != 0 {
		t.Fatalf("behind an authority of the folder: %q, %v; the system's were read %d times", got, err, read)
	}
	for range 2 {
		if got, err := post(other); got != "a body" || err != nil || read != 1 {
			t.Fatalf("behind one of the system's: %q, %v; they were read %d times", got, err, read)
		}
	}
	var unknown x509.UnknownAuthorityError
	if _, err := post(stranger); !errors.As(err, &unknown) {
		t.Errorf("behind neither: %v", err)
	}
}
