package agent

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"bulla/keys"
	"bulla/keys/agent/assuan"
)

func TestParseDirs(t *testing.T) {
	got := parseDirs([]byte("homedir:/home/a%20b\r\nagent-socket:/run/S%3agpg\nnonsense\nbad:%zz\n"))
	want := map[string]string{"homedir": "/home/a b", "agent-socket": "/run/S:gpg"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("parseDirs = %v", got)
	}
}

const listingSample = `tru::1:1795382215:0:3:1:5
grp:::::::::27286C08BE1BC174F0CFC026AE753453E9E6A0ED:
pub:u:255:22:8E39B1BC2B2CFA43:1795382210:::u:::cSC:::::ed25519:::0:
fpr:::::::::6D4417311ECA1092FDCFA1748E39B1BC2B2CFA43:
grp:::::::::4AD533D751B3F9826793C920ACB9A2C90075F0C0:
uid:u::::1795382210::272E::A\x3a B \x5c <a@x.org>::::::::::0:
sub:u:255:22:D67199E5ABA03A7C:1795382212::::::s:::::ed25519::
fpr:::::::::C389B2D091BD28BC25E1F20BD67199E5ABA03A7C:
grp:::::::::5832683D2291990A0387CFE290B52CE6194D8A0E:
sub:u:255:22:D67199E5ABA03A7C:1795382212::::::s:::::ed25519::
grp:::::::::0000000000000000000000000000000000000000:
pub:u:1024:1:0123456789ABCDEF:
pub:u:384:19:67477ADC3C04E80F:1795382215:::u:::scSC:::::nistp384:::0:
fpr:::::::::0B0441D97C7067EBFB1F5CED67477ADC3C04E80F:
grp:::::::::27286C08BE1BC174F0CFC026AE753453E9E6A0ED
grp:::::::::SIGKEY X:
`

func TestParseListing(t *testing.T) {
	const a, sub, b = "6D4417311ECA1092FDCFA1748E39B1BC2B2CFA43", "C389B2D091BD28BC25E1F20BD67199E5ABA03A7C", "0B0441D97C7067EBFB1F5CED67477ADC3C04E80F"
	want := []listed{
		{a, []string{`A: B \ <a@x.org>`}, map[keys.Fingerprint]string{a: "4AD533D751B3F9826793C920ACB9A2C90075F0C0", sub: "5832683D2291990A0387CFE290B52CE6194D8A0E"}},
		{b, nil, map[keys.Fingerprint]string{b: "27286C08BE1BC174F0CFC026AE753453E9E6A0ED"}},
	}
	if got := parseListing([]byte(listingSample)); !reflect.DeepEqual(got, want) {
		t.Errorf("parseListing =\n%+v\nwant\n%+v", got, want)
	}
}

func FuzzParseListing(f *testing.F) {
	f.Add([]byte(listingSample))
	f.Fuzz(func(t *testing.T, in []byte) {
		for _, k := range parseListing(in) {
			if k.fingerprint == "" {
				t.Fatal("a key without a name")
			}
			for _, grip := range k.grips {
				if !validGrip(grip) {
					t.Fatalf("keygrip %q", grip)
				}
			}
		}
	})
}

const serialSample = "D276000124010304FFFE000000010000"

func TestParseSecretKeyFile(t *testing.T) {
	card := secretKey{serial: serialSample, protected: true}
	for name, tt := range map[string]struct {
		in   string
		want secretKey
		ok   bool
	}{
		"open, canonical":        {"(11:private-key(3:ecc(5:curve7:Ed25519)))", secretKey{}, true},
		"protected, canonical":   {"(21:protected-private-key(3:rsa", secretKey{protected: true}, true},
		"stub, canonical":        {"(20:shadowed-private-key(3:ecc(8:shadowed5:t1-v1(16:\xd2\x76\x00\x01\x24\x01\x03\x04\xff\xfe\x00\x00\x00\x01\x00\x009:OPENPGP.1))))", card, true},
		"open, readable":         {"Created: 20261122T211655\nKey: (private-key (ecc (curve Ed25519)\n", secretKey{}, true},
		"protected, readable":    {"Key: (protected-private-key (ecc\n", secretKey{protected: true}, true},
		"stub, readable":         {"Token: x\nKey: (shadowed-private-key (ecc (curve Ed25519)\n  (shadowed t1-v1 (#" + serialSample + "#\n   OPENPGP.1)\n )))\n", card, true},
		"stub of no card":        {"(20:shadowed-private-key(3:ecc(8:shadowed5:t9-v1)))", secretKey{serial: "?", protected: true}, true},
		"another kind":           {"(10:public-key(3:ecc))", secretKey{}, false},
		"name in another value":  {"Label: x Key: (private-key (ecc\n", secretKey{}, false},
		"empty":                  {"", secretKey{}, false},
		"no list after the name": {"Key: private-key", secretKey{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got, ok := parseSecretKeyFile([]byte(tt.in)); got != tt.want || ok != tt.ok {
				t.Errorf("got %+v, %v", got, ok)
			}
		})
	}
}

