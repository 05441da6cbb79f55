// Command interop is Go's part in the matrix of tests/interop; interop.c there says how the list of commands looks.
package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"keyfold.dev/go/keyfold"
)

// command is one line, its fields decoded.
type command struct {
	store         *keyfold.Store
	verb, kind    string
	keys          []*keyfold.Key // none: any key of the store
	context       keyfold.Context
	fourth, fifth string
	file          string
}

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: interop STORE ROOT_KEY_FILE COMMANDS")
		os.Exit(2)
	}
	store, err := keyfold.Open(os.Args[1], keyfold.KeyFile{Path: os.Args[2]}, nil)
	must(err)
	text, err := os.ReadFile(os.Args[3])
	must(err)
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	failures := 0
	for _, line := range lines {
		c := parse(store, line)
		if err := c.run(); err != nil {
			fmt.Printf("%s %s: %v\n", c.verb, c.file, err)
			failures++
		}
		for _, key := range c.keys {
			must(key.Close())
		}
	}
	must(store.Close())
	if n := keyfold.OpenHandles(); n != 0 {
		fmt.Printf("%d handles left open\n", n)
		failures++
	}
	if failures > 0 {
		os.Exit(1)
	}
	fmt.Printf("passed %d\n", len(lines))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "interop:", err)
		os.Exit(2)
	}
}

func parse(store *keyfold.Store, line string) *command {
	field := strings.Split(line, "\t")
	c := &command{
		store: store, verb: field[0], kind: field[1], fourth: field[4], fifth: field[5], file: field[6],
	}
	if field[2] != "*" {
		for _, name := range strings.Split(field[2], ",") {
			key, err := store.Key(name)
			must(err)
			c.keys = append(c.keys, key)
		}
	}
	var pairs []keyfold.Pair
	if field[3] != "-" {
		for _, pair := range strings.Split(field[3], ",") {
			name, value, _ := strings.Cut(pair, ":")
			pairs = append(pairs, keyfold.Pair{Name: string(unhex(name)), Value: string(unhex(value))})
		}
	}
	packed, err := keyfold.PackContext(pairs...)
	must(err)
	c.context = packed
	return c
}

func unhex(text string) []byte {
	decoded, err := hex.DecodeString(strings.Trim(text, "-"))
	must(err)
	return decoded
}

func (c *command) run() error {
	switch c.verb {
	case "open":
		return c.open()
	case "make":
		return c.make()
	case "refuse":
		return c.refuse()
	}
	return fmt.Errorf("no such command: %s", c.verb)
}

func (c *command) open() error {
	switch c.kind {
	case "stream":
		return c.openStreamed()
	case "file":
		return c.openFile()
	}
	data, err := os.ReadFile(c.file)
	must(err)
	made, err := c.opened(data, &keyfold.DecryptOptions{AcceptStoredContext: c.fourth == "1"})
	if err == nil && !bytes.Equal(made, unhex(c.fifth)) {
		err = errors.New("opens to something else")
	}
	return err
}

// openStreamed reads it in pieces, then a range in its middle.
func (c *command) openStreamed() error {
	options, wanted := &keyfold.DecryptOptions{AcceptStoredContext: c.fourth == "1"}, unhex(c.fifth)
	file, err := os.Open(c.file)
	must(err)
	defer file.Close()
	information, err := file.Stat()
	must(err)
	stream, err := c.keys[0].NewDecryptReader(file, c.context, options)
	if err != nil {
		return err
	}
	defer stream.Abort()
	made, err := io.ReadAll(stream)
	if err != nil || !bytes.Equal(made, wanted) {
		return fmt.Errorf("streams to something else: %w", err)
	}
	reader, err := c.keys[0].OpenReader(file, information.Size(), c.context, options)
	if err != nil {
		return err
	}
	defer reader.Close()
	first, part := len(wanted)/3, make([]byte, len(wanted)/2)
	size, err := reader.Size()
	if err != nil || size != int64(len(wanted)) {
		return fmt.Errorf("reads as something else: %w", err)
	}
	if _, err := reader.ReadAt(part, int64(first)); err != nil || !bytes.Equal(part, wanted[first:first+len(part)]) {
		return fmt.Errorf("reads as something else: %w", err)
	}
	return nil
}

