// Package secretfield is the field that passphrases are typed into. It keeps what is typed in
// one byte slice of its own that never grows, so that no copy is left behind, and shows only how
// many characters there are.
//
// What cannot be avoided: the terminal, the kernel and Bubble Tea's input buffer see each key
// once. The runes of the key message are wiped as soon as they were read.
package secretfield

import (
	"strings"
	"unicode/utf8"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"bulla/keys"
	"bulla/keys/vault"
	"bulla/ui/keymap"
	"bulla/ui/theme"
)

// Model is one field. The zero value is not ready: use New.
type Model struct {
	buf  []byte // its capacity is fixed
	full bool
	keys keymap.Map
}

// New makes an empty field.
func New() *Model {
	return &Model{buf: make([]byte, 0, vault.MaxPassphrase), keys: keymap.Default()}
}

// Update types a key. Pastes are allowed; line breaks at the end of one are left out, as they
// come along by accident.
func (m *Model) Update(msg tea.KeyMsg) {
	m.full = false
	switch {
	case key.Matches(msg, m.keys.Erase):
		_, n := utf8.DecodeLastRune(m.buf)
		clear(m.buf[len(m.buf)-n:])
		m.buf = m.buf[:len(m.buf)-n]
	case key.Matches(msg, m.keys.EraseAll):
		m.Wipe()
	case (msg.Type == tea.KeyRunes || msg.Type == tea.KeySpace) && !msg.Alt:
		runes := msg.Runes
		if msg.Paste {
			for len(runes) > 0 && (runes[len(runes)-1] == '\n' || runes[len(runes)-1] == '\r') {
				runes = runes[:len(runes)-1]
			}
		}
		for _, r := range runes {
			if len(m.buf)+utf8.RuneLen(r) > cap(m.buf) {
				m.full = true
				break
			}
			m.buf = utf8.AppendRune(m.buf, r)
		}
		if msg.Type == tea.KeyRunes {
			clear(msg.Runes) // but not those of a space: Bubble Tea shares one slice for them all
		}
	}
}

// Full reports whether the last key did not fit any more.
func (m *Model) Full() bool { return m.full }

// Empty reports whether nothing is typed.
func (m *Model) Empty() bool { return len(m.buf) == 0 }

// Len is the number of typed characters.
func (m *Model) Len() int { return utf8.RuneCount(m.buf) }

// Take hands out what is typed as a Secret and empties the field.
func (m *Model) Take() keys.Secret {
	b := make([]byte, len(m.buf))
	copy(b, m.buf)
	m.Wipe()
	return keys.NewSecret(b)
}

// Copy is what is typed, as a Secret of its own, which the caller destroys. The field keeps it.
func (m *Model) Copy() keys.Secret {
	return keys.NewSecret(append(make([]byte, 0, len(m.buf)), m.buf...))
}

// Fill replaces what is typed by a copy of s, as far as it fits.
func (m *Model) Fill(s keys.Secret) {
	m.Wipe()
	_ = s.Use(func(b []byte) error {
		m.full = len(b) > cap(m.buf)
		m.buf = append(m.buf, b[:min(len(b), cap(m.buf))]...)
		return nil
	})
}

// Wipe overwrites and empties the field.
func (m *Model) Wipe() {
	clear(m.buf[:cap(m.buf)])
	m.buf = m.buf[:0]
	m.full = false
}

// View shows a sign for each character, in at most w columns, and the cursor when focused.
func (m *Model) View(t theme.Theme, w int, focused bool) string {
	dots := strings.Repeat(t.Signs.Secret, max(0, min(m.Len(), w-1)))
	if !focused {
		return t.Muted.Render(dots)
	}
	if t.Plain {
		return dots + "_"
	}
	return dots + t.Cursor.Render(" ")
}