func FuzzParseSecretKeyFile(f *testing.F) {
	for _, s := range []string{"(11:private-key(3:ecc", "Key: (shadowed-private-key (ecc (shadowed t1-v1 (#D2#", "Created: x\nKey: (", "(#", "(0:"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		kept := bytes.Clone(in)
		k, ok := parseSecretKeyFile(in)
		if !ok && k != (secretKey{}) || (k.serial != "" && !k.protected) {
			t.Fatalf("%+v, %v", k, ok)
		}
		if !bytes.Equal(in, kept) {
			t.Fatal("the input was changed")
		}
	})
}

func TestParseSignatureExpr(t *testing.T) {
	sig, err := parseSignatureExpr([]byte("(7:sig-val(5:ecdsa(1:r3:\x00ab)(1:s0:))(4:hash6:sha256))"))
	if err != nil || sig.algorithm != "ecdsa" {
		t.Fatalf("parseSignatureExpr = %+v, %v", sig, err)
	}
	if r, err := sig.number("r", 4); err != nil || string(r) != "\x00\x00ab" {
		t.Errorf("r = %q, %v", r, err)
	}
	for _, name := range []string{"s", "x"} {
		if _, err := sig.number(name, 4); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := sig.number("r", 1); err == nil {
		t.Error("a number longer than its place")
	}
	for _, bad := range []string{
		"", "7:sig-val", "(7:sig-val)", "(7:sig-val3:rsa)", "(7:sig-val(3:rsa1:s))", "(7:sig-val(3:rsa(1:s)))",
		"(7:sig-val(3:rsa(1:s1:a)(1:s1:b)))", "(7:sig-val(3:rsa(1:s(1:a))))", "(7:sig-val(3:rsa(1:s1:a))", "(7:sig-val(3:rsa(1:s9:a)))",
		"(7:sig-val(3:rsa(1:s1:a)))x", "(07:sig-val(3:rsa(1:s1:a)))", "(8:enc-val(3:rsa(1:s1:a)))",
		strings.Repeat("(", 100) + strings.Repeat(")", 100), "(7:sig-val(3:rsa(1:s99999:" + strings.Repeat("a", 99999) + ")))",
	} {
		if sig, err := parseSignatureExpr([]byte(bad)); err == nil {
			t.Errorf("%.40q was read as %+v", bad, sig)
		}
	}
}

func FuzzParseSignatureExpr(f *testing.F) {
	for _, s := range []string{"(7:sig-val(3:rsa(1:s3:abc)))", "(7:sig-val(5:eddsa(1:r1:a)(1:s1:b)))", "(7:sig-val(5:ecdsa(1:r1:a)(1:s1:b))(4:hash6:sha256))", "(((((((((", "(0:)", "99999:"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := parseExpr(in)
		if err != nil {
			return
		}
		if back := e.append(nil); !bytes.Equal(back, in) {
			t.Fatalf("%q came back as %q", in, back)
		}
		sig, err := parseSignatureExpr(in)
		if err != nil {
			return
		}
		for name := range sig.values {
			if n, err := sig.number(name, 66); err == nil && len(n) != 66 {
				t.Fatalf("%s has %d bytes", name, len(n))
			}
		}
	})
}

// append writes the expression in its canonical form.
func (e expr) append(b []byte) []byte {
	if e.atom != nil {
		return append(append(b, []byte(strconv.Itoa(len(e.atom))+":")...), e.atom...)
	}
	b = append(b, '(')
	for _, sub := range e.list {
		b = sub.append(b)
	}
	return append(b, ')')
}

