package keydesk

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/publish/keysfile"
)

// ShownKey is a key as a succession puts it into a file, which makes it public.
type ShownKey struct {
	Fingerprint keys.Fingerprint
	// UserIDs go into the file, Kept do not: they were never published, or hide an address.
	UserIDs, Kept []string
	// Notes are what else becomes public by it, in plain sentences.
	Notes []string
	// Place is the file as a place where keys are published; see publish.Target.String.
	Place string

	plan publish.Plan
}

// publicUserIDs are those of the valid user ids of a key with which it may be shown to everybody: those
// that were published from here anywhere. Of a key that never was they are those that hide no address,
// else the first one: a key without any is of no use. None stands for all that nobody chose.
func (w *Places) publicUserIDs(k keys.Key) ([]string, error) {
	r, err := w.Published.Read(k.Fingerprint)
	if err != nil {
		return nil, err
	}
	pick := func(take func(string) bool) (out []string) {
		for _, u := range k.UserIDs {
			if take(u) {
				out = append(out, u)
			}
		}
		return out
	}
	out := pick(func(u string) bool {
		return slices.ContainsFunc(r.Entries, func(e publish.Entry) bool { return slices.Contains(e.UserIDs, u) })
	})
	if len(out) == 0 {
		out = pick(func(u string) bool { _, hides := publish.NoReply(keys.AddressOf(u)); return !hides })
	}
	if len(out) == 0 && len(k.UserIDs) > 0 {
		out = k.UserIDs[:1]
	}
	return out, nil
}

// signing is what a statement and a policy say of a key: nothing that was kept back.
func (w *Places) signing(k keys.Key) (keys.SigningKey, error) {
	ids, err := w.publicUserIDs(k)
	if err != nil {
		return keys.SigningKey{}, err
	}
	out := keys.SigningKey{Primary: k.Fingerprint}
	if len(ids) > 0 {
		out.UserID = ids[0]
	}
	return out, nil
}

// showIn works out how a key goes into a file of keys that holds data: where it is in it already, with
// the user ids that it has there, else with those that are public.
func (w *Places) showIn(ctx context.Context, path string, data []byte, k keys.Key) (ShownKey, error) {
	out := ShownKey{Fingerprint: k.Fingerprint}
	_, ring, err := w.PublicKey(ctx, keys.ParseSelector(string(k.Fingerprint)))
	if err != nil {
		return out, err
	}
	ids, err := w.publicUserIDs(k)
	if err != nil {
		return out, err
	}
	if there := idsIn(data, k); len(there) > 0 {
		ids = there
	}
	target, err := w.fileTarget(path, k.Fingerprint)
	if err != nil {
		return out, err
	}
	out.plan, err = publish.NewPlan(ring, k.Fingerprint, []publish.Target{target}, publish.Choice{UserIDs: ids, Own: w.ownKeys(ctx)})
	if err != nil {
		return out, err
	}
	i := out.plan.Items[0]
	out.UserIDs, out.Kept, out.Notes, out.Place = i.Key.UserIDs, i.LeftOut, i.Notes, target.String()
	return out, nil
}

// idsIn are the valid user ids of a key that a file of keys has of it.
func idsIn(data []byte, k keys.Key) (out []string) {
	ring, err := keysfile.Keys(data)
	if err != nil { // a file without keys; what is wrong with another is told when it is changed
		return nil
	}
	for _, have := range ring.Keys() {
		if have.Fingerprint == k.Fingerprint {
			out = append(out, slices.DeleteFunc(have.UserIDs, func(u string) bool { return !slices.Contains(k.UserIDs, u) })...)
		}
	}
	return out
}

// fileTarget is a file as the place where a key is published: under the name under which it was, if it
// was.
func (w *Places) fileTarget(path string, f keys.Fingerprint) (publish.Target, error) {
	r, err := w.Published.Read(f)
	if err != nil {
		return publish.Target{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return publish.Target{}, err
	}
	for _, e := range r.Entries {
		t, err := publish.ParseTarget(e.Target, "")
		if err != nil || t.Kind != publish.KindFile {
			continue
		}
		if same, err := os.Stat(t.Where); err == nil && os.SameFile(info, same) {
			return t, nil
		}
	}
	return publish.Target{Kind: publish.KindFile, Where: filepath.Clean(path)}, nil
}

// noteShown reads keys back from the files that they were put into, and remembers that they are
// published there.
func (w *Places) noteShown(ctx context.Context, list []ShownKey) error {
	for _, k := range list {
		rs, err := w.publisher(PublishFace{}).Check(ctx, k.plan)
		if err != nil {
			return err
		}
		if err := w.Published.Note(context.WithoutCancel(ctx), k.plan, rs, true); err != nil {
			return err
		}
	}
	return nil
}
