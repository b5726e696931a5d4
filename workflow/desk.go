package workflow

import "bulla/workflow/keydesk"

// NewKeyDesk is the desk for the keys of a World.
func NewKeyDesk(w *World) *keydesk.Desk { return keydesk.New(&w.Places) }
