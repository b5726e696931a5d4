package explain

import (
	"strings"
	"testing"

	"bulla/docker/dct"
	"bulla/workflow/images"
)

// A root that is published stands, whatever kept it from being pinned: that nothing was changed is true
// of the file of pins alone.
func TestUnpinnedRootIsPublished(t *testing.T) {
	err := &images.PinError{Certificates: []string{"ab12"}, Err: &dct.PinsError{Path: "pins.json", Reason: "it is no JSON that can be read"}}
	if x := Error(err); x.Code != CodeIncomplete || x.Untouched != "" || !strings.Contains(strings.Join(x.Next, "\n"), "ab12") {
		t.Errorf("%+v", x)
	}
}
