package images

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"bulla/docker"
	"bulla/docker/dct"
	"bulla/keys/wire"
	"bulla/workflow/finding"
)

// The rules of the registry doctor, and RuleContentTrust of what keeps a tag from being signed there.
const (
	RuleConnection  finding.Rule = "connection"
	RuleCertificate finding.Rule = "certificate"
	RuleAccount     finding.Rule = "account"
	RulePull        finding.Rule = "pull"
	RulePush        finding.Rule = "push"
	RuleReferrers   finding.Rule = "referrers"
	RuleFallback    finding.Rule = "fallback-tag"
	RuleTrustServer finding.Rule = "trust-server"
	RuleCosign      finding.Rule = "cosign"

	RuleContentTrust finding.Rule = "content-trust"
)

// soon is how long before its end a certificate or a server is worth a warning.
const soon = 30 * 24 * time.Hour

// TrustServer is what a doctor wants to know of the trust server of a repository.
type TrustServer struct {
	URL string
	// Named says that somebody named it: it should be there.
	Named bool
	// Ends is the announced day of its end, zero where none is known; Whose it is, Source where
	// that is said.
	Ends          time.Time
	Whose, Source string
	// Signed says that it has trust data for the repository; Err why that is not known.
	Signed bool
	Err    error
	// Roots are the ids of the root certificates that it shows. Nothing vouches for them.
	Roots []string
}

// ExamineTrust asks the trust server of a repository what it has. It trusts nothing: it only asks
// whether there is trust data.
func ExamineTrust(ctx context.Context, r *dct.Repository) TrustServer {
	out := TrustServer{URL: r.Server(), Named: r.ServerNamed()}
	if end, ok := dct.EndOf(r.Server()); ok {
		out.Ends, out.Whose, out.Source = end.Day, end.Whose, end.Source
	}
	_, err := r.Read(ctx, dct.Trust{})
	var unpinned *dct.UnpinnedError
	var missing *dct.NotInitializedError
	var bad *dct.MetadataError
	switch {
	case errors.As(err, &unpinned):
		for _, c := range unpinned.Shown {
			out.Roots = append(out.Roots, c.ID)
		}
		out.Signed = len(out.Roots) > 0
	case errors.As(err, &missing):
	case errors.As(err, &bad):
		out.Signed, out.Err = true, err
	default:
		out.Err = err
	}
	return out
}

// ExamineRegistry says what a registry can hold and what one may do there, each finding with what to
// do about it. It writes nothing. A registry that gives no answer is a finding too; the error is
// that of ctx. trust asks the trust server, at the same time; nil asks nobody.
func ExamineRegistry(ctx context.Context, client *docker.Client, repo docker.Repository, trust func(context.Context) TrustServer, now time.Time) ([]finding.Finding, error) {
	d := doctor{repo: repo, now: now}
	server := make(chan TrustServer, 1)
	if trust != nil {
		go func() { server <- trust(ctx) }()
	}
	u, err := client.Examine(ctx, repo)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if d.account(u); err != nil {
		d.silent(err)
	} else {
		d.connection(u)
		d.access(u)
		d.storage(u)
		d.cosign(u)
	}
	if trust != nil {
		d.trust(<-server)
	}
	return d.out, ctx.Err()
}

type doctor struct {
	repo docker.Repository
	now  time.Time
	out  []finding.Finding
}

