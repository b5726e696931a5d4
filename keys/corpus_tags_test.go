package keys

import (
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"
	"bulla/keys/pgp"
)

// tagExceptions are the tags where we differ from `git verify-tag` on purpose.
var tagExceptions = map[string]string{
	// The tag has no tagger: git 2.39 gives up without a word, and the signature is by an
	// unknown key like its neighbours'.
	"git__git refs/tags/v0.99": "git cannot read a tag without a tagger",
}

// TestCorpusTags judges every tag of the corpus' repositories and compares the verdicts with
// those of git and GnuPG.
func TestCorpusTags(t *testing.T) {
	dir := keystest.Corpus(t)
	git := keystest.Peer(t, "git")
	tr := readTruth(t, dir)
	tables, err := filepath.Glob(filepath.Join(dir, "tags", "*", "truth.tsv"))
	if err != nil || len(tables) == 0 {
		t.Skipf("no tags in the corpus: %v", err)
	}
	agree := map[string]int{}
	for _, table := range tables {
		repo := filepath.Dir(table)
		j := &Judge{Keyring: tagKeyring(t, repo, "keys.asc", "allowed_signers"), Now: tr.Generated}
		observed := &Judge{Keyring: tagKeyring(t, repo, "allowed_signers.observed"), Now: tr.Generated}
		rows := readTagTable(t, table)
		objects := keystest.Objects(t, git, filepath.Join(repo, "repo.git"), column(rows, "tag_sha"))
		for _, row := range rows {
			object := objects[row["tag_sha"]]
			compareTag(t, j, filepath.Base(repo), row, object, agree)
			if row["kind"] == "ssh" {
				// The keys that the signatures themselves name: good arithmetic, no more.
				if v := judgeTag(t, observed, row, object)[0]; v.Status != StatusGood {
					t.Errorf("%s with its own key: %s (%s)", row["ref"], v.Status, v.Reason)
				}
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(agree)) {
		t.Logf("%5d  %s", agree[k], k)
	}
}

func tagKeyring(t *testing.T, repo string, names ...string) *Keyring {
	t.Helper()
	var rings []*Keyring
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(repo, name))
		if err != nil {
			continue
		}
		r, err := ReadKeyring(data, SourceFile)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		rings = append(rings, r)
	}
	return MergeKeyrings(rings...)
}

func judgeTag(t *testing.T, j *Judge, row map[string]string, object []byte) []Verdict {
	t.Helper()
	payload, sig := splitTag(object)
	sigs, err := ParseSignatures(sig)
	if err != nil {
		t.Fatal(err)
	}
	c := j.Begin(sigs)
	_, _ = c.Write(payload)
	if seconds, err := strconv.ParseInt(row["tagger_time"], 10, 64); err == nil {
		c.MadeAt(time.Unix(seconds, 0))
	}
	return c.Verdicts(KindTag, row["ref"])
}

func compareTag(t *testing.T, j *Judge, repo string, row map[string]string, object []byte, agree map[string]int) {
	t.Helper()
	name := repo + " " + row["ref"]
	verdicts := judgeTag(t, j, row, object)
	word, at := row["verdict"], row["verdict_at_signing_time"]
	var want []Status
	switch row["kind"] {
	case "openpgp":
		want = wanted(word, at, mustBeWeak(verdicts[0]))
	case "ssh":
		want = []Status{StatusUnknownKey}
		if strings.HasPrefix(word, "GOOD:") {
			want = []Status{StatusGood}
		}
	case "x509":
		want = []Status{StatusUnsupported}
	default:
		want = []Status{StatusUnsigned}
	}
	v := verdicts[0]
	switch {
	case len(verdicts) != 1 || !slices.Contains(want, v.Status):
		if why, known := tagExceptions[name]; known {
			agree["differs on purpose: "+why]++
			return
		}
		t.Errorf("%s: %s (%s), git says %s %s, at signing time %q", name, statuses(verdicts), v.Reason, row["kind"], word, at)
		return
	case v.Signer != nil && row["kind"] == "openpgp":
		seconds, _ := strconv.ParseInt(row["sig_time"], 10, 64)
		s := truthSigner{FPR: row["fpr"], Primary: row["primary"], Hash: row["hash"], Time: seconds}
		if diff := signerDifference(s, v); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	agree[row["kind"]+" "+strings.SplitN(word, ":", 2)[0]+" is "+string(v.Status)]++
}

// readTagTable reads the table of tags. Only annotated tags count.
func readTagTable(t *testing.T, path string) []map[string]string {
	t.Helper()
	return slices.DeleteFunc(keystest.Table(t, path), func(row map[string]string) bool { return row["object_type"] != "tag" })
}
func column(rows []map[string]string, name string) (out []string) {
	for _, row := range rows {
		out = append(out, row[name])
	}
	return out
}

// splitTag cuts a tag where git's parse_signed_buffer does: before the last line that begins a
// signature.
func splitTag(object []byte) (payload, sig []byte) {
	at := len(object)
	for n := 0; n < len(object); {
		for _, head := range []string{"PGP SIGNATURE", "PGP MESSAGE", "SSH SIGNATURE", "SIGNED MESSAGE"} {
			if bytes.HasPrefix(object[n:], []byte(pgp.ArmorBegin+head+pgp.ArmorDash)) {
				at = n
			}
		}
		i := bytes.IndexByte(object[n:], '\n')
		if i < 0 {
			break
		}
		n += i + 1
	}
	return object[:at], object[at:]
}