func TestParseTries(t *testing.T) {
	for in, want := range map[string]int{"+1+127+127+127+3+0+3": 3, "0 32 32 32 0 0 3": 0, "": -1, "+1+127": -1, "+1+127+127+127+x+0+3": -1, "+1+1+1+1+-1+0+3": -1} {
		if got := parseTries(in); got != want {
			t.Errorf("parseTries(%q) = %d, want %d", in, got, want)
		}
	}
}

func TestCardNumber(t *testing.T) {
	for in, want := range map[string]string{serialSample: "FFFE 00000001", "A000000308": "A000000308", "": ""} {
		if got := cardNumber(in); got != want {
			t.Errorf("cardNumber(%q) = %q", in, got)
		}
	}
}

func TestExplain(t *testing.T) {
	disk := &signer{g: &GnuPG{home: "/h"}, link: &link{loopback: true}, key: keys.SigningKey{Fingerprint: "AB"}}
	card := &signer{g: disk.g, link: disk.link, serial: serialSample}
	far := &signer{g: disk.g, link: &link{restricted: true}}
	said := func(errno uint32) error { return &assuan.ServerError{Code: 6<<24 | errno, Text: "words"} }

	for errno, want := range map[uint32]CardProblem{errnoBadPIN: CardWrongPIN, errnoBadPassphrase: CardWrongPIN, errnoPINBlocked: CardBlocked,
		errnoCardRemoved: CardAbsent, errnoCardNotPresent: CardAbsent, errnoNoDevice: CardAbsent, errnoNoPinentry: CardAbsent} {
		var ce *CardError
		if err := card.explain("sign", said(errno)); !errors.As(err, &ce) || ce.Problem != want || ce.Serial != "FFFE 00000001" {
			t.Errorf("card, %d: %v", errno, err)
		} else if wrong := errors.Is(err, keys.ErrWrongPassphrase); wrong != (want == CardWrongPIN) {
			t.Errorf("card, %d: wrong passphrase = %v", errno, wrong)
		}
	}
	for errno, want := range map[uint32]error{errnoBadPassphrase: keys.ErrWrongPassphrase, errnoNoPassphrase: keys.ErrWrongPassphrase,
		errnoTooMuchData: keys.ErrWrongPassphrase, errnoCancelled: ErrCancelled, errnoFullyCancelled: ErrCancelled} {
		if err := disk.explain("sign", said(errno)); !errors.Is(err, want) {
			t.Errorf("disk, %d: %v", errno, err)
		}
	}
	var ue *keys.UnusableError
	if err := disk.explain("sign", said(errnoNoSecretKey)); !errors.As(err, &ue) || ue.Key != "AB" {
		t.Errorf("no secret key: %v", err)
	}
	var le *LoopbackError
	if err := disk.explain("sign", said(errnoNoPinentry)); !errors.As(err, &le) || le.Config == "" {
		t.Errorf("no pinentry: %v", err)
	}
	if err := far.explain("sign", said(errnoNoPinentry)); errors.As(err, &le) || err.Error() != "gpg-agent could not sign: words" {
		t.Errorf("no pinentry at the other end: %v", err)
	}
	if disk.explain("sign", nil) != nil {
		t.Error("no error became one")
	}
}

func TestLastLine(t *testing.T) {
	if got := lastLine([]byte("gpg: one\ngpg: two\n\n")); got != "gpg: two" {
		t.Errorf("lastLine = %q", got)
	}
	for said, want := range map[string]string{
		"gpg: key AB: error receiving key from agent: No such file or directory - skipped\ngpg: WARNING: nothing exported\n": "gpg: key AB: error receiving key from agent: No such file or directory - skipped",
		"gpg: no such key\ngpg: WARNING: nothing exported\ngpg: Note: old\n":                                                 "gpg: no such key",
		"gpg: WARNING: nothing exported\n": "gpg: WARNING: nothing exported",
		"":                                 "",
	} {
		if got := lastLine([]byte(said)); got != want {
			t.Errorf("lastLine(%q) = %q", said, got)
		}
	}
}

func TestInquiryAnswersOnce(t *testing.T) {
	q := inquiry{secret: keys.NewSecret([]byte("x"))}
	h := q.handler()
	var errs []bool
	for _, keyword := range []string{"KEYPARAM", "PASSPHRASE", "PASSPHRASE"} {
		_, err := h.Inquire(keyword, "")
		errs = append(errs, err != nil)
	}
	if !slices.Equal(errs, []bool{true, false, true}) {
		t.Errorf("refusals %v", errs)
	}
}