func (d *doctor) say(rule finding.Rule, s finding.Severity, hint, format string, args ...any) {
	d.out = append(d.out, finding.Finding{Rule: rule, Severity: s, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// silent says that the registry gave no answer.
func (d *doctor) silent(err error) {
	hint := "check the name and the network"
	var file *docker.CertificateError
	switch {
	case errors.As(err, &file):
		hint = "put the file right or move it away; nothing was asked of the registry"
	case wire.BadCertificate(err):
		hint = "the certificate of a private authority belongs, as for Docker, into " + docker.CertificateFolder(d.repo.Registry()) + "/ca.crt below ~/.docker/certs.d or /etc/docker/certs.d"
	case wire.WantsCertificate(err):
		hint = "client.cert and client.key belong, as for Docker, into " + docker.CertificateFolder(d.repo.Registry()) + " below ~/.docker/certs.d or /etc/docker/certs.d"
	}
	d.say(RuleConnection, finding.Error, hint,
		"The registry %s cannot be used: %s.", d.repo.Registry(), cause(err))
	f := &d.out[len(d.out)-1]
	var re *docker.RegistryError
	f.Err, f.Unreachable = err, errors.As(err, &re) && re.Temporary()
}

// cause is what lies behind a registry's error: the finding says itself what was tried.
func cause(err error) string {
	var re *docker.RegistryError
	if errors.As(err, &re) && re.Kind == docker.KindUnreachable {
		return wire.Why(re.Err)
	}
	if inner := errors.Unwrap(err); inner != nil {
		return inner.Error()
	}
	return err.Error()
}

func (d *doctor) connection(u docker.Checkup) {
	if u.Scheme == "http" && local(d.repo) {
		d.say(RuleConnection, finding.Info, "", "The connection to %s is plain, and stays on this computer.", d.repo.Registry())
		return
	}
	if u.Scheme == "http" {
		d.say(RuleConnection, finding.Warning, "signatures are safe all the same; credentials and images are not",
			"The connection to %s is plain: anybody on the way can read the password and change the images.", d.repo.Registry())
		return
	}
	by := "an authority of the system"
	if u.Authority != "" {
		by = u.Authority
	}
	d.say(RuleConnection, finding.Info, "", "The connection to %s is verified by %s (%s, certificate by %s).", d.repo.Registry(), by, u.TLS, u.Issuer)
	if !u.Expires.IsZero() && u.Expires.Sub(d.now) < soon {
		d.say(RuleCertificate, finding.Warning, "have it renewed", "The registry's certificate ends on %s.", day(u.Expires))
	}
	if u.Shown == "" {
		return
	}
	d.say(RuleCertificate, finding.Info, "", "The registry asks for a certificate, and was shown %s.", u.Shown)
	if !u.ShownExpires.IsZero() && u.ShownExpires.Sub(d.now) < soon {
		d.say(RuleCertificate, finding.Warning, "have it renewed", "Your certificate %s ends on %s.", u.Shown, day(u.ShownExpires))
	}
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

func (d *doctor) account(u docker.Checkup) {
	host := d.repo.Registry()
	switch {
	case u.AccountErr != nil:
		d.say(RuleAccount, finding.Error, "docker login "+host+" writes it anew", "Who you are at %s cannot be found out: %v.", host, u.AccountErr)
	case u.Account != "":
		d.say(RuleAccount, finding.Info, "", "You are %q at %s.", u.Account, host)
	case u.Token:
		d.say(RuleAccount, finding.Info, "", "You have a token for %s.", host)
	default:
		d.say(RuleAccount, finding.Info, "docker login "+host+" makes you known", "There are no credentials for %s: you come without a name.", host)
	}
}

func (d *doctor) access(u docker.Checkup) {
	how := map[docker.AuthScheme]string{
		docker.AuthNone: "it asks nobody who they are", docker.AuthBasic: "by password", docker.AuthToken: "by a token of " + u.Realm, docker.AuthOther: "in a way that bulla does not know",
	}[u.Auth]
	switch {
	case u.Missing:
		d.say(RulePull, finding.Info, "it may be made by the first push", "The registry has no repository %s.", d.repo.Path())
	case u.Pull.Allowed:
		d.say(RulePull, finding.Info, "", "You may pull (%s). There are %s; %s signatures under tags of their own.", how, count(u.Tags, "tag"), signedCount(u.Signed))
	default:
		d.refusal(RulePull, "pull", u.Pull)
	}
	if u.Push.Allowed {
		d.say(RulePush, finding.Info, "", "You may push (%s), as far as can be asked without pushing.", how)
	} else {
		d.refusal(RulePush, "push", u.Push)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

func signedCount(n int) string {
	if n == 1 {
		return "1 digest has"
	}
	return count(n, "digest") + " have"
}

// refusal says that something is not allowed, or not known to be.
func (d *doctor) refusal(rule finding.Rule, verb string, a docker.Access) {
	hint := "docker login " + d.repo.Registry() + ", or ask for the right"
	if verb == "push" {
		hint += "; to sign an image is to push its signature"
	}
	if a.Known {
		d.say(rule, finding.Error, hint, "You may not %s: %v.", verb, a.Err)
	} else {
		d.say(rule, finding.Error, "", "Whether you may %s is not known: %v.", verb, a.Err)
	}
	f := &d.out[len(d.out)-1]
	f.Err, f.Unreachable = a.Err, !a.Known
	if rule == RulePush && a.Known {
		f.Severity = finding.Warning // those who only verify need no more
	}
}

// storage says where signatures go.
func (d *doctor) storage(u docker.Checkup) {
	switch {
	case u.Referrers.Allowed:
		d.say(RuleReferrers, finding.Info, "", "The registry lists what refers to an image itself (OCI 1.1): signatures need no tags.")
	case !u.Referrers.Known:
		d.say(RuleReferrers, finding.Info, "look again once there is an image", "Whether the registry lists what refers to an image is not known yet.")
	default:
		d.say(RuleReferrers, finding.Info, "", "The registry does not list what refers to an image: clients keep the list under the tag sha256-DIGEST.")
		if u.Signed > 0 {
			d.say(RuleFallback, finding.Info, "", "Such tags are there and can be read: %d.", u.Signed)
		} else {
			d.say(RuleFallback, finding.Info, "where tags cannot be changed once they are set, a second signature on an image will fail",
				"No such tag is there yet. That it may be written cannot be known without writing.")
		}
	}
}

// cosign says what other tools will find.
func (d *doctor) cosign(u docker.Checkup) {
	list := "in the registry's own list"
	if !u.Referrers.Known {
		list = "in either list"
	} else if !u.Referrers.Allowed {
		list = "under the tag sha256-DIGEST, which other tools show among the tags"
	}
	d.say(RuleCosign, finding.Info, "", "cosign 3 finds what bulla signs %s. cosign 2 needs the older form too (bulla image sign --sig).", list)
	if u.Authority != "" || u.Shown != "" {
		flags := "--registry-cacert " + cmp.Or(u.Authority, "FILE")
		if u.Shown != "" {
			flags += " --registry-client-cert " + u.Shown + " --registry-client-key " + strings.TrimSuffix(u.Shown, ".cert") + ".key"
		}
		d.say(RuleCosign, finding.Info, flags, "cosign does not read Docker's folder of certificates: it has to be told of them.")
	}
	if u.Scheme == "http" && !local(d.repo) {
		d.say(RuleCosign, finding.Info, "cosign --allow-http-registry", "cosign speaks to this registry only when it is told to do so without TLS.")
	}
}

// local reports whether a registry is on this computer: every tool speaks to it without TLS.
func local(r docker.Repository) bool {
	host, _, _ := strings.Cut(r.Registry(), ":")
	return host == "localhost" || host == "127.0.0.1"
}

// trustCause is cause for a trust server.
func trustCause(err error) string {
	var se *dct.ServerError
	if errors.As(err, &se) && se.Kind == docker.KindUnreachable {
		return wire.Why(se.Err)
	}
	return err.Error()
}

func (d *doctor) trust(s TrustServer) {
	switch {
	case !s.Ends.IsZero() && !d.now.Before(s.Ends):
		d.say(RuleTrustServer, finding.Warning, "bulla image migrate carries signatures over while a mirror of the trust data is there",
			"The trust server of %s (%s) ended on %s: %s.", s.Whose, s.URL, day(s.Ends), s.Source)
	case !s.Ends.IsZero():
		d.say(RuleTrustServer, finding.Warning, "sign with cosign too, and carry the signatures over: bulla image migrate",
			"The trust server of %s (%s) ends on %s: %s.", s.Whose, s.URL, day(s.Ends), s.Source)
	}
	var withheld *dct.CredentialsWithheldError
	switch {
	case errors.As(s.Err, &withheld):
		d.say(RuleTrustServer, finding.Info, "if you trust it with them: DOCKER_CONTENT_TRUST_SERVER="+s.URL, "The trust server %s asks for credentials, which were not shown to it: you did not name it yourself.", s.URL)
	case s.Signed && s.Err != nil:
		d.say(RuleTrustServer, finding.Warning, "do not rely on it", "The trust server %s has trust data that must not be trusted: %v.", s.URL, s.Err)
	case s.Signed:
		hint := ""
		if len(s.Roots) > 0 {
			hint = "it shows the root " + strings.Join(s.Roots, ", ") + "; compare it with what the publisher says before you pin it"
		}
		d.say(RuleTrustServer, finding.Info, hint, "The trust server %s has trust data for the repository.", s.URL)
	case s.Err != nil && s.Named:
		d.say(RuleTrustServer, finding.Warning, "nothing can be said of what Content Trust signs", "The trust server %s, which was named, gives no answer: %s.", s.URL, trustCause(s.Err))
	case s.Err != nil:
		d.say(RuleTrustServer, finding.Info, "a trust server elsewhere is named by --trust-server", "No trust server answers at %s: %s.", s.URL, trustCause(s.Err))
	default:
		d.say(RuleTrustServer, finding.Info, "", "The trust server %s has no trust data for the repository.", s.URL)
	}
}
