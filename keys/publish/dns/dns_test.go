package dns

import (
	"strings"
	"testing"
)

func FuzzRecords(f *testing.F) {
	f.Add("ada.l@example.test")
	f.Add("a;b@example.test")
	f.Fuzz(func(t *testing.T, address string) {
		list, err := Records(address, []byte("key"))
		if err != nil {
			return
		}
		for _, l := range list {
			if strings.ContainsAny(l, "\r\n;()\"") || len(strings.Fields(l)) < 4 {
				t.Fatalf("%q", l)
			}
		}
	})
}

func TestTooLong(t *testing.T) {
	if _, err := Records("ada@example.test", make([]byte, 70000)); err == nil {
		t.Error("a record of 70,000 bytes")
	}
}
