package gitops

import (
	"path/filepath"
	"strings"

	"bulla/keys/limits"
)

// Shallow are the commits at which the history of a shallow clone is cut off: git takes them for
// commits without parents. It is empty for a whole clone.
func (r *Repo) Shallow() (map[string]bool, error) { return r.loc.shallow() }

func (l location) shallow() (map[string]bool, error) {
	data, err := limits.ReadIfThere(filepath.Join(l.commonDir, "shallow"), maxFile)
	if err != nil {
		return nil, err
	}
	cut := map[string]bool{}
	for _, id := range strings.Fields(string(data)) {
		cut[id] = true
	}
	return cut, nil
}
