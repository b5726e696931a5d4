package hkp

import (
	"strings"
	"testing"
)

func TestParseIndex(t *testing.T) {
	list := ParseIndex([]byte("info:1:2\r\npub:3E9C0E140000000000000000000000000000EE87:22:263:1700000000::\r\nuid:Ada%20%3Cada@example.test%3E:1700000000::\r\nuid:bad%zz:1::\npub:0x3e9c0e140000ee87:1:4096:1::r\nnonsense\n"))
	if len(list) != 2 || len(list[0].UserIDs) != 1 || list[0].UserIDs[0] != "Ada <ada@example.test>" || list[0].Revoked {
		t.Fatalf("%+v", list)
	}
	if !list[0].Names("3E9C0E140000000000000000000000000000EE87") || list[1].ID != "3E9C0E140000EE87" || !list[1].Revoked {
		t.Errorf("%+v", list)
	}
}

func TestParseAddress(t *testing.T) {
	for in, want := range map[string]string{
		"hkps://keys.example.org": "https://keys.example.org", "hkp://keys.example.org": "http://keys.example.org:11371", "hkp://[::1]:80": "http://[::1]:80",
		"hkp://[::1]": "http://[::1]:11371", "https://a": "", "hkps://": "", "hkps://u:p@a": "", "hkps://a/x": "", "hkps://a?x": "",
	} {
		got, err := ParseAddress(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%s: %q, %v", in, got, err)
		}
	}
}

func FuzzIndex(f *testing.F) {
	f.Add([]byte("info:1:1\npub:3E9C0E140000EE87:1:4096:1::\nuid:Ada%20:1::\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, e := range ParseIndex(data) {
			if e.ID != "" && (!isHex(e.ID) || strings.ToUpper(e.ID) != e.ID) {
				t.Fatalf("%+v", e)
			}
		}
	})
}
