package imageword

import (
	"context"
	"errors"
	"strings"
	"testing"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/workflow/images"
)

// Only a server that gave no answer is said to have given none.
func TestTrustProblem(t *testing.T) {
	for _, c := range []struct {
		err              error
		sentence, remark string
	}{
		{&images.UntrustedError{Err: &dct.MetadataError{GUN: "r/app", Problem: dct.ProblemRoot, Shown: []dct.Certificate{{ID: "5e5e"}}}}, "must not be trusted: its root certificate is 5e5e", "refused"},
		{images.ErrNoRoot, "vouches for nothing: no root is named", "no root"},
		{&dct.UnpinnedError{GUN: "r/app"}, "vouches for nothing: no root certificate is pinned", "no root"},
		{&dct.NotInitializedError{GUN: "r/app", Server: "https://n", Known: true}, "data is gone: https://n says", "gone"},
		{&dct.ServerError{Server: "https://n", GUN: "r/app", Op: "read", Kind: docker.KindUnreachable, Err: errors.New("refused")}, "could not be asked: https://n", "no answer"},
		{context.DeadlineExceeded, "could not be asked: context", "no answer"},
	} {
		if got := TrustProblem(c.err); !strings.Contains(got, c.sentence) {
			t.Errorf("%T: %s", c.err, got)
		}
		if got := trustRemark(c.err); !strings.Contains(got, c.remark) {
			t.Errorf("%T: %s", c.err, got)
		}
	}
}
