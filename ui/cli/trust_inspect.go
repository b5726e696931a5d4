package cli

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys"
	"bulla/ui/component/imagedeed"
	"bulla/ui/explain"
)

func (a *app) trustInspectCommand() *cobra.Command {
	t := &trusting{app: a}
	var offline bool
	c := &cobra.Command{
		Use:   "inspect REPO|REF",
		Short: "Show what is signed in a repository, by whom, under which root; or one tag",
		Long: `Show what is signed in a repository, by whom, under which root key, and where that key
lives; or judge one tag, as the image that it points to now.

The trust server is asked each time: if it cannot be, nothing is said of anything.
--offline shows what was seen last, and when.`,
		Args: cobra.ExactArgs(1),
	}
	f := c.Flags()
	t.where(f)
	f.BoolVar(&offline, "offline", false, "do not ask the trust server: show what was seen last")
	a.jsonFlag(f, "print the trust data, or a verdict for each signer of the tag, as lines of JSON")
	c.RunE = func(cmd *cobra.Command, args []string) error {
		ctx := cmd.Context()
		ref, refErr := docker.ParseReference(args[0])
		name := args[0]
		if refErr == nil {
			if ref.Tag() == "" {
				return &docker.ReferenceError{Text: name, Reason: "Content Trust signs tags, and this names none"}
			}
			name = dct.GUNOf(ref).String()
		}
		r, trust, err := t.repository(ctx, name)
		if err != nil {
			return err
		}
		trust.Offline = offline
		if refErr != nil {
			s, err := r.Read(ctx, trust)
			if err != nil {
				return err
			}
			return a.trustState(t, s)
		}
		img, err := a.world.Registry.Resolve(ctx, ref)
		if err != nil {
			return err
		}
		verdicts, s, err := r.Verify(ctx, img, trust)
		var none *dct.NotInitializedError
		switch {
		case errors.As(err, &none) && !none.Known:
			v := keys.Verdict{Target: img.Reference.String(), Kind: keys.KindImage, Status: keys.StatusUnsigned, Reason: "The trust server has no data for this repository."}
			return a.trustVerdicts(img, []keys.Verdict{v}, &dct.State{})
		case err != nil:
			return err
		}
		return a.trustVerdicts(img, verdicts, s)
	}
	return c
}

// trustVerdicts prints the verdicts on one tag; its exit code is 1 unless they are good.
func (a *app) trustVerdicts(img docker.Image, verdicts []keys.Verdict, s *dct.State) error {
	p := a.printer()
	for _, v := range verdicts {
		p.verdict(v)
	}
	if s.Offline && !p.json {
		p.line("             the trust server was not asked: as of %s", s.Checked.Local().Format("2 January 2006 15:04"))
	}
	code := codeOf(verdicts, false)
	switch {
	case p.err != nil:
		return p.err
	case code != explain.CodeOK:
		return exitCode(code)
	case !p.json:
		p.line("             %s", img.Digest)
	}
	if s.Rotated && !p.json {
		a.note("note: the root key was replaced since it was pinned, with the old one's signature; the present certificate is %s", rootsOf(s))
	}
	return p.err
}

func rootsOf(s *dct.State) string {
	var ids []string
	for _, c := range s.Root.Certificates {
		ids = append(ids, c.ID)
	}
	return strings.Join(ids, ", ")
}

// trustState prints the trust data of a repository.
func (a *app) trustState(t *trusting, s *dct.State) error {
	list, err := t.client.Keys().List()
	if err != nil {
		return err
	}
	p := a.printer()
	if p.json {
		p.object(stateObject(t.client, list, s))
		return p.err
	}
	p.line("%s", s.GUN)
	p.line("  trust server  %s", s.Server)
	if e, ok := dct.EndOf(s.Server); ok {
		p.line("                ends on %s", e.Day.Format("2 January 2006"))
	}
	if s.Offline {
		p.line("  seen          %s, not asked now", s.Checked.Local().Format("2 January 2006 15:04"))
	}
	for _, c := range s.Root.Certificates {
		p.rootCertificate(t.client, list, c)
	}
	p.line("  until         %s", s.Root.Expires.Format("2 January 2006"))
	if s.Rotated {
		p.line("                replaced since it was pinned, with the old one's signature")
	}
	for _, role := range s.Roles[1:4] {
		p.line("%s, until %s", role.Name, role.Expires.Format("2 January 2006"))
		p.keyIDs(list, role.KeyIDs)
	}
	for _, signer := range s.Signers {
		p.line("signer %s", signer.Name)
		p.keyIDs(list, signer.KeyIDs)
	}
	for _, name := range s.Broken {
		p.line("%s counts for nothing: it has expired, or no valid signature is under it", name)
	}
	p.trustTags("released", s.Tags)
	p.trustTags("signed, but not released", s.Pending)
	return p.err
}

