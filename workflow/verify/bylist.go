package verify

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"bulla/keys"
)

// bySignedList judges a file without a signature of its own as its folder would: by the lists there that
// name it, where one of them is signed. Else it returns nothing: the file is unsigned.
func (v *Verifier) bySignedList(ctx context.Context, path string) ([]keys.Verdict, error) {
	dir, name := filepath.Dir(path), filepath.Base(path)
	if !signedListNames(dir, name) { // a folder of downloads may be large
		return nil, nil
	}
	f, err := v.ReadFolder(dir)
	if err != nil || !slices.Contains(f.files, name) {
		return nil, nil
	}
	return f.VerifySet(ctx, []string{name}, nil)
}

// signedListNames reports whether a checksums file with a signature beside it, in a folder, names a file
// of the folder.
func signedListNames(dir, name string) bool {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > maxFolder {
		return false
	}
	for _, e := range entries {
		list := filepath.Join(dir, e.Name())
		if isChecksums(e.Name()) && (exists(list+".asc") || exists(list+".sig")) && slices.Contains(namesInList(list), name) {
			return true
		}
	}
	return false
}
