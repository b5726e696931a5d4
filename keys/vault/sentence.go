package vault

import "fmt"

// The sentences of [Status.Sentence]: where a passphrase lives, and who can read it there. They
// promise nothing that was not measured. On Linux the Secret Service hands any item of an
// unlocked collection to any program of the same user; on macOS the items belong to
// /usr/bin/security, which every program may run; on Windows credentials of the generic type
// are readable by the whole logon session.

const sentenceMemory = "Kept in memory until bulla ends; nothing is written anywhere."

func sentenceKeychain(name string, s State, reason string) string {
	switch s {
	case Ready:
		return fmt.Sprintf("Saved in %s. Any program you run can read it while it is unlocked.", name)
	case Locked:
		return fmt.Sprintf("Saved in %s, which is locked now. Any program you run can read it while it is unlocked.", name)
	case NeedsSetup:
		return fmt.Sprintf("%s has to be set up first: %s.", name, reason)
	}
	return fmt.Sprintf("No keychain in this session: %s.", reason)
}

func sentenceFile(dir string, s State, reason string) string {
	switch s {
	case NeedsSetup:
		return fmt.Sprintf("A new encrypted file in %s. Only its master passphrase opens it, asked once per run.", dir)
	case Absent:
		return fmt.Sprintf("The vault file in %s can't be used: %s.", dir, reason)
	}
	return fmt.Sprintf("Saved in an encrypted file in %s. Only its master passphrase opens it, asked once per run.", dir)
}
