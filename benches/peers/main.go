// Peers of Keyfold over whole files, as their own documentation streams them: for `make bench-peers`.
//
//	peers age|tink encrypt|decrypt IN OUT
//
// Keys are made from a fixed seed in the working folder's peers.key at the first run, so that what one run encrypts
// another decrypts.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: peers age|tink encrypt|decrypt IN OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

func run(peer, direction, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	convert := map[string]func(io.Writer, io.Reader) error{
		"age encrypt": ageEncrypt, "age decrypt": ageDecrypt,
		"tink encrypt": tinkEncrypt, "tink decrypt": tinkDecrypt,
	}[peer+" "+direction]
	if convert == nil {
		return fmt.Errorf("no peer %q that can %s", peer, direction)
	}
	if err := convert(out, in); err != nil {
		return err
	}
	return out.Close()
}

// identity is read from a file beside the working folder, or made.
func identity() (*age.X25519Identity, error) {
	text, err := os.ReadFile("age.key")
	if errors.Is(err, os.ErrNotExist) {
		made, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, err
		}
		return made, os.WriteFile("age.key", []byte(made.String()), 0o600)
	}
	if err != nil {
		return nil, err
	}
	return age.ParseX25519Identity(string(text))
}

func ageEncrypt(out io.Writer, in io.Reader) error {
	key, err := identity()
	if err != nil {
		return err
	}
	to, err := age.Encrypt(out, key.Recipient())
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, in); err != nil {
		return err
	}
	return to.Close()
}

func ageDecrypt(out io.Writer, in io.Reader) error {
	key, err := identity()
	if err != nil {
		return err
	}
	from, err := age.Decrypt(in, key)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return err
}

// handle is Tink's AES-256-GCM-HKDF with segments of 1 MiB, its fastest template.
func handle() (*keyset.Handle, error) {
	text, err := os.ReadFile("tink.key")
	if errors.Is(err, os.ErrNotExist) {
		made, err := keyset.NewHandle(streamingaead.AES256GCMHKDF1MBKeyTemplate())
		if err != nil {
			return nil, err
		}
		var buffer bytes.Buffer
		if err := insecurecleartextkeyset.Write(made, keyset.NewBinaryWriter(&buffer)); err != nil {
			return nil, err
		}
		return made, os.WriteFile("tink.key", buffer.Bytes(), 0o600)
	}
	if err != nil {
		return nil, err
	}
	return insecurecleartextkeyset.Read(keyset.NewBinaryReader(bytes.NewReader(text)))
}

func tinkEncrypt(out io.Writer, in io.Reader) error {
	key, err := handle()
	if err != nil {
		return err
	}
	primitive, err := streamingaead.New(key)
	if err != nil {
		return err
	}
	to, err := primitive.NewEncryptingWriter(out, nil)
	if err != nil {
		return err
	}
	if _, err := io.CopyBuffer(to, in, make([]byte, 1<<20)); err != nil {
		return err
	}
	return to.Close()
}

func tinkDecrypt(out io.Writer, in io.Reader) error {
	key, err := handle()
	if err != nil {
		return err
	}
	primitive, err := streamingaead.New(key)
	if err != nil {
		return err
	}
	from, err := primitive.NewDecryptingReader(in, nil)
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(out, from, make([]byte, 1<<20))
	return err
}
