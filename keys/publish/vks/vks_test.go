package vks

import "testing"

func FuzzUpload(f *testing.F) {
	f.Add([]byte(`{"key_fpr":"3E9C0E140000000000000000000000000000EE87","status":{"ada@example.test":"unpublished"},"token":"t"}`))
	f.Add([]byte(`{"error":"Whoops, please don't upload secret keys!"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := ParseUpload(data)
		if err == nil && len(u.Fingerprint) != 40 && len(u.Fingerprint) != 64 {
			t.Fatalf("%+v", u)
		}
		u.Of("ada@example.test")
	})
}
