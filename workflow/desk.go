package workflow

// NewKeyDesk is the desk for the keys of a World.
func NewKeyDesk(w *World) *KeyDesk { return newDesk(&w.Places) }
