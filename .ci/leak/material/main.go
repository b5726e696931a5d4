// Material reads backups of secret keys, the passphrase on standard input, and prints what must stay
// secret of each: the private numbers of every secret part, in hex, one a line. It is for leaktest.py,
// which runs it untraced once the traced programs have ended.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ProtonMail/go-crypto/openpgp/armor"
	"github.com/ProtonMail/go-crypto/openpgp/eddsa"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "material:", err)
		os.Exit(1)
	}
}

func run(files []string, in io.Reader, out io.Writer) error {
	pass, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("usage: material FILE… <PASSPHRASE")
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		n, err := secrets(f, pass, out)
		_ = f.Close()
		if err == nil && n == 0 {
			err = errors.New("it has no secret part")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// secrets prints the private numbers of the secret parts of an armored key, and says how many parts
// there are.
func secrets(in io.Reader, pass []byte, out io.Writer) (parts int, err error) {
	block, err := armor.Decode(in)
	if err != nil {
		return 0, err
	}
	data, err := io.ReadAll(block.Body)
	if err != nil {
		return 0, err
	}
	r := packet.NewReader(bytes.NewReader(data))
	for {
		p, err := r.Next()
		if errors.Is(err, io.EOF) {
			return parts, nil
		}
		if err != nil {
			return parts, err
		}
		k, ok := p.(*packet.PrivateKey)
		if !ok {
			continue
		}
		if err := k.Decrypt(pass); err != nil {
			return parts, err
		}
		secret, ok := k.PrivateKey.(*eddsa.PrivateKey)
		if !ok {
			return parts, fmt.Errorf("a secret part of another kind: %T", k.PrivateKey)
		}
		fmt.Fprintf(out, "%x\n", secret.D)
		parts++
	}
}
