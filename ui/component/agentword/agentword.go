// Package agentword says in words what gpg-agent and smartcards hold and want. Every face uses the
// same ones. All of it is safe to show.
package agentword

import (
	"fmt"
	"time"

	"bulla/keys/agent"
	"bulla/ui/safetext"
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

// Part is what the agent says of a secret part of a key; asked is agent.Holding.Asked.
func Part(p agent.Part, asked bool) string {
	card := "on card " + safetext.Line(p.Card)
	switch {
	case p.Card != "" && !asked:
		return card
	case p.Card != "" && !p.CardHere:
		return card + ", which is in no reader: insert it to sign"
	case p.Card != "":
		return card + ", inserted; needs its PIN"
	case !p.Protected:
		return "under no passphrase"
	case p.Cached:
		return "passphrase cached: signs without asking"
	}
	return "needs its passphrase"
}
