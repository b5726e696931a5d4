package store

import (
	"errors"
	"testing"
	"time"
)

func TestParseLifetime(t *testing.T) {
	now := time.Date(2026, 1, 31, 9, 30, 15, 500, time.UTC)
	for text, want := range map[string]time.Time{
		"2y":         time.Date(2028, 1, 31, 9, 30, 15, 0, time.UTC),
		"2 years":    time.Date(2028, 1, 31, 9, 30, 15, 0, time.UTC),
		"1 Year":     time.Date(2027, 1, 31, 9, 30, 15, 0, time.UTC),
		" 18M ":      time.Date(2027, 7, 31, 9, 30, 15, 0, time.UTC),
		"90d":        time.Date(2026, 5, 1, 9, 30, 15, 0, time.UTC),
		"6w":         time.Date(2026, 3, 14, 9, 30, 15, 0, time.UTC),
		"136y":       time.Date(2162, 1, 31, 9, 30, 15, 0, time.UTC),
		"2028-01-31": time.Date(2028, 1, 31, 12, 0, 0, 0, time.UTC),
		"2026-01-31": time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
	} {
		got, err := ParseLifetime(text, now)
		if end := now.Truncate(time.Second).Add(got); err != nil || !end.Equal(want) {
			t.Errorf("%q ends %v, %v; want %v", text, end, err, want)
		}
	}
	if d, err := ParseLifetime("Never", now); d != 0 || err != nil {
		t.Errorf("never = %v, %v", d, err)
	}
	for _, text := range []string{
		"", "0", "0d", "0y", "2", "y", "-1y", "+1y", "1.5y", "2 yards", "2 y y", "2h", "137y", "65535y", "99999y",
		"2026-01-30", "2028-02-30", "2028-1-1", "9999-01-01", "١y",
	} {
		d, err := ParseLifetime(text, now)
		var le *LifetimeError
		if !errors.As(err, &le) || le.Text != text || d != 0 {
			t.Errorf("%q = %v, %v", text, d, err)
		}
	}
	// Half a second before the end must not become 0, which means never.
	if d, err := ParseLifetime("2028-01-31", time.Date(2028, 1, 31, 11, 59, 59, 5e8, time.UTC)); err != nil || d <= 0 {
		t.Errorf("just before the end: %v, %v", d, err)
	}
}

func FuzzParseLifetime(f *testing.F) {
	for _, s := range []string{"2y", "18m", "90d", "2028-01-31", "never", "0", "99999999999999999999y"} {
		f.Add(s, int64(1770000000))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		now := time.Unix(unix%(1<<40), 0)
		d, err := ParseLifetime(s, now)
		if d < 0 || d > maxLifetime || (err != nil && d != 0) {
			t.Errorf("%q at %v = %v, %v", s, now, d, err)
		}
	})
}
