// Package agentword says in words what gpg-agent and smartcards hold and want. Every face uses the
// same ones. All of it is safe to show.
package agentword

import (
	"fmt"
	"time"

	"bulla/keys/agent"
	"bulla/ui/safetext"
	"bulla/ui/theme"
	"bulla/workflow"
)

// Wait is what stands after "waiting for" while the agent or a card takes its time. label is the
// number of the card.
func Wait(what workflow.WaitFor, label string) string {
	switch what {
	case workflow.WaitTouch:
		return "card " + safetext.Line(label) + ": touch it"
	case workflow.WaitCard:
		return "card " + safetext.Line(label) + "; if it blinks, touch it"
	case workflow.WaitAgent:
		return "gpg-agent, which opens the key anew for each signature"
	case workflow.WaitPrompt:
		return "gpg-agent's own prompt"
	}
	return safetext.Line(label)
}

// Of is Wait for what a signer tells.
func Of(w agent.Wait) string { return Wait(workflow.WaitFor(w.For), w.Card) }

// Limit says how long something is waited for, "" for as long as it takes.
func Limit(d time.Duration) string {
	switch {
	case d <= 0:
		return ""
	case d%time.Minute == 0:
		return fmt.Sprintf("at most %d min", d/time.Minute)
	}
	return fmt.Sprintf("at most %d s", d/time.Second)
}

// NotAsked is said where there is no agent to ask.
const NotAsked = "No agent runs: it starts with the first signature."

// Part is what the agent says of a secret part, in a sentence, and how good that is for signing.
// asked is agent.Holding.Asked.
func Part(p agent.Part, asked bool) (theme.State, string) {
	card := "on card " + safetext.Line(p.Card)
	switch {
	case p.Card != "" && !asked:
		return theme.Pending, card
	case p.Card != "" && !p.CardHere:
		return theme.Waiting, card + ", which is in no reader: insert it to sign"
	case p.Card != "":
		where := ", inserted; needs its PIN"
		if p.Reader != "" {
			where = ", in " + safetext.Line(p.Reader) + "; needs its PIN"
		}
		if p.Touch {
			where += " and a touch"
		}
		return theme.Done, card + where
	case !p.Protected:
		return theme.Waiting, "under no passphrase"
	case p.Cached:
		return theme.Done, "passphrase cached: signs without asking"
	}
	return theme.Pending, "needs its passphrase"
}

// Short is Part in a few words beside those that say where the key is; "" where there is nothing to
// add.
func Short(p *agent.Part, asked bool) string {
	switch {
	case p == nil || p.Card != "" && !asked:
		return ""
	case p.Card != "" && !p.CardHere:
		return "in no reader"
	case p.Card != "" && p.Touch:
		return "inserted, PIN and touch"
	case p.Card != "":
		return "inserted, needs PIN"
	case !p.Protected:
		return "no passphrase"
	case p.Cached:
		return "passphrase cached"
	}
	return "needs its passphrase"
}
