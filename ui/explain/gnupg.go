package explain

import (
	"errors"
	"fmt"
	"strings"

	"bulla/keys"
	"bulla/keys/agent"
	"bulla/keys/agent/assuan"
	"bulla/ui/safetext"
)

// cards tells what is wrong with a smartcard and what to do about it.
func cards(c *agent.CardError, x *Explanation) {
	x.Headline, x.Untouched = sentence(c.Error()), "Nothing was signed."
	switch c.Problem {
	case agent.CardAbsent:
		x.Next = []string{"insert it, then try again"}
	case agent.CardWrongPIN:
		x.Headline, x.Cause = fmt.Sprintf("The PIN of card %s is wrong.", c.Serial), TriesLeft(c.TriesLeft)
	case agent.CardBlocked:
		x.Next = []string{"the reset code or the admin PIN sets a new one: gpg --card-edit, then admin, passwd, unblock PIN"}
	case agent.CardIdle:
		x.Next = []string{"try again, and touch the card when it blinks"}
	}
}

// gpgSaid is a line of one of GnuPG's programs without its own prefixes, safe to show: "gpg: WARNING: nothing
// exported" would alarm twice.
func gpgSaid(output string) string {
	said := safetext.Line(output)
	for _, prefix := range []string{"gpgconf: ", "gpg: ", "WARNING: ", "Note: "} {
		said = strings.TrimPrefix(said, prefix)
	}
	return said
}

func gnupg(err error, x *Explanation) bool {
	var loopback *agent.LoopbackError
	var card *agent.CardError
	var program *agent.ProgramError
	var did *agent.Error
	var server *assuan.ServerError
	switch {
	case errors.As(err, &loopback):
		x.Headline = "gpg-agent does not let bulla ask for the passphrase, and there is no terminal for its own prompt."
		x.Untouched, x.Code = "Nothing was signed or copied.", CodeUsage
		x.Next = []string{"do it in a terminal, without --yes: the agent asks there", "or remove no-allow-loopback-pinentry from " + loopback.Config + ", then run gpgconf --reload gpg-agent"}
		return true
	case errors.As(err, &card):
		cards(card, x)
	case errors.Is(err, agent.ErrCancelled):
		x.Headline, x.Code = "Cancelled at gpg-agent's own prompt.", CodeCancelled
		return true
	case errors.Is(err, keys.ErrWrongPassphrase):
		return false
	case errors.As(err, &program):
		x.Headline = "GnuPG could not do that."
		if x.Cause = program.Program + " says: " + gpgSaid(program.Output); program.Output == "" {
			x.Cause = sentence(program.Error())
		}
	case errors.As(err, &did), errors.As(err, &server):
	default:
		return false
	}
	x.Code = CodeRefused
	return true
}
