package line

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"bulla/docker"
	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/keystest"
	"bulla/keys/store"
	"bulla/ui/component/keydeed"
	"bulla/ui/explain"
	"bulla/workflow/firstkey"
	"bulla/workflow/keydesk"
	"bulla/workflow/world"
)

// canary2 is the passphrase after canary.
const canary2 = "CANARY-second otter lamp brick"

// What a person waits for.
const (
	atKeys   = `\nKey: $`
	whatToDo = `What to do [^\n]*: $`
	agreed   = `\? \[y/N\] $`
)

// keeper is a home with a GnuPG of its own, and a person who looks after keys.
type keeper struct {
	*newcomer
	gnupg string
	lend  Lender
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	gnupg := keystest.GnuPGHome(t)
	if err := os.WriteFile(filepath.Join(gnupg, "gpg-agent.conf"), []byte("s2k-count 65536\nallow-loopback-pinentry\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	w, err := world.New(t.Context(), world.Options{
		Home: filepath.Join(dir, "home"), GnuPGHome: gnupg, NoKeychain: true, Registry: docker.Options{},
		Env: func(string) string { return "" }, Now: time.Now, Rand: rand.Reader,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return &keeper{newcomer: &newcomer{t, dir, w, newTalk(t)}, gnupg: gnupg}
}

// make makes a key under the canary, without a person.
func (k *keeper) make(email string) keys.Key {
	k.t.Helper()
	pass := keys.NewSecret([]byte(canary))
	defer pass.Destroy()
	g, err := k.world.Store.Generate(k.t.Context(), store.GenerateParams{Name: "Ada", Email: email, Algorithm: "ed25519", Lifetime: 24 * 365 * time.Hour, Passphrase: pass})
	if err != nil {
		k.t.Fatal(err)
	}
	return g.Key
}

func (k *keeper) begin(ctx context.Context) <-chan error {
	ended := make(chan error, 1)
	go func() {
		desk := keydesk.New(&k.world.Places)
		desk.Dir = k.dir
		ended <- KeyDesk{
			Terminal: NewTerminal(k.tty, k.tty, &TTY{In: k.tty, Out: k.tty}), Keys: desk, Wizard: firstkey.New(k.world, k.dir),
			Path: func(s string) string { return filepath.Join(k.dir, s) }, Now: time.Now, Lend: k.lend,
		}.Run(ctx)
	}()
	return ended
}

// key is the only key of the store.
func (k *keeper) key() keys.Key {
	k.t.Helper()
	list, err := k.world.Store.List(k.t.Context())
	if err != nil || len(list) != 1 {
		k.t.Fatalf("%v, %v\n%s", list, err, k.said())
	}
	return list[0]
}

// gpgShows checks what gpg sees in a file.
func (k *keeper) gpgShows(file string, want ...string) {
	k.t.Helper()
	data, err := os.ReadFile(filepath.Join(k.dir, file))
	if err != nil {
		k.t.Fatal(err)
	}
	out, errOut, err := keystest.GPG(k.t, k.gnupg, data, "--with-colons", "--show-keys")
	if err != nil {
		k.t.Fatal(errOut)
	}
	for _, text := range want {
		if !strings.Contains(out, text) {
			k.t.Errorf("gpg does not see %q in %s:\n%s", text, file, out)
		}
	}
}

// TestKeysLineByLine: with a real store and a real GnuPG, a person does everything that the page of
// all keys does to a key of theirs; wrong answers are asked again, and the passphrases are nowhere.
func TestKeysLineByLine(t *testing.T) {
	k := newKeeper(t)
	first := k.make("ada@example.org")
	ended := k.begin(t.Context())
	k.answer(atKeys, "7")
	k.answer(`A number from 1 to 1(?s:.*)`+atKeys, "1")
	k.answer(strings.ReplaceAll(first.Fingerprint.Grouped(), " ", ` +`)+`(?s:.*)`+whatToDo, "99")
	k.answer(`A number from 1 to [^\n]*\n`+whatToDo, number(keydeed.Undo))
	k.answer(`Not possible: no earlier version[^\n]*\n`+whatToDo, number(keydeed.Extend)) // extend
	k.answer(`It expires after[^\n]*: $`, "soon")
	k.answer(`90d(?s:.*): $`, "b")
	k.answer(`Nothing was changed\.\n`+whatToDo, number(keydeed.Extend))
	k.answer(`It expires after[^\n]*: $`, "3y")
	k.answer(`Nothing has been done yet(?s:.*)Extend it`+agreed, "perhaps")
	k.answer(`y or n(?s:.*)Extend it`+agreed, "b")
	k.answer(`It expires after[^\n]*: $`, "3y")
	k.answer(`Extend it`+agreed, "y")
	k.secret(`Passphrase of the key[^\n]*: $`, "wrong")
	k.secret(`Try 2 of 3(?s:.*)Passphrase of the key[^\n]*: $`, canary)
	k.wait(`The key expires on [^\n]*; ` + number(keydeed.Publish) + ` publishes it\.`)
	if end := k.key().Expires; !end.After(first.Expires) {
		t.Errorf("it expires %s", end)
	}

	k.userIDs()
	k.subkeys()
	k.files()
	k.passphrases()
	k.answer(whatToDo, number(keydeed.ToGnuPG)) // to GnuPG
	k.answer(`Copy it`+agreed, "y")
	k.answer(`GnuPG has the key now\.(?s:.*)`+whatToDo, "d")
	k.wait(`secret key, in bulla's store and GnuPG`)
	if out, _, err := keystest.GPG(t, k.gnupg, nil, "--with-colons", "--list-secret-keys"); err != nil || !strings.Contains(out, string(first.Fingerprint)) {
		t.Errorf("gpg lists %s, %v", out, err)
	}
	k.lastThings(first)
	if err := k.end(ended); err != nil {
		t.Error(err)
	}
	if out := k.said(); strings.Contains(out, canary) || strings.Contains(out, canary2) || strings.ContainsRune(out, '\x1b') {
		t.Errorf("a passphrase, or an escape, was printed:\n%s", out)
	}
	k.noCanary()
}

// userIDs adds user ids, shows one first, and takes one back.
func (k *keeper) userIDs() {
	k.answer(whatToDo, number(keydeed.AddUserID))
	k.answer(`Name[^\n]*\[Ada\]: $`, "")
	k.answer(`Address[^\n]*: $`, "no(address")
	k.answer(`cannot be taken[^\n]*\n[^\n]*: $`, "ada@new.example")
	k.answer(`Comment[^\n]*\[none\]: $`, "b")
	k.answer(`Address[^\n]*: $`, "ada@new.example")
	k.answer(`Comment[^\n]*: $`, "")
	k.answer(`Show it first\?[^\n]*\[y/N\] $`, "")
	k.answer(`new: Ada <ada@new\.example>(?s:.*)Add it`+agreed, "y")
	k.answer(`Added Ada <ada@new\.example>(?s:.*)`+whatToDo, number(keydeed.PrimaryUserID))
	k.answer(`1  Ada <ada@example.org>\n     It is shown first(?s:.*)`+`: $`, "2")
	k.answer(`Show it first`+agreed, "y")
	k.answer(`is shown first now(?s:.*)`+whatToDo, number(keydeed.RevokeUserID))
	k.answer(`: $`, "2")
	k.answer(`becomes public; Enter for none: $`, "I left there")
	k.answer(`public: "I left there"(?s:.*)Take it back`+agreed, "y")
	k.wait(`Taken back: Ada <ada@example.org>`)
	if ids := k.key().UserIDs; len(ids) != 1 || ids[0] != "Ada <ada@new.example>" {
		k.t.Errorf("user ids %q", ids)
	}
	k.answer(whatToDo, number(keydeed.Undo)) // undo, and undo that
	k.answer(`Back: Ada <ada@example.org>(?s:.*)Go back`+agreed, "y")
	k.answer(`as it was before(?s:.*)`+whatToDo, number(keydeed.Undo))
	k.answer(`Gone: Ada <ada@example.org>(?s:.*)Go back`+agreed, "y")
	k.wait(`as it was before`)
}

// subkeys adds one, replaces those that sign, and declares one invalid.
func (k *keeper) subkeys() {
	before := len(k.key().Subkeys)
	k.answer(whatToDo, number(keydeed.AddSubkey))
	k.answer(`Its algorithm(?s:.*): $`, "2")
	k.answer(`\[with the key\]: $`, "b")
	k.answer(`Its algorithm(?s:.*): $`, "1")
	k.answer(`\[with the key\]: $`, "90d")
	k.answer(`A subkey, ed25519, that expires on(?s:.*)Add it`+agreed, "y")
	k.answer(`The new subkey ends in(?s:.*)`+whatToDo, number(keydeed.RotateSubkey))
	k.answer(`: $`, "1")
	k.answer(`\[with the key\]: $`, "")
	k.answer(`Leave the old ones valid`+agreed, "n")
	k.answer(`retired: Revoked as superseded(?s:.*)Replace it`+agreed, "y")
	k.answer(`2 subkeys retired(?s:.*)`+whatToDo, number(keydeed.RevokeSubkey))
	k.answer(`Which subkey\?\n  1  ends in [^\n]*\n[^\n]*\nNumber[^\n]*: $`, "1")
	k.answer(`Why\?(?s:.*)also those of past releases(?s:.*)Number[^\n]*: $`, "")
	k.answer(`Which subkey\?(?s:.*)Number[^\n]*: $`, "1")
	k.answer(`Why\?(?s:.*)Number[^\n]*: $`, "2")
	k.answer(`Enter for none: $`, "")
	k.answer(`\(a soft revocation\)(?s:.*)Declare it invalid`+agreed, "y")
	k.answer(`is revoked\. `+number(keydeed.Publish)+` publishes it(?s:.*)`+whatToDo, number(keydeed.Undo)) // without a signing subkey it is of little use
	k.answer(`Go back`+agreed, "y")
	k.wait(`as it was before`)
	if after := k.key().Subkeys; len(after) != before+2 {
		k.t.Errorf("subkeys %v", after)
	}
	k.answer(whatToDo, number(keydeed.Renew))
	k.answer(`Sign them again`+agreed, "y")
	k.wait(`The self-signatures are new`)
}

// files backs the key up in two forms, and exports it.
func (k *keeper) files() {
	k.answer(whatToDo, number(keydeed.BackUp))
	k.answer(`What kind(?s:.*): $`, "1")
	k.answer(`File to write[^\n]*: $`, "stick.asc")
	k.answer(`Back it up`+agreed, "y")
	k.secret(`Passphrase of the key[^\n]*: $`, canary) // not what is remembered
	k.secret(`Once more, to try the backup(?s:.*)Passphrase of the key[^\n]*: $`, canary)
	k.answer(`Written and tried(?s:.*)`+whatToDo, number(keydeed.BackUp))
	k.answer(`What kind(?s:.*): $`, "2")
	k.answer(`File to write[^\n]*: $`, "stick.asc")
	k.answer(`there already[^\n]*\nFile to write[^\n]*: $`, "paper.txt")
	k.answer(`Back it up`+agreed, "y")
	k.secret(`Passphrase of the key[^\n]*: $`, canary)
	k.secret(`Once more(?s:.*)Passphrase of the key[^\n]*: $`, canary)
	k.answer(`Written and tried(?s:.*)`+whatToDo, number(keydeed.ExportSecret))
	k.answer(`File to write[^\n]*: $`, "laptop.asc")
	k.answer(`Whoever has the file(?s:.*)Export it`+agreed, "y")
	k.secret(`Passphrase of the key[^\n]*: $`, canary)
	k.secret(`Once more(?s:.*)Passphrase of the key[^\n]*: $`, canary)
	k.answer(`Written and tried(?s:.*)`+whatToDo, number(keydeed.Export))
	k.answer(`With what others certified[^\n]*\[y/N\] $`, "")
	k.answer(`File to write[^\n]*: $`, "public.asc")
	k.answer(`Write it`+agreed, "y")
	k.wait(`Wrote the public key to `)
	f := string(k.key().Fingerprint)
	k.gpgShows("stick.asc", "sec:", f, "ada@new.example")
	k.gpgShows("laptop.asc", "sec:", f)
	k.gpgShows("public.asc", "pub:", f)
}

// passphrases changes the passphrase and makes a revocation certificate.
func (k *keeper) passphrases() {
	k.answer(whatToDo, number(keydeed.Passphrase))
	k.answer(`that `+number(keydeed.Undo)+` can go back\. `+number(keydeed.Forget)+` forgets it(?s:.*)Change it`+agreed, "y")
	k.secret(`New passphrase of the key[^\n]*: $`, canary2)
	k.secret(`The same once more: $`, canary)
	k.secret(`The two differ(?s:.*)New passphrase[^\n]*: $`, canary2)
	k.secret(`The same once more: $`, canary2)
	k.answer(`The passphrase is changed(?s:.*)`+whatToDo, number(keydeed.Forget))
	k.answer(`Forget it`+agreed, "y")
	k.answer(`The earlier version is gone(?s:.*)`+whatToDo, number(keydeed.Revocation))
	k.answer(`Make it`+agreed, "n")
	k.answer(`Left\. Nothing was changed(?s:.*)`+whatToDo, number(keydeed.Delete))
	k.answer(`no backup of its secret key(?s:.*)`+whatToDo, number(keydeed.BackUp)) // the old one is under the old passphrase
	k.answer(`What kind(?s:.*): $`, "1")
	k.answer(`File to write[^\n]*: $`, "second.asc")
	k.answer(`Back it up`+agreed, "y")
	k.secret(`Passphrase of the key[^\n]*: $`, canary2)
	k.secret(`Once more(?s:.*)Passphrase of the key[^\n]*: $`, canary2)
	k.wait(`Written and tried`)
}

// lastThings publishes the key to a file, again, and asks for it; revokes it, undoes that, deletes it,
// and imports the backup again.
func (k *keeper) lastThings(first keys.Key) {
	k.answer(whatToDo, number(keydeed.Publish))
	k.answer(`Places, or none[^\n]*: $`, "b")
	k.answer(`Left(?s:.*)`+whatToDo, number(keydeed.Publish))
	k.answer(`Places, or none[^\n]*: $`, "file:KEYS")
	k.answer(`Make this public`+agreed, "y")
	k.answer(`KEYS: in the file as it is now(?s:.*)`+whatToDo, number(keydeed.CheckPlaces))
	k.answer(`sent: No key(?s:.*)Ask them`+agreed, "y")
	k.answer(`in the file as it is now(?s:.*)`+whatToDo, number(keydeed.Publish))
	k.answer(`1  Again(?s:.*): $`, "1")
	k.answer(`Make this public`+agreed, "n")
	k.answer(`Nothing was sent(?s:.*)`+whatToDo, number(keydeed.AddUserID))
	k.answer(`Name[^\n]*: $`, "")
	k.answer(`Address[^\n]*: $`, "ada@private.example")
	k.answer(`Comment[^\n]*: $`, "")
	k.answer(`Show it first\?[^\n]*\[y/N\] $`, "")
	k.answer(`Add it`+agreed, "y")
	k.answer(`Added(?s:.*)`+whatToDo, number(keydeed.Publish))
	k.answer(`3  Again, with other user ids(?s:.*): $`, "3")
	k.answer(`user ids shall those places get(?s:.*)Enter takes 1;[^\n]*: $`, "none")
	k.answer(`gpg refuses(?s:.*)takes none: $`, "2")
	k.answer(`user id +Ada <ada@private\.example>\n +not sent +Ada <ada@new\.example>(?s:.*)Make this public`+agreed, "n")
	k.answer(`Nothing was sent(?s:.*)`+whatToDo, number(keydeed.ExtendEverywhere))
	k.answer(`It expires after[^\n]*: $`, "4y")
	k.answer(`then publish it again(?s:.*)KEYS(?s:.*)Extend it`+agreed, "y")
	k.answer(`The key expires on(?s:.*)Make this public`+agreed, "y")
	k.answer(`KEYS: in the file as it is now(?s:.*)`+whatToDo, number(keydeed.Revoke))
	k.answer(`Why\?(?s:.*)5  Apply the revocation certificate(?s:.*): $`, "5")
	k.answer(`\(a hard revocation\)(?s:.*)end of the fingerprint, to revoke it[^\n]*: $`, "yes")
	k.answer(`That is not it(?s:.*): $`, string(first.Fingerprint[32:]))
	k.wait(`The key is revoked`)
	if !k.key().Revoked {
		k.t.Error("it is not revoked")
	}
	k.answer(whatToDo, number(keydeed.Undo))
	k.answer(`Go back`+agreed, "y")
	k.answer(`as it was before(?s:.*)`+whatToDo, number(keydeed.Delete))
	k.answer(`GnuPG's copy(?s:.*)to delete it; Enter leaves it: $`, "")
	k.answer(`Left(?s:.*)`+whatToDo, number(keydeed.Delete))
	k.answer(`to delete it; Enter leaves it: $`, string(first.Fingerprint[32:36]+" "+first.Fingerprint[36:]))
	k.answer(`Deleted the key(?s:.*)`+whatToDo, number(keydeed.FromGnuPG)) // GnuPG has it still
	k.answer(`Copy it`+agreed, "y")
	k.secret(`[^\n]*: $`, canary2)
	k.answer(`bulla's store has the key now(?s:.*)`+whatToDo, "")
	k.answer(atKeys, "i")
	k.answer(`File with keys[^\n]*: $`, "nothing.asc")
	k.answer(`does not exist(?s:.*)File with keys[^\n]*: $`, "stick.asc")
	k.answer(`with its secret key(?s:.*)Import them`+agreed, "y")
	k.answer(`known already(?s:.*)`+atKeys, "nobody")
	k.answer(`Nothing fits(?s:.*)`+atKeys, "new.example")
	k.answer(`1  Ada <ada@new.example>(?s:.*)`+atKeys, "")
}

// TestKeysLeft: the end of input ends it cleanly everywhere, q too, and Ctrl+C is a cancellation.
func TestKeysLeft(t *testing.T) {
	for _, answers := range [][]string{{}, {"1"}, {"1", number(keydeed.Extend)}, {"1", number(keydeed.Extend), "2y"}, {"1", number(keydeed.Publish)}, {"1", number(keydeed.Revoke), "2"}, {"n"}, {"i"}, {"f"}} {
		for _, q := range []bool{false, true} {
			k := newKeeper(t)
			before := k.make("ada@example.org")
			input := strings.Join(append(answers, ""), "\n")
			if q {
				input += "q\n1\ny\n"
			}
			var out buffer
			d := KeyDesk{
				Terminal: NewTerminal(strings.NewReader(input), &out, nil), Keys: keydesk.New(&k.world.Places), Wizard: firstkey.New(k.world, k.dir),
				Path: func(s string) string { return filepath.Join(k.dir, s) }, Now: time.Now,
			}
			if err := d.Run(t.Context()); err != nil {
				t.Errorf("%q, q %v: %v\n%s", answers, q, err, out.String())
			}
			if after := k.key(); !after.Expires.Equal(before.Expires) || after.Revoked {
				t.Errorf("%q: %+v", answers, after)
			}
			d.Terminal, d.Back = NewTerminal(strings.NewReader(input), &out, nil), "the release"
			if err := d.Run(t.Context()); !errors.Is(err, errLeft) && !(q == false && len(answers) == 0 && err == nil) {
				t.Errorf("%q, on the way to a release: %v", answers, err)
			}
		}
	}
	k := newKeeper(t)
	k.make("ada@example.org")
	ctx, cancel := context.WithCancel(t.Context())
	ended := k.begin(ctx)
	k.answer(atKeys, "1")
	k.answer(whatToDo, number(keydeed.Extend))
	k.answer(`It expires after[^\n]*: $`, "2y")
	k.answer(`Extend it`+agreed, "y")
	k.wait(`Passphrase of the key[^\n]*: $`)
	cancel()
	if err := k.end(ended); explain.Error(err).Code != explain.CodeCancelled {
		t.Errorf("%v", err)
	}
}

// TestFromGnuPGByOwnPrompt: gpg-agent that lets nobody else ask gets the terminal for its own prompt, and
// the key comes from GnuPG to bulla's store.
func TestFromGnuPGByOwnPrompt(t *testing.T) {
	k := newKeeper(t)
	made := k.make("own@example.org")
	data, err := k.world.Store.ExportSecret(t.Context(), keys.ParseSelector("own@example.org"), func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
		return keys.NewSecret([]byte(canary)), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, errOut, err := keystest.GPG(t, k.gnupg, data, "--import"); err != nil {
		t.Fatal(errOut)
	}
	if _, err := k.world.Store.Delete(t.Context(), keys.ParseSelector("own@example.org"), true); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(k.dir, "pinentry")
	script := "#!/bin/sh\necho 'OK here'\nwhile read -r line; do case $line in GETPIN*) printf 'D %s\\nOK\\n' '" + canary + "';; BYE*) echo OK; exit;; *) echo OK;; esac; done\n"
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(k.gnupg, "gpg-agent.conf"), []byte("no-allow-loopback-pinentry\npinentry-program "+program+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("gpgconf", "--homedir", k.gnupg, "--kill", "gpg-agent").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lent := 0
	k.lend = func(ctx context.Context, use func(context.Context, agent.Terminal) error) error {
		lent++
		return use(ctx, agent.Terminal{TTY: "/dev/pts/77", Type: "dumb"})
	}
	ended := k.begin(t.Context())
	k.answer(`1  Ada <own@example.org>(?s:.*)`+atKeys, "1")
	k.answer(whatToDo, number(keydeed.FromGnuPG))
	k.answer(`Copy it`+agreed, "y")
	k.answer(`bulla's store has the key now(?s:.*)`+whatToDo, "q")
	if err := k.end(ended); err != nil || lent != 1 {
		t.Errorf("lent %d times, %v", lent, err)
	}
	if got := k.key(); got.Fingerprint != made.Fingerprint || !got.HasSecret {
		t.Errorf("the store has %+v", got)
	}
}

// TestSuccessionLineByLine: a person lets a new key follow an old one, in a repository with a policy.
// All of it is shown first; gpg finds both signatures good.
func TestSuccessionLineByLine(t *testing.T) {
	keystest.Peer(t, "git")
	k := newKeeper(t)
	old := k.make("old@example.org")
	next := k.make("new@example.org")
	if out, err := exec.Command("git", "init", "-q", k.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	config := "[policy]\nkeyring = \"keys.asc\"\n\n[[policy.signer]]\nname = \"Ada\"\nkeys = [\"" + string(old.Fingerprint) + "\"]\nsigns = [\"tag\"]\n"
	if err := os.WriteFile(filepath.Join(k.dir, "bulla.toml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	home := t.TempDir()
	k.world.Env = func(name string) string { return map[string]string{"HOME": home}[name] }
	k.world.Environ = append(slices.DeleteFunc(os.Environ(), func(s string) bool { return strings.HasPrefix(s, "GIT_CONFIG") }), "HOME="+home)
	gitconfig := filepath.Join(home, ".gitconfig")
	if err := os.WriteFile(gitconfig, []byte("[user]\n\tsigningkey = "+string(old.Fingerprint)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended := k.begin(t.Context())
	k.answer(atKeys, "old@")
	k.answer(`1 of 2 keys(?s:.*)`+atKeys, "1")
	k.answer(whatToDo, number(keydeed.Succeed))
	k.answer(`1  Ada <new@example.org>\n(?s:.*)2  make a new key pair\nNumber[^\n]*: $`, "2")
	k.answer(`Key \(1-3[^\n]*: $`, "b") // of the wizard for a new key
	k.answer(`Which key follows\?(?s:.*): $`, "1")
	k.answer(`The old key ends after[^\n]*\[1y\]: $`, "soon")
	k.answer(`90d(?s:.*)ends after[^\n]*: $`, "90d")
	k.answer(`\[statement.txt\]: $`, "bulla.toml")
	k.answer(`there already(?s:.*)\[statement.txt\]: $`, "")
	k.answer(`Let git sign with the new key from now on[^\n]*\[y/N\] $`, "b")
	k.answer(`File for the statement[^\n]*: $`, "")
	k.answer(`Let git sign with the new key from now on[^\n]*\[y/N\] $`, "y")
	k.answer(`Nothing has been done yet(?s:.*)\| A new key signs from now on(?s:.*)\| \[\[policy.signer\]\]\n(?s:.*)gitconfig gets:(?s:.*)instead of `+string(old.Fingerprint)+`(?s:.*)Let it follow`+agreed, "y")
	k.secret(`Passphrase of the key Ada <old@example.org>: $`, canary)
	k.secret(`Passphrase of the key Ada <new@example.org>: $`, canary)
	k.answer(`Certified, signed and written(?s:.*)statement\.txt\.asc(?s:.*)git signs with the new key(?s:.*)publish both keys again \(`+number(keydeed.Publish)+`\)(?s:.*)`+whatToDo, "")
	k.answer(atKeys, "q")
	if err := k.end(ended); err != nil {
		t.Error(err)
	}
	for _, f := range []keys.Fingerprint{old.Fingerprint, next.Fingerprint} {
		data, err := k.world.Store.ExportPublic(t.Context(), keys.ParseSelector(string(f)))
		if err != nil {
			t.Fatal(err)
		}
		if _, errOut, err := keystest.GPG(t, k.gnupg, data, "--import"); err != nil {
			t.Fatal(errOut)
		}
	}
	statement := filepath.Join(k.dir, "statement.txt")
	if status := strings.Join(keystest.GPGStatus(t, k.gnupg, statement+".asc", statement), "\n"); strings.Count(status, "GOODSIG") != 2 {
		t.Errorf("gpg says\n%s", status)
	}
	if data, err := os.ReadFile(filepath.Join(k.dir, "bulla.toml")); err != nil || !strings.Contains(string(data), string(next.Fingerprint)) {
		t.Errorf("%s, %v", data, err)
	}
	if data, err := os.ReadFile(gitconfig); err != nil || !strings.Contains(string(data), "= "+string(next.Fingerprint)) {
		t.Errorf("%s, %v", data, err)
	}
	if strings.Contains(k.said(), canary) {
		t.Error("the passphrase was printed")
	}
	k.noCanary()
}

// TestEveryKeyDeed: whatever can be done with a key can be done line by line, and no number is taken
// twice.
func TestEveryKeyDeed(t *testing.T) {
	asks := (&keyTalk{}).asks()
	numbers := map[string]bool{}
	for a := range keydeed.Actions {
		if asks[a] == nil || number(a) == "" || numbers[number(a)] {
			t.Errorf("%s: number %q", keydeed.Of(a).Name, number(a))
		}
		numbers[number(a)] = true
	}
}

// TestBrokenKeyLineByLine: a key that cannot be read does not hide the others; it is told why, and moved
// aside once its fingerprint was typed.
func TestBrokenKeyLineByLine(t *testing.T) {
	k := newKeeper(t)
	broken := k.make("broken@example.org")
	fine := k.make("fine@example.org")
	if err := os.WriteFile(filepath.Join(k.dir, "home", "keys", string(broken.Fingerprint), "public.pgp"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	ended := k.begin(t.Context())
	k.answer(`the key that cannot be read\n +ends in (?s:.*)`+atKeys, "cannot be read") // words that no key has
	k.answer(`Nothing fits(?s:.*)`+atKeys, "fine@")
	k.answer(`1 of 2 keys(?s:.*)1  Ada <fine@example.org>(?s:.*)`+atKeys, strings.ToLower(string(broken.Fingerprint[:9])))
	k.answer(`1 of 2 keys(?s:.*)`+atKeys, "1")
	k.answer(`the key that cannot be read(?s:.*)`+whatToDo, number(keydeed.Extend))
	k.answer(`Not possible: it cannot be read(?s:.*)`+whatToDo, "aside")
	k.answer(`to move it aside; Enter leaves it: $`, string(broken.Fingerprint[32:]))
	k.answer(`Its files are now in(?s:.*)1 key, 1 with the secret key(?s:.*)`+atKeys, "")
	if err := k.end(ended); err != nil {
		t.Error(err)
	}
	if got := k.key(); got.Fingerprint != fine.Fingerprint {
		t.Errorf("left is %+v", got)
	}
}
