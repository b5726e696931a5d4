package workflow

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSignerCommandsWithKEYS: an export would fail where the project has its file of keys already.
func TestSignerCommandsWithKEYS(t *testing.T) {
	dir := t.TempDir()
	if c := SignerCommands(&Result{Plan: &Plan{}}, dir)[0]; !strings.HasPrefix(c.Text, "bulla keys export ") {
		t.Errorf("without the file: %s", c.Text)
	}
	if err := os.WriteFile(filepath.Join(dir, PublicKeysName), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c := SignerCommands(&Result{Plan: &Plan{}}, dir)[0]; !strings.HasSuffix(c.Text, " --to file:KEYS") {
		t.Errorf("with the file: %s", c.Text)
	}
}
