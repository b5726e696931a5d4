package workflow

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/workflow/record"
	"bulla/workflow/verify"
)

// TestRecordOfOneOfTwo: where the policy wants two signers of a record, one of them and a signature that
// nobody knows name no registry to ask.
func TestRecordOfOneOfTwo(t *testing.T) {
	b := newBench(t)
	res := b.release(b.choices())
	b.commitPolicy(b.policyText(`"record"`, "[[policy.signer]]\nname = \"Odo\"\nkeys = [\""+strings.Repeat("0", 40)+"\"]\nsigns = [\"record\"]\n[policy.need]\nrecord = 2\n"))
	data, err := os.ReadFile(res.Record)
	if err != nil {
		t.Fatal(err)
	}
	rec, err := record.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	const image = "registry.example.org/widget:1.0.0"
	rec.Predicate.Images = []record.ImageSeal{{Reference: image, Digest: "sha256:" + strings.Repeat("ab", 32)}}
	rec.Subject = append(rec.Subject, record.Subject{Name: image, Digest: map[string]string{"sha256": strings.Repeat("ab", 32)}})
	if data, err = json.Marshal(rec); err != nil {
		t.Fatal(err)
	}
	path := b.write("dist/"+record.Name, string(data))
	sign := func(by *bench, path string) []byte {
		_ = os.Remove(path + ".asc")
		if _, err := SignFiles(context.Background(), by.world, by.repo, []string{path}, keys.ParseSelector(""), answer, SignFilesOptions{}); err != nil {
			t.Fatal(err)
		}
		sig, err := os.ReadFile(path + ".asc")
		if err != nil {
			t.Fatal(err)
		}
		return sig
	}
	stranger := newBench(t)
	foreign := sign(stranger, stranger.write("dist/"+record.Name, string(data)))
	own := sign(b, path)
	for name, tt := range map[string]struct {
		sig    string
		policy verify.PolicyOptions
		want   string
	}{
		"one":                    {string(own), verify.PolicyOptions{}, "record- image not asked"},
		"one and an unknown one": {string(own) + string(foreign), verify.PolicyOptions{}, "record0 record0 image not asked"},
		"no policy":              {string(own), verify.PolicyOptions{None: true}, "record0 image"},
	} {
		b.write("dist/"+record.Name+".asc", tt.sig)
		v, err := b.verifier(func(o *verify.Options) { o.Policy = tt.policy })
		if err != nil {
			t.Fatal(err)
		}
		vs, err := v.Verify(context.Background(), []string{"file:" + filepath.Clean(path)})
		if err != nil {
			t.Fatal(err)
		}
		var records, images string
		for _, x := range vs {
			switch {
			case x.Kind == keys.KindRecord:
				records += "record" + map[string]string{"<nil>": "0", "true": "+", "false": "-"}[fmt.Sprint(deref(x.Trusted))] + " "
			case x.Kind == keys.KindImage:
				images += "image"
				if strings.Contains(x.Reason, "record's own signature") {
					images += " not asked"
				}
			}
		}
		if got := records + images; got != tt.want {
			t.Errorf("%s: %s, want %s: %+v", name, got, tt.want, vs)
		}
	}
}

func deref(b *bool) any {
	if b == nil {
		return nil
	}
	return *b
}
