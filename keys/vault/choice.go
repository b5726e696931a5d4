package vault

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"bulla/keys/atomicfile"

	"github.com/pelletier/go-toml/v2"
)

// ChoiceFile is the name of the state file within the folder of a [Manager].
const ChoiceFile = "vault.toml"

const maxChoice = 4 << 10 // bytes

// choiceTOML is the state file: which place a person picked, and nothing else.
type choiceTOML struct {
	Backend Backend `toml:"backend"`
}

func loadChoice(dir string) (Backend, error) {
	path := filepath.Join(dir, ChoiceFile)
	data, err := readLimited(path, maxChoice)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	b, err := parseChoice(data)
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

// parseChoice is strict: a line that it does not know may be the wish of a newer bulla, and to
// guess where a secret belongs would be wrong.
func parseChoice(data []byte) (Backend, error) {
	var c choiceTOML
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&c); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			return "", errors.New("it has a line that this version of bulla does not know")
		}
		return "", err
	}
	if !c.Backend.valid() {
		return "", fmt.Errorf("backend is %q, and must be %q, %q or %q", c.Backend, BackendKeychain, BackendFile, BackendMemory)
	}
	return c.Backend, nil
}

func formatChoice(b Backend) []byte {
	return fmt.Appendf(nil, "# Where bulla keeps passphrases: \"keychain\", \"file\" or \"memory\". No secret is in here.\nbackend = %q\n", string(b))
}

func saveChoice(dir string, b Backend) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, ChoiceFile), formatChoice(b), 0o600)
}
