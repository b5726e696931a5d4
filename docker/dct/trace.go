package dct

import "context"

// Trace is told what goes on while trust data is changed. A nil function is not called.
type Trace struct {
	// Retried is told that somebody else changed the repository at the same time: the change, of
	// which nothing was published, is tried once more from fresh trust data. try counts from 2.
	Retried func(gun, server string, try int)
	// Stepped is told how many of the changes that Republish makes the server has taken.
	Stepped func(done, steps int)
}

type traceKey struct{}

// WithTrace is a context whose changes of trust data are told to t.
func WithTrace(ctx context.Context, t Trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// retried tells the trace of ctx, if there is one.
func (r *Repository) retried(ctx context.Context, try int) {
	if t, _ := ctx.Value(traceKey{}).(Trace); t.Retried != nil {
		t.Retried(r.gun.String(), r.server, try)
	}
}

// step tells the trace of ctx how far Republish is.
func (r *Repository) step(ctx context.Context, done, steps int) {
	if t, _ := ctx.Value(traceKey{}).(Trace); t.Stepped != nil {
		t.Stepped(done, steps)
	}
}
