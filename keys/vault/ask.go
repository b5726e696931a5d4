package vault

import (
	"context"
	"errors"
	"slices"

	"bulla/keys"
)

// Ask wraps next, a face's way to ask a person. The first attempt of a request is answered from
// memory or from the place that was picked, if that has the passphrase; else next is asked, and
// its answer is kept in memory, so that a person types each passphrase once per run. From the
// second attempt on the answer before was wrong: it is dropped from memory and next is asked.
//
// waiting is told before a call that may open a keychain's dialog. With nil nobody can be told,
// and a locked keychain is left alone. A locked vault file is opened by asking next for its
// master passphrase (keys.PurposeVault); if that is declined with keys.ErrNoPassphrase, or wrong
// three times, next is asked for the passphrase itself. Where the place that was picked failed,
// [Manager.Notices] tells why.
//
// Requests for new passphrases and for the vault's own go to next directly. One question is
// asked at a time.
func (m *Manager) Ask(next keys.AskPassphrase, waiting func(Status)) keys.AskPassphrase {
	if next == nil {
		next = func(context.Context, keys.PassphraseRequest) (keys.Secret, error) {
			return keys.Secret{}, keys.ErrNoPassphrase
		}
	}
	return func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		k := KeyFor(req)
		if req.New || req.Purpose == keys.PurposeVault || k.Check() != nil {
			return next(ctx, req)
		}
		select {
		case m.turn <- struct{}{}:
			defer func() { <-m.turn }()
		case <-ctx.Done():
			return keys.Secret{}, ctx.Err()
		}
		if req.Attempt > 1 {
			m.wrong(ctx, k)
		} else if s, err := m.recall(ctx, k, next, waiting); err != nil || !s.IsZero() {
			return s, err
		}
		s, err := next(ctx, req)
		if err == nil && m.memory.Set(ctx, k, s) == nil {
			m.mu.Lock()
			m.typed[k] = req
			m.mu.Unlock()
		}
		return s, err
	}
}

// Reject tells that the last answer to req was wrong too and that nobody asks again. It is dropped
// from memory, so that the next Ask begins anew.
func (m *Manager) Reject(ctx context.Context, req keys.PassphraseRequest) { m.wrong(ctx, KeyFor(req)) }

// wrong drops the answer that was given before, and tells if it came from a vault.
func (m *Manager) wrong(ctx context.Context, k Key) {
	_ = m.memory.Delete(ctx, k)
	m.mu.Lock()
	delete(m.typed, k)
	from, ok := m.recalled[k]
	delete(m.recalled, k)
	if ok {
		m.refused[k] = true
	}
	m.mu.Unlock()
	if ok {
		m.notice("The passphrase saved in %s was wrong. It is still there: save the right one, or let bulla forget it.", from)
	}
}

// recall answers from memory or from the vault that was picked. It returns the zero Secret if
// neither can, and an error only if ctx has ended or next has failed.
func (m *Manager) recall(ctx context.Context, k Key, next keys.AskPassphrase, waiting func(Status)) (keys.Secret, error) {
	if s, err := m.memory.Get(ctx, k); err == nil {
		return s, nil
	}
	b, _ := m.Choice(ctx)
	m.mu.Lock()
	refused := m.refused[k]
	m.mu.Unlock()
	if refused || b == "" || b == BackendMemory {
		return keys.Secret{}, nil
	}
	v := m.vault(b)
	if v == nil {
		m.notice("Passphrases are kept in the %s, which is not offered here.", b)
		return keys.Secret{}, nil
	}
	if ok, err := m.reach(ctx, v, k, next, waiting); !ok {
		return keys.Secret{}, err
	}
	st := v.Describe(ctx)
	s, err := v.Get(ctx, k)
	switch {
	case err == nil:
		m.mu.Lock()
		m.recalled[k] = st.Name
		m.mu.Unlock()
		_ = m.memory.Set(ctx, k, s)
		return s, nil
	case ctx.Err() != nil:
		return keys.Secret{}, ctx.Err()
	case !errors.Is(err, ErrNotFound):
		m.notice("The saved passphrase could not be read. %v.", err)
	}
	return keys.Secret{}, nil
}

// reach makes v ready for a Get of k, and reports whether it is worth trying.
func (m *Manager) reach(ctx context.Context, v Vault, k Key, next keys.AskPassphrase, waiting func(Status)) (bool, error) {
	st := v.Describe(ctx)
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case st.State == Absent, st.State == NeedsSetup:
		m.notice("%s can't be used: %s.", st.Name, st.Reason)
		return false, nil
	case st.State == Ready && !st.MayPrompt:
		return true, nil
	case st.Backend == BackendFile:
		return m.unlockFile(ctx, next)
	}
	// A dialog may open. It would be for nothing if bulla never saved this one.
	if names, err := v.List(ctx); err == nil && !slices.Contains(names, k) {
		return false, nil
	}
	if waiting != nil {
		waiting(st)
		return true, nil
	}
	if st.State == Locked {
		m.notice("%s was not used: %s.", st.Name, st.Reason)
	}
	return st.State == Ready, nil
}

// unlockFile asks for the master passphrase, once per run unless UnlockFile is called. Its
// error is one of next, other than that nobody gave the passphrase.
func (m *Manager) unlockFile(ctx context.Context, next keys.AskPassphrase) (bool, error) {
	m.mu.Lock()
	declined := m.declined
	m.mu.Unlock()
	if declined {
		return false, nil
	}
	var failed error
	err := m.UnlockFile(ctx, func(ctx context.Context, req keys.PassphraseRequest) (keys.Secret, error) {
		s, err := next(ctx, req)
		if err != nil && !errors.Is(err, keys.ErrNoPassphrase) {
			failed = err
		}
		return s, err
	})
	switch {
	case err == nil:
		return true, nil
	case ctx.Err() != nil:
		return false, ctx.Err()
	case failed != nil:
		return false, failed
	case errors.Is(err, keys.ErrNoPassphrase):
		m.notice("The vault file stays locked: its master passphrase was not given.")
	case errors.Is(err, keys.ErrWrongPassphrase):
		m.notice("The vault file stays locked: its master passphrase was wrong %d times.", keys.PassphraseTries)
	default:
		m.notice("The vault file could not be opened: %v.", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.declined = true
	return false, nil
}
