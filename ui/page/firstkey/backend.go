// Package firstkey is the page that leads a newcomer from nothing to a key that strangers can find:
// a room for each step of package workflow/firstkey.
//
// The page does nothing itself. What takes time runs beside the event loop, one piece at a time, and
// may put questions to the person; Shutdown waits for it.
package firstkey

import (
	"context"
	"time"

	"bulla/keys"
	"bulla/ui/backend"
	"bulla/ui/dialog"
	"bulla/ui/theme"
)

// Backend is what the page needs.
type Backend = backend.FirstKey

// Options are what the page works with. Backend, Theme, Now and Dialogs are required.
type Options struct {
	// Context ends all work.
	Context context.Context
	Backend Backend
	// Key is a key of bulla's store to go on with; "" begins with a new one, or offers those that
	// have something left to do.
	Key   keys.Fingerprint
	Theme theme.Theme
	Now   func() time.Time
	// Dialogs is the stack that the page opens its dialogs on.
	Dialogs *dialog.Stack
	// Prints says that who opened the page prints Done.Text.
	Prints bool
	// Copy puts text on the clipboard; nil where that is not possible.
	Copy func(string) error
}

// Done is the message that the person has left the page. The page is then of no more use: call
// Shutdown.
type Done struct {
	// Key is the key that was made or gone on with, "" for none.
	Key keys.Fingerprint
	// Text is what the person wanted printed after the page, "" for nothing.
	Text string
	// Cancelled says that Ctrl+C ended it.
	Cancelled bool
}
