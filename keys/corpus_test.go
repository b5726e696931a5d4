package keys

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"bulla/keys/keystest"
)

// truth is what GnuPG said of the corpus.
type truth struct {
	Generated time.Time
	Cases     []truthCase
}

type truthCase struct {
	Case, Kind, Mutation  string
	Artifact, Sig, Keys   string
	Artifact_op           []any //nolint:revive // the corpus' own name
	Verdict               string
	Signers               []truthSigner
	Tools                 map[string]json.RawMessage
	ArtifactAbsent        bool `json:"artifact_absent"`
	SplitVerdicts, AtTime []string
}

type truthSigner struct {
	Verdict, FPR, Primary, PK, Hash string
	Time                            int64
}

func readTruth(t testing.TB, dir string) truth {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "truth.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tr truth
	if err := json.Unmarshal(data, &tr); err != nil {
		t.Fatal(err)
	}
	for i := range tr.Cases {
		c := &tr.Cases[i]
		c.SplitVerdicts = splitWords(c.Verdict)
		var at struct{ Overall *string }
		if raw, ok := c.Tools["gpg_at_signing_time"]; ok {
			if err := json.Unmarshal(raw, &at); err != nil {
				t.Fatal(err)
			}
		}
		if at.Overall != nil {
			c.AtTime = splitWords(*at.Overall)
		}
	}
	return tr
}

// splitWords reads "GOODSIG+ERRSIG" and "GOODSIG*300".
func splitWords(s string) (out []string) {
	for w := range strings.SplitSeq(s, "+") {
		word, times, _ := strings.Cut(w, "*")
		n, err := strconv.Atoi(times)
		if err != nil {
			n = 1
		}
		out = append(out, slices.Repeat([]string{word}, n)...)
	}
	return out
}

// wanted maps GnuPG's word, now and with its clock at the time of signing, to our statuses.
// weak says whether a sound signature must be judged weak.
func wanted(word, atSigning string, weak bool) []Status {
	if weak {
		switch word {
		case "GOODSIG":
			return []Status{StatusWeak}
		case "EXPKEYSIG":
			return []Status{StatusWeak, StatusAfterExpiry}
		}
	}
	switch word {
	case "GOODSIG":
		return []Status{StatusGood}
	case "EXPKEYSIG":
		switch atSigning {
		case "GOODSIG":
			return []Status{StatusGoodExpiredSince}
		case "":
			return []Status{StatusGoodExpiredSince, StatusAfterExpiry}
		}
		return []Status{StatusAfterExpiry}
	case "REVKEYSIG":
		return []Status{StatusRevoked, StatusGoodExpiredSince}
	case "EXPSIG":
		return []Status{StatusExpired}
	case "BADSIG":
		return []Status{StatusBad}
	case "ERRSIG":
		return []Status{StatusUnknownKey, StatusUnsupported}
	}
	return []Status{StatusMalformed, StatusUnsigned, StatusUnsupported}
}

// corpusExceptions are the cases where we differ on purpose, by mutation or case.
var corpusExceptions = map[string]string{
	// gpg's Ed25519 code cannot take a number of length zero and reports an error; the
	// signature does not fit the data, whatever the reason.
	"mutated/libassuan--mpi-zero": "a zero in an Ed25519 signature is a bad signature",
	// gpg prints GOODSIG for a form feed in place of the empty line after the headers, but
	// exits with an error. The corpus demands that it is not taken for an empty line.
	"form-feed-blank": "a form feed does not end the headers",
}

func (c *truthCase) artifact(t *testing.T, dir string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, c.Artifact))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Artifact_op) == 0 {
		return data
	}
	number := func(i int) int { return int(c.Artifact_op[i].(float64)) }
	switch op := c.Artifact_op[0]; op {
	case "flip":
		data[number(1)] ^= byte(number(2))
	case "append":
		more, err := hex.DecodeString(c.Artifact_op[1].(string))
		if err != nil {
			t.Fatal(err)
		}
		data = append(data, more...)
	case "drop":
		data = data[:len(data)-number(1)]
	default:
		t.Fatalf("unknown artifact_op %v", op)
	}
	return data
}

