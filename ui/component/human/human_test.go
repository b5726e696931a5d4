package human

import (
	"strings"
	"testing"
	"time"

	"bulla/keys"
	"bulla/ui/theme"
)

func TestWords(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	const day = 24 * time.Hour
	for _, c := range []struct{ got, want string }{
		{Size(0), "0 B"}, {Size(999), "999 B"}, {Size(1000), "1.0 kB"}, {Size(999_960), "1.0 MB"},
		{Size(12_100_000), "12.1 MB"}, {Size(3e15), "3.0 PB"},
		{Seconds(-1), "0.0 s"}, {Seconds(1500 * time.Millisecond), "1.5 s"}, {Seconds(59 * time.Second), "59 s"},
		{Seconds(185 * time.Second), "3 min 5 s"}, {Seconds(124 * time.Minute), "2 h 4 min"},
		{Span(490 * day), "1 y 4 mo"}, {Span(365 * day), "1 y"}, {Span(729 * day), "1 y 11 mo"},
		{Span(90 * day), "3 mo"}, {Span(12 * day), "12 days"}, {Span(5 * time.Hour), "5 h"}, {Span(2 * time.Minute), "2 min"}, {Span(59 * time.Second), "59 s"}, {Span(-time.Second), "0 s"},
		{Expiry(time.Time{}, now), "never expires"},
		{Expiry(now.Add(12*day), now), "expires in 12 days"},
		{Expiry(now, now), "expired 22 Nov 2026"},
		{Count(1, "file"), "1 file"}, {Count(0, "file"), "0 files"},
		{Commit("1f2e3d4c5b"), "1f2e3d4"}, {Commit("1f"), "1f"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestFingerprint(t *testing.T) {
	f := keys.Fingerprint("3E9C0E147A219D4B55F01C2D3E4F5A6BC0DEEE87")
	ascii := theme.New(theme.Options{ASCII: true})
	if got, want := Fingerprint(ascii, f), "3E9C ... EE87"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Key(ascii, f), "3E9C 0E14 ... C0DE EE87"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	// However narrow: no digit may be lost, no line may be wider.
	for width := 4; width <= 60; width++ {
		lines := FingerprintLines(f, width)
		if got := strings.ReplaceAll(strings.Join(lines, ""), " ", ""); got != string(f) {
			t.Errorf("width %d: %q", width, got)
		}
		for _, l := range lines {
			if len(l) > width {
				t.Errorf("width %d: line %q", width, l)
			}
		}
	}
	if got := FingerprintLines(f, 24); len(got) != 2 || got[0] != "3E9C 0E14 7A21 9D4B 55F0" {
		t.Errorf("24 columns: %q", got)
	}
	if got, want := Digest(ascii, "sha256:9f2c0000111122223333444455556666777788889999aaaabbbbcccc71aa0000"), "sha256:9f2c0000...71aa0000"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
