package publish

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"bulla/keys"
	"bulla/keys/publish/web"
	"bulla/keys/publish/wkd"
)

// directory is a target of the kind KindWKD: a folder that a person uploads.
type directory struct {
	p    *Publisher
	ring *keys.Keyring
	root string
}

// forAddress is what the directory holds for one address: the key with the user ids of that address
// and no others.
func (d *directory) forAddress(i Item, address string) []byte {
	return d.ring.ExportWith(i.Key.Fingerprint, i.choice.export(func(u string) bool {
		return slices.Contains(i.Key.UserIDs, u) && strings.EqualFold(keys.AddressOf(u), address)
	}))
}

func (d *directory) send(_ context.Context, i Item, r *Result) error {
	addresses := i.Addresses()
	if len(addresses) == 0 {
		return &web.Error{Host: i.Target.Name(), Op: "write the directory", Kind: web.KindAddress, Detail: "none of the user ids has an address"}
	}
	mine := func(old []byte) bool {
		k, ok := describe(old)
		return d.p.o.Replace || ok && k.Fingerprint == i.Key.Fingerprint
	}
	for _, a := range addresses {
		d.p.doing(i.Target, "writing the files for %s", a)
		if _, err := wkd.Write(d.root, a, d.forAddress(i, a), mine); err != nil {
			return err
		}
	}
	r.Stage = StageStored
	return nil
}

// look reads the folder, then asks for the live files by both methods.
func (d *directory) look(ctx context.Context, i Item, r *Result) error {
	r.Goal = StageAddress
	for _, a := range i.Addresses() {
		for _, m := range wkd.Methods {
			data, err := wkd.Written(d.root, a, m)
			if err != nil {
				return fmt.Errorf("the folder of the Web Key Directory: %w", err)
			}
			k, ok := describe(data)
			want, _ := describe(d.forAddress(i, a))
			if !ok || k.Fingerprint != i.Key.Fingerprint {
				r.Differences = append(r.Differences, Difference{"key", string(i.Key.Fingerprint), string(k.Fingerprint)})
				return nil
			}
			r.Differences = append(r.Differences, compare(want, k)...)
		}
	}
	if len(r.Differences) > 0 {
		return nil
	}
	r.Stage = StageStored
	live := wkd.Directory{Client: d.p.o.Client, Resolver: d.p.o.Resolver}
	for _, a := range i.Addresses() {
		d.p.doing(i.Target, "asking the domain of %s for the key", a)
		found, err := live.Look(ctx, a)
		if err != nil {
			return err
		}
		r.Addresses = append(r.Addresses, d.judge(i, a, found, r))
	}
	if slices.ContainsFunc(r.Addresses, func(a Address) bool { return a.State != AddressFound }) {
		r.Notes = append(r.Notes, d.upload(i)...)
		return nil
	}
	r.Stage = StageAddress
	return nil
}

// judge tells what a stranger gets for an address, and what each method gives.
func (d *directory) judge(i Item, address string, live []wkd.Live, r *Result) Address {
	want := d.forAddress(i, address)
	wanted, _ := describe(want)
	out := Address{Address: address, State: AddressUpload}
	for _, l := range live {
		word := "current"
		k, ok := describe(l.Data)
		switch {
		case l.Err != nil:
			word = l.Err.Error()
		case !ok:
			word = "what is there is no key"
		case k.Fingerprint != i.Key.Fingerprint:
			word = "another key is there, " + string(k.Fingerprint)
		case !bytes.Equal(l.Data, want) && len(compare(wanted, k)) > 0:
			word = "an older version is there"
		case len(k.UserIDs) != len(wanted.UserIDs):
			word = "it shows other user ids than those of the address"
		case l.NoPolicy:
			word = "current, but the policy file is missing"
		}
		r.Notes = append(r.Notes, fmt.Sprintf("%s, %s method, %s: %s.", address, l.Method, l.URL, strings.TrimSuffix(word, ".")))
		if !l.Counts {
			continue
		}
		switch {
		case word == "current":
			out.State, out.Detail = AddressFound, "by the "+string(l.Method)+" method"
		case l.Err == nil && ok && k.Fingerprint != i.Key.Fingerprint:
			out.State, out.Detail = AddressOtherKey, word
		default:
			out.Detail = word
		}
	}
	return out
}

// upload says what is left to do.
func (d *directory) upload(i Item) (out []string) {
	seen := map[string]bool{}
	for _, a := range i.Addresses() {
		p, err := wkd.Locate(a, wkd.Advanced)
		q, err2 := wkd.Locate(a, wkd.Direct)
		if errors.Join(err, err2) != nil || seen[q.Host] {
			continue
		}
		seen[q.Host] = true
		from := filepath.Join(d.root, ".well-known", "openpgpkey")
		out = append(out, fmt.Sprintf("Upload %s so that https://%s/.well-known/openpgpkey or https://%s/.well-known/openpgpkey serves it, with the header Access-Control-Allow-Origin: *.", from, p.Host, q.Host),
			fmt.Sprintf("The second address counts only while the host %s does not exist.", p.Host))
	}
	return out
}