// TestCorpus judges every real and every mutated signature of the corpus and compares the
// verdicts with GnuPG's.
func TestCorpus(t *testing.T) {
	dir := keystest.Corpus(t)
	tr := readTruth(t, dir)
	agree, absent := map[string]int{}, 0
	rings := map[string]*Keyring{}
	for _, c := range tr.Cases {
		if c.ArtifactAbsent {
			absent++
			continue
		}
		ring := &Keyring{}
		if c.Keys != "" {
			if rings[c.Keys] == nil {
				data, err := os.ReadFile(filepath.Join(dir, c.Keys))
				if err != nil {
					t.Fatal(err)
				}
				rings[c.Keys], _ = ReadKeyring(data, SourceFile)
			}
			ring = rings[c.Keys]
		}
		sig, err := os.ReadFile(filepath.Join(dir, c.Sig))
		if err != nil {
			t.Fatal(err)
		}
		j := &Judge{Keyring: ring, Now: tr.Generated}
		var verdicts []Verdict
		if c.Kind == "inline" {
			verdicts = inlineVerdicts(j, c.Case, sig)
		} else if verdicts, err = j.Verify(KindArtifact, c.Case, bytes.NewReader(c.artifact(t, dir)), sig); err != nil {
			t.Fatal(err)
		}
		compareCase(t, c, verdicts, agree)
	}
	for name, why := range corpusExceptions {
		if agree["differs on purpose: "+why] == 0 {
			t.Errorf("the exception %s is not needed any more", name)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(agree)) {
		t.Logf("%5d  %s", agree[k], k)
	}
	t.Logf("%5d  not compared: the signed file is too big for the corpus", absent)
}

func inlineVerdicts(j *Judge, name string, document []byte) []Verdict {
	c, err := ParseCleartext(document)
	if err != nil {
		return []Verdict{{Status: StatusMalformed, Reason: err.Error()}}
	}
	return j.VerifyCleartext(KindArtifact, name, c)
}

func compareCase(t *testing.T, c truthCase, verdicts []Verdict, agree map[string]int) {
	t.Helper()
	if diff := caseDifference(c, verdicts, agree); diff != "" {
		why, known := corpusExceptions[c.Case]
		if !known {
			why, known = corpusExceptions[c.Mutation]
		}
		if known {
			agree["differs on purpose: "+why]++
			return
		}
		t.Errorf("%s: %s", c.Case, diff)
	}
}

func caseDifference(c truthCase, verdicts []Verdict, agree map[string]int) string {
	if len(verdicts) != len(c.SplitVerdicts) {
		return fmt.Sprintf("%d verdicts, gpg says %s; ours: %s", len(verdicts), c.Verdict, statuses(verdicts))
	}
	for i, v := range verdicts {
		word, at := c.SplitVerdicts[i], ""
		if len(c.AtTime) == len(verdicts) {
			at = c.AtTime[i]
		}
		if !slices.Contains(wanted(word, at, mustBeWeak(v)), v.Status) {
			return fmt.Sprintf("%s (%s), gpg says %s, at signing time %q", v.Status, v.Reason, word, at)
		}
		if i < len(c.Signers) {
			if diff := signerDifference(c.Signers[i], v); diff != "" {
				return diff
			}
		}
		agree[word+" is "+string(v.Status)]++
	}
	return ""
}

// mustBeWeak decides by the facts in the verdict, apart from the judge's own list.
func mustBeWeak(v Verdict) bool {
	if v.Signer == nil {
		return false
	}
	bits, isRSA := strings.CutPrefix(v.Signer.Algorithm, "rsa")
	n, _ := strconv.Atoi(bits)
	return strings.HasPrefix(v.Signer.Algorithm, "dsa") || isRSA && n < 2048 ||
		v.Signer.Hash == "sha1" || v.Signer.Hash == "ripemd160"
}

func signerDifference(s truthSigner, v Verdict) string {
	if v.Signer == nil {
		return ""
	}
	switch {
	case s.FPR != string(v.Signer.Fingerprint) || s.Primary != string(v.Signer.Primary):
		return fmt.Sprintf("signer %s of %s, gpg says %s of %s", v.Signer.Fingerprint, v.Signer.Primary, s.FPR, s.Primary)
	case s.Time != v.Signer.SignedAt.Unix():
		return fmt.Sprintf("signed at %v, gpg says %d", v.Signer.SignedAt, s.Time)
	case !strings.EqualFold(s.Hash, v.Signer.Hash):
		return fmt.Sprintf("hash %s, gpg says %s", v.Signer.Hash, s.Hash)
	}
	return ""
}

func statuses(vs []Verdict) string {
	var out []string
	for _, v := range vs {
		out = append(out, string(v.Status))
	}
	return strings.Join(out, ", ")
}
