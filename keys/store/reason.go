package store

// RevocationReason says why something is revoked. It decides whether older signatures still count.
type RevocationReason string

// The reasons of RFC 9580, section 5.2.3.31.
const (
	ReasonNone        RevocationReason = "none"        // 0
	ReasonSuperseded  RevocationReason = "superseded"  // 1
	ReasonCompromised RevocationReason = "compromised" // 2
	ReasonRetired     RevocationReason = "retired"     // 3
	ReasonUserID      RevocationReason = "user-id"     // 32, for user ids alone
)

// KeyReasons are the reasons for which a key or subkey is revoked, in the order in which a person
// is best asked: the hard ones, which take back what was signed before, come last.
func KeyReasons() []RevocationReason {
	return []RevocationReason{ReasonSuperseded, ReasonRetired, ReasonCompromised, ReasonNone}
}

// Hard reports whether the reason takes back every signature, the old ones too: who stole a key
// can date signatures back. After a soft one, what was signed before stays good.
func (r RevocationReason) Hard() bool { return r == ReasonNone || r == ReasonCompromised }

// Title is the reason in a few plain words.
func (r RevocationReason) Title() string {
	switch r {
	case ReasonCompromised:
		return "someone else has the key, or may have it"
	case ReasonSuperseded:
		return "another key replaces it"
	case ReasonRetired:
		return "it is not used any more"
	case ReasonUserID:
		return "the name or address is not valid any more"
	}
	return "no reason is given"
}

// Effect says in one sentence what the reason means for signatures that exist.
func (r RevocationReason) Effect() string {
	switch {
	case r == ReasonUserID:
		return "The key and its signatures stay as they are; only the user id goes."
	case r.Hard():
		return "Every signature of the key becomes invalid, also those of past releases: whoever has the key could date signatures back."
	}
	return "Signatures made before stay valid for those who look at the date (bulla, Sequoia); gpg and git warn about them all the same."
}

// code is the number of the reason, and false for a word that is none.
func (r RevocationReason) code() (byte, bool) {
	switch r {
	case ReasonNone:
		return 0, true
	case ReasonSuperseded:
		return 1, true
	case ReasonCompromised:
		return 2, true
	case ReasonRetired:
		return 3, true
	case ReasonUserID:
		return 32, true
	}
	return 0, false
}
