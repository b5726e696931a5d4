//go:build unix

package workflow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"bulla/keys"
	"bulla/workflow/record"
)

// An exception of the policy is about what was judged. Nothing is read again for it: no other file
// that took the place of the judged one, and no named pipe, which would never open.
func TestExceptionIsAboutWhatWasJudged(t *testing.T) {
	b := newBench(t)
	b.release(b.choices())
	deb := filepath.Join(b.repo, "dist", "widget_1.0.0_amd64.deb")
	data, err := os.ReadFile(deb)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(data)
	unlisted := strings.Replace(b.policyText(`"tag", "artifact"`, ""), string(b.key.Fingerprint), strings.Repeat("0", 40), 1)
	b.commitPolicy(unlisted + "[[policy.exception]]\nkind = \"artifact\"\ntarget = \"widget_1.0.0_amd64.deb\"\nid = \"" + hex.EncodeToString(sum[:]) + "\"\nallow = [\"signer\"]\nreason = \"x\"\n")
	v, err := b.verifier(nil)
	if err != nil {
		t.Fatal(err)
	}
	judged := func(change func(), status keys.Status, trusted bool) {
		t.Helper()
		change()
		ended := make(chan []keys.Verdict, 1)
		go func() {
			vs, err := v.Verify(context.Background(), []string{"file:" + filepath.Join(b.repo, "dist", record.Name)})
			if err != nil {
				t.Error(err)
			}
			ended <- vs
		}()
		select {
		case vs := <-ended:
			for _, x := range vs {
				if x.Target != "widget_1.0.0_amd64.deb" {
					continue
				}
				if x.Status != status || (x.Trusted != nil && *x.Trusted) != trusted {
					t.Errorf("%s, trusted %v, %s", x.Status, x.Trusted, x.Reason)
				}
				return
			}
			t.Errorf("no verdict on the file: %+v", vs)
		case <-time.After(time.Minute):
			t.Fatal("it waits for the other end of the pipe")
		}
	}
	judged(func() {}, keys.StatusGood, true)
	judged(func() {
		if err := os.WriteFile(deb, append(data, 'x'), 0o600); err != nil {
			t.Fatal(err)
		}
	}, keys.StatusBad, false)
	judged(func() {
		if err := os.Remove(deb); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(deb, 0o600); err != nil {
			t.Fatal(err)
		}
	}, keys.StatusNotChecked, false)
}
