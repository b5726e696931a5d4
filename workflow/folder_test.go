package workflow

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"bulla/keys"
	"bulla/workflow/verify"
)

// published is a folder with the files of a release, signed, and their checksums.
func published(t *testing.T) (b *bench, dir string) {
	t.Helper()
	b = newBench(t)
	dir = filepath.Join(b.dir, "downloads")
	for _, name := range []string{"a.tar.gz", "b.deb"} {
		b.write(filepath.Join("..", "downloads", name), name)
	}
	_, err := SignFiles(context.Background(), b.world, dir, []string{"a.tar.gz", "b.deb"}, keys.Selector{}, answer, SignFilesOptions{Checksums: true})
	if err != nil {
		t.Fatal(err)
	}
	public, err := b.world.ExportPublic(context.Background(), keys.ParseSelector(string(b.key.Fingerprint)))
	if err != nil {
		t.Fatal(err)
	}
	b.write("../downloads/KEYS", string(public))
	return b, dir
}

// verdicts judges targets with the bench's own keys; the worst status of each target counts.
func (b *bench) verdicts(o verify.Options, targets ...string) map[string]keys.Status {
	b.t.Helper()
	v, err := NewVerifier(context.Background(), b.world, o)
	if err != nil {
		b.t.Fatal(err)
	}
	vs, err := v.Verify(context.Background(), targets)
	if err != nil {
		b.t.Fatal(err)
	}
	byTarget := map[string][]keys.Verdict{}
	for _, x := range vs {
		name := filepath.Base(x.Target)
		byTarget[name] = append(byTarget[name], x)
	}
	out := map[string]keys.Status{}
	for name, list := range byTarget {
		out[name] = keys.Summarize(list).Status
		for _, x := range verify.Failing(list, false) {
			out[name] = x.Status
		}
	}
	return out
}

