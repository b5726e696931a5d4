package dct

import (
	"bytes"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/docker/dct/trusttest"
	"bulla/keys"
)

// The peers judge the same tampered trust data as we do, through the same attacker, with empty folders: a
// warm cache of theirs would be a success out of memory, which they allow and we do not.
func TestPeersRefuseWhatWeRefuse(t *testing.T) {
	a := newAttacked(t)
	old := a.owner.files(t)
	two := a.push("team/app:2")
	mustSign(t, a.owner, two, a.trust)
	neighbour, trust := a.initialized("team/other")
	mustSign(t, neighbour, a.push("team/other:2"), trust)
	present := a.owner.files(t)
	for name, c := range map[string]struct {
		files   map[string][]byte
		refused bool
	}{
		"untouched":                             {nil, false},
		"targets altered":                       {map[string][]byte{"targets": bytes.Replace(present["targets"], []byte(`"length":`), []byte(`"length":1`), 1)}, true},
		"targets of another repository":         {map[string][]byte{"targets": neighbour.files(t)["targets"]}, true},
		"older targets":                         {map[string][]byte{"targets": old["targets"]}, true},
		"old snapshot under the new timestamp":  {map[string][]byte{"snapshot": old["snapshot"]}, true},
		"old timestamp over the new snapshot":   {map[string][]byte{"timestamp": old["timestamp"], "snapshot": present["snapshot"]}, true},
		"timestamp of another repository":       {map[string][]byte{"timestamp": neighbour.files(t)["timestamp"]}, true},
		"everything but the root of the other":  {map[string][]byte{"targets": neighbour.files(t)["targets"], "snapshot": neighbour.files(t)["snapshot"], "timestamp": neighbour.files(t)["timestamp"]}, true},
		"a timestamp with its signature broken": {map[string][]byte{"timestamp": bytes.Replace(present["timestamp"], []byte(`"version":`), []byte(`"version":1`), 1)}, true},
	} {
		a.attacker.set(answering(c.files))
		vs, _, err := a.stranger().Verify(t.Context(), two, a.trust)
		if refused := err != nil || vs[0].Status != keys.StatusGood; refused != c.refused {
			t.Errorf("%s: we refuse: %v, %+v, %v", name, refused, vs, err)
		}
		server := &trusttest.Server{URL: a.attacker.url, CA: a.server.CA}
		folder := func() string { return trusttest.DockerDir(t, a.server.CA, "{}", a.attacker.url[len("https://"):]) }
		if out, err := trusttest.Notary(t, server, folder()).Run("lookup", a.owner.GUN().String(), "2"); (err != nil) != c.refused {
			t.Errorf("%s: notary: %s%v", name, out, err)
		}
		got, err := trusttest.Docker(t, server, folder()).Inspect(two.Reference.String())
		if refused := err != nil || len(got.SignedTags) == 0; refused != c.refused {
			t.Errorf("%s: docker trust: %+v, %v", name, got, err)
		}
	}
}

// A change that the notary command has put down and not published yet is not carried by what we publish;
// and we put none down, not even where publishing fails, that its next publish would carry.
func TestNoChangeListIsCarried(t *testing.T) {
	a := newAttacked(t)
	gun := a.owner.GUN().String()
	n := trusttest.Notary(t, a.server, a.dockerDir) // Docker's own folder
	theirs := a.push("team/app:theirs")
	n.Must("addhash", gun, "theirs", size(theirs), "--sha256", strings.TrimPrefix(theirs.Digest, "sha256:"))
	if len(changes(t, a.dockerDir)) != 1 {
		t.Fatalf("notary put down %v", changes(t, a.dockerDir))
	}
	mustSign(t, a.owner, a.push("team/app:2"), a.trust)
	s := mustRead(t, a.owner, a.trust)
	if _, there := s.Tag("theirs"); there || len(s.Tags) != 2 {
		t.Errorf("published: %+v", s.Tags)
	}
	if left := changes(t, a.dockerDir); len(left) != 1 {
		t.Errorf("their change: %v", left)
	}

	// Publishing fails: nothing of it stays for later.
	a.attacker.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodPost {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	failing := a.clientIn(trusted(t, a), t.TempDir(), a.attacker.url)
	if _, err := failing.Repository(a.owner.GUN()).Sign(t.Context(), a.push("team/app:3"), a.trust, answer); err == nil {
		t.Fatal("published")
	}
	for _, dir := range []string{failing.dockerDir, failing.stateDir} {
		if left := changes(t, dir); len(left) != 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	n.Must("publish", gun)
	s = mustRead(t, a.owner, a.trust)
	if _, three := s.Tag("3"); three || len(s.Tags) != 3 {
		t.Errorf("after notary's publish: %+v", s.Tags)
	}
}

// trusted is a Docker folder with the owner's keys that knows the attacker's certificate.
func trusted(t *testing.T, a *attacked) string {
	t.Helper()
	dir := trusttest.DockerDir(t, a.server.CA, "{}", a.attacker.url[len("https://"):])
	copyKeysInto(t, a.dockerDir, dir)
	return dir
}

// changes are the files of change lists below a folder.
func changes(t *testing.T, dir string) (out []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && strings.Contains(filepath.ToSlash(path), "/changelist/") {
			out = append(out, path)
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return out
}
