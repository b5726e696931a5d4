package main

import (
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
				if len(args) > 0 {
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
