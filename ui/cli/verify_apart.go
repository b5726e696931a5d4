package cli

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"slices"

	"bulla/artifacts"
	"bulla/keys"
	"bulla/keys/limits"
	"bulla/workflow/record"
)

// maxRecord bounds how much is read of a record, in bytes; the judge takes no larger one.
const maxRecord = 16 << 20

// apart names the release, by its tag, that each passing file lies beside without being part of it:
// in the same folder as the release's record, with a sound signature of its own, and named neither by
// the record nor by a list that the record names. The keys are indexes of list.
func apart(list []keys.Verdict, allowWeak bool) map[int]string {
	out := map[int]string{}
	for _, rec := range list {
		if rec.Kind != keys.KindRecord || !rec.OK(allowWeak) {
			continue
		}
		path := rec.Target
		if rec.Path != "" {
			path = rec.Path
		}
		tag, named := namedBy(path, rec.SHA256)
		if tag == "" {
			continue
		}
		for i, v := range list {
			if v.Kind != keys.KindArtifact && v.Kind != keys.KindChecksum || !v.OK(allowWeak) || filepath.Dir(v.Target) != filepath.Dir(path) {
				continue
			}
			if !slices.Contains(named, filepath.Base(v.Target)) {
				out[i] = tag
			}
		}
	}
	return out
}

// namedBy reads the names directly in the folder of a record that belong to its release, and the
// release's tag; "" where the record is not the one that was judged.
func namedBy(path, sum string) (tag string, names []string) {
	data, err := limits.ReadFile(path, maxRecord)
	if err != nil {
		return "", nil
	}
	if got := sha256.Sum256(data); sum != "" && hex.EncodeToString(got[:]) != sum {
		return "", nil
	}
	rec, err := record.Parse(data)
	if err != nil {
		return "", nil
	}
	names = append(names, rec.Predicate.Files...)
	for _, list := range rec.Predicate.Checksums {
		names = append(names, list)
		data, err := limits.ReadFile(filepath.Join(filepath.Dir(path), filepath.FromSlash(list)), maxRecord)
		if err != nil {
			continue
		}
		sums, err := artifacts.ParseChecksums(bytes.NewReader(data))
		if err != nil {
			continue
		}
		for _, s := range sums {
			names = append(names, s.Name)
		}
	}
	return rec.Predicate.Tag.Name, names
}