// rootCertificate prints a root key, and where it lives.
func (p *printer) rootCertificate(c *dct.Client, list []dct.Key, cert dct.Certificate) {
	p.line("root certificate")
	p.line("  %s", cert.ID)
	p.line("root key")
	p.line("  %s", cert.KeyID)
	i := slices.IndexFunc(list, func(k dct.Key) bool { return k.ID == cert.KeyID })
	if i < 0 {
		p.line("  lives         not in %s", c.Keys().Dir())
	} else {
		p.line("  lives         %s", list[i].Path)
	}
	if custody, err := c.Keys().Custody(cert.KeyID); err == nil && (i >= 0 || custody.Backup != "") {
		p.line("                %s", imagedeed.BackupOf(custody))
	}
}

// keyIDs prints keys, marking those that are at hand.
func (p *printer) keyIDs(list []dct.Key, ids []string) {
	for _, id := range ids {
		here := ""
		if slices.ContainsFunc(list, func(k dct.Key) bool { return k.ID == id }) {
			here = "  at hand"
		}
		p.line("  %s%s", id, here)
	}
}

func (p *printer) trustTags(title string, tags []dct.Tag) {
	if len(tags) == 0 {
		if title == "released" {
			p.line("no tag is released")
		}
		return
	}
	p.line("%s", title)
	for _, t := range tags {
		p.line("  %s  by %s", t.Name, strings.Join(signerNames(&t), ", "))
		p.line("    %s", t.Digest)
	}
}

// stateObject is the trust data for a script.
func stateObject(c *dct.Client, list []dct.Key, s *dct.State) map[string]any {
	held := func(id string) bool { return slices.ContainsFunc(list, func(k dct.Key) bool { return k.ID == id }) }
	certs := []map[string]any{}
	for _, cert := range s.Root.Certificates {
		o := map[string]any{"id": cert.ID, "key_id": cert.KeyID, "expires": stamp(cert.NotAfter), "at_hand": held(cert.KeyID), "path": "", "backup": "", "rehearsed_at": nil}
		if i := slices.IndexFunc(list, func(k dct.Key) bool { return k.ID == cert.KeyID }); i >= 0 {
			o["path"] = list[i].Path
		}
		if custody, err := c.Keys().Custody(cert.KeyID); err == nil {
			o["backup"], o["rehearsed_at"] = custody.Backup, stamp(custody.Rehearsed)
		}
		certs = append(certs, o)
	}
	roles := []map[string]any{}
	for _, r := range s.Roles {
		roles = append(roles, map[string]any{"name": r.Name, "key_ids": r.KeyIDs, "threshold": r.Threshold, "version": r.Version, "expires": stamp(r.Expires)})
	}
	signers := []map[string]any{}
	for _, g := range s.Signers {
		signers = append(signers, map[string]any{"name": g.Name, "key_ids": g.KeyIDs})
	}
	o := map[string]any{
		"repository": s.GUN, "trust_server": s.Server, "root": certs, "rotated": s.Rotated, "roles": roles, "signers": signers,
		"tags": tagObjects(s.Tags), "pending": tagObjects(s.Pending), "broken": append([]string{}, s.Broken...),
		"checked_at": stamp(s.Checked), "offline": s.Offline, "server_ends": nil,
	}
	if e, ok := dct.EndOf(s.Server); ok {
		o["server_ends"] = e.Day.Format(time.DateOnly)
	}
	return o
}

func tagObjects(tags []dct.Tag) []map[string]any {
	out := []map[string]any{}
	for _, t := range tags {
		out = append(out, map[string]any{"tag": t.Name, "digest": t.Digest, "size": t.Size, "role": t.Role, "signers": append([]string{}, signerNames(&t)...)})
	}
	return out
}

// stamp is a time for a script, or nil for none.
func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return rfc3339(t)
}
