package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"bulla/docker/dct/trusttest"
	"bulla/keys/keystest"
)

// The commands of Content Trust, as the scripts in testdata/trust tell it, with a real trust
// server. Besides the commands of TestContract's scripts they use
//
//	trustserver         a notary-server: sets DOCKER_CONTENT_TRUST_SERVER and DOCKER_CONFIG
//	trustserver stop    end it
//	trustserver lose R  let it lose all trust data of the repository R
func TestTrustContract(t *testing.T) {
	keystest.Peer(t, "notary-server")
	servers := map[string]*trusttest.Server{}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "trust"),
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Condition:           condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": cmdCode, "json": cmdJSON, "fields": cmdFields, "lines": cmdLines, "registry": cmdRegistry, "image": cmdImage,
			"repository": cmdRepository,
			"trustserver": func(ts *testscript.TestScript, _ bool, args []string) {
				switch {
				case len(args) == 2:
					s := servers[ts.Name()]
					req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, s.URL+"/v2/"+args[1]+"/_trust/tuf/", nil)
					ts.Check(err)
					resp, err := s.CA.Client(t).Do(req)
					ts.Check(err)
					if _ = resp.Body.Close(); resp.StatusCode != http.StatusOK {
						ts.Fatalf("it lost nothing: %d", resp.StatusCode)
					}
					return
				case len(args) == 1:
					servers[ts.Name()].Stop()
					return
				}
				s := trusttest.Start(t, trusttest.NewCA(t))
				servers[ts.Name()] = s
				dir := ts.MkAbs("docker")
				ts.Check(os.CopyFS(dir, os.DirFS(trusttest.DockerDir(t, s.CA, "{}", s.Host))))
				ts.Setenv("DOCKER_CONTENT_TRUST_SERVER", s.URL)
				ts.Setenv("DOCKER_CONFIG", dir)
			},
		},
	})
}
