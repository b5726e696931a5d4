package history

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/keys/keystest"
)

// corpus is the folder of real signatures, and when their truth was written down.
func corpus(t testing.TB) (dir string, at time.Time) {
	t.Helper()
	dir = keystest.Corpus(t)
	f, err := os.Open(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var truth struct{ Generated time.Time }
	if err := json.NewDecoder(f).Decode(&truth); err != nil {
		t.Fatal(err)
	}
	return dir, truth.Generated
}

// keyFiles are the public keys that come with a repository of the corpus.
func keyFiles(dir string) (paths []string) {
	for _, name := range []string{"keys.asc", "allowed_signers"} {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); err == nil {
			paths = append(paths, path)
		}
	}
	return paths
}

// differs are the tags where bulla and `git verify-tag` differ on purpose.
var differs = map[string]string{
	"git__git refs/tags/v0.99": "git 2.39 cannot read a tag without a tagger",
}

// TestCorpus opens every repository of the corpus twice, the second time out of the cache, and
// compares each row with what git and GnuPG say of the tag.
func TestCorpus(t *testing.T) {
	alone(t)
	dir, at := corpus(t)
	tables, err := filepath.Glob(filepath.Join(dir, "tags", "*", "truth.tsv"))
	if err != nil || len(tables) == 0 {
		t.Skipf("no tags in the corpus: %v", err)
	}
	agree := map[string]int{}
	for _, table := range tables {
		home := filepath.Dir(table)
		cache := t.TempDir()
		v := verifier(t, filepath.Join(home, "repo.git"), at, keyFiles(home)...)
		first := judged(t, open(t, v, cache))
		tl := open(t, v, cache)
		if len(tl.cache.known) == 0 {
			t.Errorf("%s: nothing was remembered", home)
		}
		compareRows(t, first, judged(t, tl))
		rows := map[string]*Release{}
		for i := range first {
			rows["refs/tags/"+first[i].Tag] = &first[i]
		}
		for _, row := range keystest.Table(t, table) {
			compareTruth(t, filepath.Base(home), row, rows[row["ref"]], agree)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(agree)) {
		t.Logf("%5d  %s", agree[k], k)
	}
}

func compareTruth(t *testing.T, repo string, row map[string]string, r *Release, agree map[string]int) {
	t.Helper()
	if r == nil {
		t.Errorf("%s %s has no row", repo, row["ref"])
		return
	}
	if got := r.Lightweight; got != (row["object_type"] != "tag") || r.ObjectID != row["tag_sha"] && row["object_type"] == "tag" {
		t.Errorf("%s %s: lightweight %v, object %s, want %s %s", repo, r.Tag, got, r.ObjectID, row["object_type"], row["tag_sha"])
	}
	if len(r.Verdicts) != 1 {
		t.Errorf("%s %s: %d verdicts", repo, r.Tag, len(r.Verdicts))
		return
	}
	v := r.Verdicts[0]
	if why, known := differs[repo+" "+row["ref"]]; known {
		agree["differs on purpose: "+why]++
		return
	}
	if want := wanted(row, v); !slices.Contains(want, v.Status) {
		t.Errorf("%s %s: %s (%s), git says %s %s, at signing time %q", repo, r.Tag, v.Status, v.Reason, row["kind"], row["verdict"], row["verdict_at_signing_time"])
		return
	}
	if v.Signer != nil && row["kind"] == "openpgp" && (string(v.Signer.Fingerprint) != row["fpr"] || string(v.Signer.Primary) != row["primary"]) {
		t.Errorf("%s %s: by %s of %s, gpg says %s of %s", repo, r.Tag, v.Signer.Fingerprint, v.Signer.Primary, row["fpr"], row["primary"])
	}
	agree[row["kind"]+" "+strings.SplitN(row["verdict"], ":", 2)[0]+" is "+string(v.Status)]++
}

// wanted maps git's word to the statuses that agree with it.
func wanted(row map[string]string, v keys.Verdict) []keys.Status {
	switch row["kind"] {
	case "ssh":
		if strings.HasPrefix(row["verdict"], "GOOD:") {
			return []keys.Status{keys.StatusGood}
		}
		return []keys.Status{keys.StatusUnknownKey}
	case "x509":
		return []keys.Status{keys.StatusUnsupported}
	case "openpgp":
	default:
		return []keys.Status{keys.StatusUnsigned}
	}
	weak := isWeak(v)
	switch word, then := row["verdict"], row["verdict_at_signing_time"]; {
	case word == "GOODSIG" && weak:
		return []keys.Status{keys.StatusWeak}
	case word == "GOODSIG":
		return []keys.Status{keys.StatusGood}
	case word == "EXPKEYSIG" && weak:
		return []keys.Status{keys.StatusWeak, keys.StatusAfterExpiry}
	case word == "EXPKEYSIG" && then == "GOODSIG":
		return []keys.Status{keys.StatusGoodExpiredSince}
	case word == "EXPKEYSIG":
		return []keys.Status{keys.StatusAfterExpiry}
	case word == "REVKEYSIG":
		return []keys.Status{keys.StatusRevoked, keys.StatusGoodExpiredSince}
	case word == "BADSIG":
		return []keys.Status{keys.StatusBad}
	case word == "ERRSIG":
		return []keys.Status{keys.StatusUnknownKey, keys.StatusUnsupported}
	}
	return []keys.Status{keys.StatusMalformed, keys.StatusUnsigned, keys.StatusUnsupported}
}

// isWeak works out from the facts of a verdict whether its status must be weak.
func isWeak(v keys.Verdict) bool {
	if v.Signer == nil {
		return false
	}
	bits, isRSA := strings.CutPrefix(v.Signer.Algorithm, "rsa")
	n, _ := strconv.Atoi(bits)
	return strings.HasPrefix(v.Signer.Algorithm, "dsa") || isRSA && n < 2048 || v.Signer.Hash == "sha1" || v.Signer.Hash == "ripemd160"
}