func (c *command) openFile() error {
	to, options := c.file+".opened", &keyfold.DecryptOptions{AcceptStoredContext: c.fourth == "1"}
	if _, err := c.keys[0].DecryptFile(context.Background(), c.file, to, c.context, options, nil); err != nil {
		return err
	}
	made, err := os.ReadFile(to)
	if err == nil && !bytes.Equal(made, unhex(c.fifth)) {
		err = errors.New("opens into another file")
	}
	return err
}

func (c *command) make() error {
	stored := map[string]keyfold.StoreContext{
		"none": keyfold.StoreNone, "names": keyfold.StoreNames, "all": keyfold.StoreAll,
	}[c.fourth]
	if c.kind == "datakey" {
		size, err := strconv.Atoi(c.fifth)
		must(err)
		made, err := c.keys[0].GenerateDataKey(size, c.context, &keyfold.DataKeyOptions{StoreContext: stored})
		if err != nil {
			return err
		}
		must(os.WriteFile(c.file+".key", made.Plaintext(), 0o600))
		return os.WriteFile(c.file, made.Blob, 0o600)
	}
	options := &keyfold.EncryptOptions{StoreContext: stored, Also: c.keys[1:]}
	switch c.kind {
	case "stream":
		return c.makeStreamed(options)
	case "file":
		must(os.WriteFile(c.file+".plain", unhex(c.fifth), 0o600))
		_, err := c.keys[0].EncryptFile(context.Background(), c.file+".plain", c.file, c.context, options, nil)
		return err
	}
	made, err := c.keys[0].Encrypt(nil, unhex(c.fifth), c.context, options)
	if err != nil {
		return err
	}
	return os.WriteFile(c.file, made, 0o600)
}

func (c *command) makeStreamed(options *keyfold.EncryptOptions) error {
	file, err := os.Create(c.file)
	must(err)
	defer file.Close()
	stream, err := c.keys[0].NewEncryptWriter(file, c.context, options)
	if err != nil {
		return err
	}
	defer stream.Abort()
	for piece := range slices.Chunk(unhex(c.fifth), 7000) {
		if _, err := stream.Write(piece); err != nil {
			return err
		}
	}
	return stream.Close()
}

// refuse: every bit of the head flipped and every truncation must be refused as damaged data is.
func (c *command) refuse() error {
	data, err := os.ReadFile(c.file)
	must(err)
	head, err := strconv.Atoi(c.fifth)
	must(err)
	refused := func(data []byte) bool {
		_, err := c.opened(data, nil)
		return errors.Is(err, keyfold.ErrInvalidCiphertext) || errors.Is(err, keyfold.ErrKeyPolicy)
	}
	for bit := range 8 * head {
		data[bit/8] ^= 1 << (bit % 8)
		if !refused(data) {
			return fmt.Errorf("bit %d of byte %d flipped is not refused", bit%8, bit/8)
		}
		data[bit/8] ^= 1 << (bit % 8)
	}
	for cut := range data {
		if !refused(data[:cut]) {
			return fmt.Errorf("cut to %d bytes is not refused", cut)
		}
	}
	return nil
}

func (c *command) opened(data []byte, options *keyfold.DecryptOptions) ([]byte, error) {
	if c.kind == "datakey" {
		var made keyfold.DataKey
		var err error
		if len(c.keys) > 0 {
			made, err = c.keys[0].DecryptDataKey(data, c.context, options)
		} else {
			made, err = c.store.DecryptDataKey(data, c.context, options)
		}
		return made.Plaintext(), err
	}
	switch len(c.keys) {
	case 0:
		made, _, err := c.store.Decrypt(nil, data, c.context, options)
		return made, err
	case 1:
		return c.keys[0].Decrypt(nil, data, c.context, options)
	}
	made, _, err := c.store.DecryptWith(c.keys, nil, data, c.context, options)
	return made, err
}
