package explain

import (
	"errors"
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/publish"
	"bulla/keys/publish/dns"
	"bulla/keys/publish/keysfile"
	"bulla/keys/publish/web"
	"bulla/keys/publish/wkd"
	"bulla/workflow/keydesk"
)

// publicKeys explains what keeps a key from being published or fetched.
func publicKeys(err error, x *Explanation) bool {
	return publishUsage(err, x) || publishOutcome(err, x) || webServers(err, x)
}

func publishUsage(err error, x *Explanation) bool {
	var target *publish.TargetError
	var which *publish.UserIDsError
	var query *publish.QueryError
	var token *publish.TokenError
	var never *keydesk.NotPublishedError
	switch {
	case errors.As(err, &target):
		x.Next = []string{"bulla keys publish --help and bulla keys fetch --help list the places"}
	case errors.As(err, &which):
		x.Headline, x.Untouched = sentence(which.Error()), "Nothing was sent."
		for _, u := range which.UserIDs {
			if a := keys.AddressOf(u); a != "" {
				x.Next = append(x.Next, "--user-id "+a+" makes this one public")
			}
		}
		x.Next = append(x.Next, "--all-user-ids makes all of them public")
	case errors.As(err, &query):
		x.Next = []string{"name a key by its full fingerprint; shorter ids can be forged"}
	case errors.As(err, &token):
		x.Headline = fmt.Sprintf("There is no access token for %s.", token.Target.Name())
		x.Next = []string{"--token-fd N reads it from file descriptor N: bulla … --token-fd 3 3< <(pass show token)", tokenScope(token.Target.Kind)}
	case errors.As(err, &never):
		x.Next = []string{"bulla keys publish KEY --to PLACE publishes it"}
	default:
		return false
	}
	x.Code = CodeUsage
	return true
}

// tokenScope says what a token must be allowed to do.
func tokenScope(k publish.Kind) string {
	switch k {
	case publish.KindGitHub:
		return `make one under Settings, Developer settings, with the right to write "GPG keys" (scope admin:gpg_key)`
	case publish.KindGitLab:
		return "make one under Preferences, Access tokens, with the scope api"
	}
	return "make one under Settings, Applications, with the right to write to your account (scope write:user)"
}

func publishOutcome(err error, x *Explanation) bool {
	var differs *publish.DifferenceError
	var lost *publish.LostError
	var wrong *publish.WrongKeyError
	var nowhere *keydesk.NotFetchedError
	var exists *wkd.ExistsError
	switch {
	case errors.As(err, &differs):
		x.Headline, x.Code = fmt.Sprintf("%s shows the key otherwise than it is now.", differs.Target.Name()), CodeFailed
		x.Cause = differing(differs.Differences)
		x.Next = []string{fmt.Sprintf("bulla keys publish %s --again sends it once more", differs.Fingerprint), fmt.Sprintf("bulla keys status %s asks again later: some places are slow", differs.Fingerprint)}
	case errors.As(err, &lost):
		x.Headline, x.Code = sentence(lost.Error()), CodeFailed
		x.Next = []string{"the place may refuse such keys without saying so, or be slow: bulla keys status asks again", "try another place"}
	case errors.As(err, &nowhere):
		x.Headline, x.Code = sentence(nowhere.Error()), CodeUnchecked
		x.Next = []string{"--from PLACE asks another place; the project's page or its KEYS file may tell where the key is"}
		if len(nowhere.Misses) == 0 {
			x.Cause = "No place was asked: none is named, and the usual ones are turned off by BULLA_KEYSERVERS or do not fit."
		}
		if wrong = nowhere.WrongKey(); wrong != nil {
			x.Cause, x.Code = sentence(wrong.Error()), CodeFailed
		}
	case errors.As(err, &wrong):
		x.Headline, x.Code = sentence(wrong.Error()), CodeFailed
	case errors.As(err, &exists):
		x.Untouched, x.Code = "It was not changed.", CodeRefused
		x.Next = []string{"look whose it is; --replace allows it to be replaced"}
	case errors.Is(err, keysfile.ErrSecret), errors.Is(err, keysfile.ErrTooBig):
		x.Untouched, x.Code = "The file was not changed.", CodeRefused
	case errors.Is(err, wkd.ErrAddress), errors.Is(err, dns.ErrAddress):
		x.Headline, x.Code = "An address of the key has no domain that could serve it.", CodeRefused
	default:
		return false
	}
	return true
}

func differing(list []publish.Difference) string {
	var out []string
	for _, d := range list {
		out = append(out, d.String())
	}
	return sentence(strings.Join(out, "; "))
}

func webServers(err error, x *Explanation) bool {
	var e *web.Error
	if !errors.As(err, &e) {
		return false
	}
	x.Headline, x.Code = sentence(e.Error()), CodeRefused
	switch e.Kind {
	case web.KindUnreachable, web.KindTimeout, web.KindServer, web.KindRateLimited:
		x.Code = CodeUnchecked
		x.Next = []string{"try again later; check the network and the name"}
	case web.KindTLS:
		x.Code = CodeUnchecked
		x.Next = []string{"check the name; --ca FILE trusts a certificate authority of your own"}
	case web.KindNotFound:
		x.Code = CodeUnchecked
	case web.KindToken:
		x.Next = []string{"the token is wrong, has expired, or is for another server"}
	case web.KindForbidden:
		x.Next = []string{"the token lacks the right to this; make one that may write OpenPGP keys"}
	case web.KindRedirect:
		x.Next = []string{"nothing was sent on; name the address that it leads to, if you trust it"}
	case web.KindNonsense, web.KindTooBig:
		x.Code = CodeFailed
		x.Next = []string{"this may be no such server; check the address"}
	case web.KindAddress:
		x.Code = CodeUsage
	}
	return true
}
