package keystest

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Corpus is the folder of real signatures: BULLA_CORPUS, or beside the repository. It is not part of
// the repository: where it is missing the test is skipped, which is no failure, and says so.
func Corpus(t testing.TB) string {
	t.Helper()
	dir := corpusDir()
	if _, err := os.Stat(filepath.Join(dir, "truth.json")); err != nil {
		t.Skipf("no corpus in %s: set BULLA_CORPUS to the folder of truth.json", dir)
	}
	return dir
}

// corpusDir is where the corpus is, if it is anywhere.
func corpusDir() string {
	if dir := os.Getenv("BULLA_CORPUS"); dir != "" {
		return dir
	}
	for dir := "."; ; dir = filepath.Join(dir, "..") { // up from the folder of the test's package
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return filepath.Join(dir, "..", "shared", "corpus")
		}
		if abs, err := filepath.Abs(dir); err != nil || abs == filepath.Dir(abs) {
			return ""
		}
	}
}

// Seeds adds the small files of the corpus that a pattern matches to a fuzz test, where there is one.
func Seeds(f *testing.F, pattern string) {
	f.Helper()
	files, _ := filepath.Glob(filepath.Join(corpusDir(), pattern))
	for _, name := range files {
		if data, err := os.ReadFile(name); err == nil && len(data) < 20_000 {
			f.Add(data)
		}
	}
}

// Table reads a tab-separated table by its header line.
func Table(t testing.TB, path string) (rows []map[string]string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records[1:] {
		row := map[string]string{}
		for i, field := range rec {
			row[records[0][i]] = field
		}
		rows = append(rows, row)
	}
	return rows
}

// Objects reads objects of a git repository by their ids, with the git program.
func Objects(t testing.TB, git, repo string, ids []string) map[string][]byte {
	t.Helper()
	cmd := exec.Command(git, "--git-dir="+repo, "cat-file", "--batch")
	if len(ids) > 0 {
		cmd.Stdin = strings.NewReader(strings.Join(ids, "\n") + "\n")
	}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	objects := map[string][]byte{}
	for r := bufio.NewReader(bytes.NewReader(out)); ; {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			return objects
		}
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("git cat-file: %q", line)
		}
		size, err := strconv.Atoi(fields[2])
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, size+1)
		if _, err := io.ReadFull(r, body); err != nil {
			t.Fatal(err)
		}
		objects[fields[0]] = body[:size]
	}
}
