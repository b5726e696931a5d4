package gitops

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Shallow are the commits at which the history of a shallow clone is cut off: git takes them for
// commits without parents. It is empty for a whole clone.
func (r *Repo) Shallow() (map[string]bool, error) { return r.loc.shallow() }

func (l location) shallow() (map[string]bool, error) {
	f, err := os.Open(filepath.Join(l.commonDir, "shallow"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	cut := map[string]bool{}
	lines := bufio.NewScanner(io.LimitReader(f, maxFile))
	for lines.Scan() {
		if id := strings.TrimSpace(lines.Text()); id != "" {
			cut[id] = true
		}
	}
	return cut, lines.Err()
}
