package images

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"bulla/docker/loopback"
	"bulla/workflow/finding"
)

func (p *place) examine(trust func(context.Context) TrustServer, now time.Time) map[finding.Rule][]finding.Finding {
	p.t.Helper()
	list, err := ExamineRegistry(p.t.Context(), p.world.Registry, p.repository(), trust, now)
	if err != nil {
		p.t.Fatal(err)
	}
	out := map[finding.Rule][]finding.Finding{}
	for _, f := range list {
		if f.Message == "" || f.Severity == "" {
			p.t.Errorf("an empty finding: %+v", f)
		}
		out[f.Rule] = append(out[f.Rule], f)
	}
	return out
}

func TestDoctor(t *testing.T) {
	for name, start := range map[string]func(context.Context) (*loopback.Registry, error){"list": loopback.Start, "not list": loopback.StartWithoutReferrers} {
		p := newPlace(t, start)
		p.sign(p.push("v1", false), p.signer())
		got := p.examine(nil, someTime)
		if x := got[RuleReferrers]; len(x) != 1 || strings.Contains(x[0].Message, "does not list") != (name == "not list") {
			t.Errorf("%s: %+v", name, x)
		}
		if x := got[RulePush]; len(x) != 1 || x[0].Severity != finding.Info {
			t.Errorf("%s: %+v", name, x)
		}
		if got[RuleTrustServer] != nil {
			t.Errorf("%s: %+v", name, got[RuleTrustServer])
		}
	}
}

func TestDoctorMayNotPush(t *testing.T) {
	p := newPlace(t, loopback.Start)
	p.push("v1", false)
	p.between(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet {
			return false
		}
		w.WriteHeader(http.StatusForbidden)
		return true
	})
	if x := p.examine(nil, someTime)[RulePush]; len(x) != 1 || x[0].Severity != finding.Warning || !strings.Contains(x[0].Message, "may not push") {
		t.Errorf("got %+v", x)
	}
	p.host = "127.0.0.1:1"
	if x := p.examine(nil, someTime)[RuleConnection]; len(x) != 1 || x[0].Severity != finding.Error || !x[0].Unreachable {
		t.Errorf("got %+v", x)
	}
}

func TestDoctorOnTrustServers(t *testing.T) {
	p := newPlace(t, loopback.Start)
	ends := someTime.AddDate(0, 0, 12)
	hub := TrustServer{URL: "https://notary.example.org", Ends: ends, Whose: "Example", Source: "https://example.org"}
	for name, c := range map[string]struct {
		s    TrustServer
		now  time.Time
		want []string
	}{
		"ends":       {hub, someTime, []string{"ends on 16 March 2026", "has no trust data"}},
		"ended":      {hub, ends, []string{"ended on 16 March 2026", "has no trust data"}},
		"signed":     {TrustServer{URL: "u", Signed: true}, someTime, []string{"has trust data"}},
		"no answer":  {TrustServer{URL: "u", Err: errors.New("refused")}, someTime, []string{"No trust server answers"}},
		"not signed": {TrustServer{URL: "u"}, someTime, []string{"has no trust data"}},
	} {
		got := p.examine(func(context.Context) TrustServer { return c.s }, c.now)[RuleTrustServer]
		if len(got) != len(c.want) {
			t.Fatalf("%s: %+v", name, got)
		}
		for i, w := range c.want {
			if !strings.Contains(got[i].Message, w) {
				t.Errorf("%s: %s", name, got[i].Message)
			}
		}
	}
}
