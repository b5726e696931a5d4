package store

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestChangeCanary: the passphrases of changes, right, wrong and new, are in no error, no result and no
// file.
func TestChangeCanary(t *testing.T) {
	ctx := context.Background()
	const next, wrong = "canary-next-51c2", "canary-wrong-88d0"
	s, _ := laterStore(t)
	g := generate(t, s, GenerateParams{Passphrase: secret(canary)})
	sel := selector(g.Key)
	var said strings.Builder
	note := func(v any, err error) { fmt.Fprintf(&said, "%+v %#v %v\n", v, v, err) }

	_, err := s.Extend(ctx, sel, ExtendParams{}, always(wrong))
	note(nil, err)
	k, err := s.Extend(ctx, sel, ExtendParams{}, always(canary))
	note(k, err)
	r, err := s.RotateSubkey(ctx, sel, RotateParams{}, always(canary))
	note(r, err)
	k, err = s.ChangePassphrase(ctx, sel, secret(next), always(wrong))
	note(k, err)
	k, err = s.ChangePassphrase(ctx, sel, secret(next), always(canary))
	note(k, err)
	data, err := s.ExportSecret(ctx, sel, always(next))
	note(nil, err)
	back, err := s.Rehearse(ctx, data, always(wrong))
	note(back, err)
	back, err = s.Rehearse(ctx, data, always(next))
	note(back, err)
	sheet, err := s.ExportPaper(ctx, sel, always(next))
	note(string(sheet.Text()), err)
	note(s.Revoke(ctx, sel, RevokeParams{Reason: ReasonRetired}, always(next)))

	check := func(where string, text []byte) {
		for _, c := range []string{canary, next, wrong} {
			if bytes.Contains(text, []byte(c)) {
				t.Errorf("%q is in %s", c, where)
			}
		}
	}
	check("what was said", []byte(said.String()))
	if strings.Count(said.String(), "wrong passphrase") != 3 {
		t.Errorf("said:\n%s", said.String())
	}
	files := 0
	err = filepath.WalkDir(filepath.Dir(s.dir), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		check(path, text)
		return err
	})
	if err != nil || files < 5 {
		t.Errorf("%d files, %v", files, err)
	}
}
