package keys

import "time"

// JudgeVersion is raised whenever the judge's rules change, so that verdicts that were remembered
// under older rules are reached anew.
const JudgeVersion = 4

// Until is the first moment after the Judge's Now at which time alone could change a verdict of
// the Check: an expiry, or a date that lies ahead. Zero means that no such moment will come. From
// Now until then the verdicts may be remembered as long as the Keyring's Digest stays the same.
func (c *Check) Until() time.Time {
	n := nextMoment{now: c.judge.Now}
	for i, s := range c.sigs {
		switch {
		case s.packet != nil:
			n.consider(s.packet.created.Add(-clockSkew))
			n.consider(s.packet.expires())
			for _, ref := range c.candidates[i] {
				n.cert(ref.cert)
			}
		case s.ssh != nil:
			n.consider(c.madeAt.Add(-clockSkew))
			if cert := certificate(s.ssh); cert != nil {
				after, before := certWindow(cert)
				n.consider(after)
				n.consider(before)
			}
			for _, a := range c.signers[i] {
				n.consider(a.after.Add(-clockSkew))
				n.consider(a.after)
				n.consider(a.before.Add(1)) // that moment itself still counts
			}
		}
	}
	return n.first.UTC()
}

// nextMoment finds the earliest of many moments that lies after now. It takes every date there is
// rather than only those that count: one too many costs a needless look, one too few an outdated
// verdict.
type nextMoment struct{ now, first time.Time }

func (n *nextMoment) consider(t time.Time) {
	if t.After(n.now) && (n.first.IsZero() || t.Before(n.first)) {
		n.first = t
	}
}

// cert takes the dates in everything that a key's owner said of it.
func (n *nextMoment) cert(c *cert) {
	p := c.prove()
	n.consider(c.primary.CreationTime)
	n.own(p.direct, c.primary.CreationTime)
	n.own(p.revocations, c.primary.CreationTime)
	for _, u := range p.users {
		n.own(u.certifications, c.primary.CreationTime)
		n.own(u.revocations, c.primary.CreationTime)
	}
	for i, s := range p.subkeys {
		made := c.subkeys[i].key.CreationTime
		n.consider(made)
		n.own(s.bindings, made)
		n.own(s.revocations, made)
	}
}

// own takes the dates in signatures over a key or user id of a key made at made.
func (n *nextMoment) own(sigs []*sigPacket, made time.Time) {
	for _, s := range sigs {
		n.consider(s.created)
		n.consider(s.expires())
		n.consider(lifetime(made, s.keyLifetime))
	}
}
