package journal

import "testing"

// release is a plan of which nothing but the tag matters.
type release struct{ Tag string }

func (r *release) TagName() string { return r.Tag }

func FuzzParse(f *testing.F) {
	f.Add([]byte("{\"type\":\"begin\",\"plan\":{}}\n{\"type\":\"started\",\"step\":\"tag\"}\n"))
	f.Add([]byte("{\"type\":\"begin\",\"plan\":{}}\n{\"type\":"))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, valid, err := parse[*release]("j", data)
		if err == nil && len(entries) > 0 && entries[0].Plan == nil {
			t.Error("a journal without a plan")
		}
		// What is kept of a journal reads the same again: the next line can be appended to it.
		if again, n, e := parse[*release]("j", data[:valid]); err == nil && (e != nil || n != valid || len(again) != len(entries)) {
			t.Errorf("%d of %d bytes kept, then %d entries and %v", valid, len(data), len(again), e)
		}
	})
}