func TestFolderAsDownloaded(t *testing.T) {
	type change func(t *testing.T, dir string)
	remove := func(names ...string) change {
		return func(t *testing.T, dir string) {
			for _, n := range names {
				if err := os.Remove(filepath.Join(dir, n)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	write := func(name, text string) change {
		return func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	const good, bad, unsigned = keys.StatusGood, keys.StatusBad, keys.StatusUnsigned
	all := map[string]keys.Status{"a.tar.gz": good, "b.deb": good, "SHA256SUMS": good}
	with := func(more map[string]keys.Status) map[string]keys.Status {
		m := maps.Clone(all)
		maps.Copy(m, more)
		return m
	}
	cases := []struct {
		name    string
		changes []change
		want    map[string]keys.Status
	}{
		{"untouched", nil, all},
		{"one file is not needed", []change{remove("b.deb", "b.deb.asc")}, map[string]keys.Status{"a.tar.gz": good, "SHA256SUMS": good}},
		{"the list alone vouches", []change{remove("a.tar.gz.asc", "b.deb.asc")}, all},
		{"signatures alone vouch", []change{remove("SHA256SUMS", "SHA256SUMS.asc")}, map[string]keys.Status{"a.tar.gz": good, "b.deb": good}},
		{"an unsigned list adds nothing", []change{remove("SHA256SUMS.asc")}, map[string]keys.Status{"a.tar.gz": good, "b.deb": good}},
		{"an unsigned list is all there is", []change{remove("SHA256SUMS.asc", "a.tar.gz.asc", "b.deb.asc")},
			map[string]keys.Status{"a.tar.gz": unsigned, "b.deb": unsigned, "SHA256SUMS": unsigned}},
		{"a file slipped in", []change{write("c.sh", "rm")}, with(map[string]keys.Status{"c.sh": unsigned})},
		{"a key block makes no key of a script", []change{func(t *testing.T, dir string) {
			key, err := os.ReadFile(filepath.Join(dir, "KEYS"))
			if err != nil {
				t.Fatal(err)
			}
			write("c.sh", "rm\n"+string(key))(t, dir)
		}}, with(map[string]keys.Status{"c.sh": unsigned})},
		{"changed", []change{write("b.deb", "evil")}, with(map[string]keys.Status{"b.deb": bad})},
		{"changed and its signature removed", []change{write("b.deb", "evil"), remove("b.deb.asc")}, with(map[string]keys.Status{"b.deb": bad})},
		{"changed, all lists removed", []change{write("b.deb", "evil"), remove("b.deb.asc", "SHA256SUMS", "SHA256SUMS.asc")},
			map[string]keys.Status{"a.tar.gz": good, "b.deb": unsigned}},
		{"an unsigned list contradicts", []change{remove("SHA256SUMS.asc"), write("SHA256SUMS", "0000000000000000000000000000000000000000000000000000000000000000  b.deb\n")},
			map[string]keys.Status{"a.tar.gz": good, "b.deb": bad, "SHA256SUMS": unsigned}},
		{"a signature without its file", []change{remove("SHA256SUMS", "SHA256SUMS.asc", "b.deb")},
			map[string]keys.Status{"a.tar.gz": good, "b.deb.asc": keys.StatusNotChecked}},
		{"no list of ours", []change{write("notes_checksums.txt", "see the web site\n")},
			with(map[string]keys.Status{"notes_checksums.txt": keys.StatusMalformed})},
	}
	b, pristine := published(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "d")
			if err := os.CopyFS(dir, os.DirFS(pristine)); err != nil {
				t.Fatal(err)
			}
			for _, change := range c.changes {
				change(t, dir)
			}
			if got := b.verdicts(verify.Options{Dir: dir}, dir); !maps.Equal(got, c.want) {
				t.Errorf("got  %v\nwant %v", got, c.want)
			}
		})
	}
}

func TestFolderWithRecord(t *testing.T) {
	b := newBench(t)
	res := b.release(b.choices())
	dir := filepath.Dir(res.Record)
	o := verify.Options{Dir: b.repo}
	want := map[string]keys.Status{"v1.0.0": keys.StatusGood, "SHA256SUMS": keys.StatusGood, "bulla-release.json": keys.StatusGood,
		"widget-1.0.0.tar.gz": keys.StatusGood, "widget_1.0.0_amd64.deb": keys.StatusGood}
	if got := b.verdicts(o, dir); !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	b.write("dist/extra", "x")
	want["extra"] = keys.StatusUnsigned
	if got := b.verdicts(o, dir); !maps.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

func TestFolderWithNothingSigned(t *testing.T) {
	b := newBench(t)
	if got := b.verdicts(verify.Options{Dir: b.repo}, b.repo); len(got) != 1 || got["widget"] != keys.StatusUnsigned {
		t.Errorf("got %v", got)
	}
}

func TestCommitRange(t *testing.T) {
	b := newBench(t)
	b.git("-C", b.repo, "tag", "v1")
	for _, s := range []string{"Two", "Three"} {
		b.write("README", s)
		b.commit(s)
	}
	v, err := NewVerifier(context.Background(), b.world, verify.Options{Dir: b.repo})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{"v1..HEAD": 2, "v1..": 2, "HEAD": 3, "HEAD..v1": 0, "..v1": 0, "main": 3} {
		seen := 0
		n, err := v.Commits(context.Background(), text, func(x keys.Verdict) {
			seen++
			if x.Kind != keys.KindCommit || x.Status != keys.StatusUnsigned || len(x.Target) != 40 {
				t.Errorf("%s: %+v", text, x)
			}
		})
		if err != nil || n != want || seen != want {
			t.Errorf("%s: %d commits, %d verdicts, %v; want %d", text, n, seen, err, want)
		}
	}
	for _, text := range []string{"v1...HEAD", "nowhere..HEAD", "v1..nowhere", "--all", ""} {
		var target *verify.TargetError
		if _, err := v.Commits(context.Background(), text, func(keys.Verdict) {}); !errors.As(err, &target) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
