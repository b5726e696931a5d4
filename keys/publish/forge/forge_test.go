package forge

import (
	"strings"
	"testing"

	"bulla/keys"
)

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(`[{"id":3,"key_id":"3262EFF25BA0D270","emails":[{"email":"a@b","verified":true}],"expires_at":"2016-03-24T11:31:04-07:00","raw_key":"x"}]`))
	f.Add([]byte(`{"login":"ada","email":"a@b"}`))
	f.Add([]byte(`[{"id":1,"key":"-----BEGIN PGP","expires_at":null,"created_at":"0001-01-01T00:00:00Z"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, _ := ParseKeys(data)
		for _, k := range list {
			k.names(keys.Fingerprint("3E9C0E140000000000000000000000000000EE87"))
		}
		if u, err := ParseUser(data); err == nil {
			a := Open(nil, GitHub, "https://api.github.com", keys.Secret{})
			if !strings.HasPrefix(a.PublicURL(u.Login), "https://github.com/") || strings.Count(a.PublicURL(u.Login), "/") != 3 {
				t.Fatalf("%q", a.PublicURL(u.Login))
			}
		}
	})
}

func TestPublicURL(t *testing.T) {
	for _, c := range []struct {
		kind        Kind
		where, want string
	}{
		{GitHub, "https://api.github.com", "https://github.com/ada.gpg"},
		{GitHub, "https://git.example.org/api/v3/", "https://git.example.org/ada.gpg"},
		{GitLab, "https://gitlab.com", "https://gitlab.com/ada.gpg"},
		{GitLab, "https://example.org/gitlab", "https://example.org/gitlab/ada.gpg"},
		{Gitea, "https://codeberg.org", "https://codeberg.org/ada.gpg"},
	} {
		if got := Open(nil, c.kind, c.where, keys.Secret{}).PublicURL("ada"); got != c.want {
			t.Errorf("%s %s: %s, want %s", c.kind, c.where, got, c.want)
		}
	}
}
