// Command cards encrypts a file of card records, each under a data key of its own, and opens it again.
//
//	cards encrypt STORE file:ROOT cards.csv cards.enc
//	cards decrypt STORE file:ROOT cards.enc cards.back.csv
//
// The file is the one that the C, C++ and Python programs write: ID,HEX a line.
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"keyfold.dev/go/keyfold"
)

func main() {
	if len(os.Args) != 6 || !strings.HasPrefix(os.Args[3], "file:") {
		fmt.Fprintln(os.Stderr, "usage: cards encrypt|decrypt STORE file:ROOT INPUT OUTPUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], strings.TrimPrefix(os.Args[3], "file:"), os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, "cards:", err)
		os.Exit(1)
	}
}

func run(verb, location, root, source, target string) error {
	work, ok := map[string]func(*keyfold.Key, string, string) (string, error){"encrypt": encrypt, "decrypt": decrypt}[verb]
	if !ok {
		return fmt.Errorf("%q is neither encrypt nor decrypt", verb)
	}
	store, err := keyfold.Open(location, keyfold.KeyFile{Path: root}, nil)
	if err != nil {
		return err
	}
	defer store.Close()
	key, err := store.Key("cards")
	if err != nil {
		return err
	}
	defer key.Close()

	in, err := os.Open(source)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(target)
	if err != nil {
		return err
	}
	defer out.Close()
	count, err := convert(in, out, func(id, rest string) (string, error) { return work(key, id, rest) })
	if err != nil {
		return err
	}
	fmt.Printf("%sed %d records\n", verb, count)
	return out.Close()
}

// convert goes through the records: what stands before a line's first comma is the row's id and stays.
func convert(in io.Reader, out io.Writer, work func(id, rest string) (string, error)) (count int, err error) {
	lines, writer := bufio.NewScanner(in), bufio.NewWriter(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		id, rest, _ := strings.Cut(lines.Text(), ",")
		done, err := work(id, rest)
		if err != nil {
			return count, fmt.Errorf("record %s: %w", id, err)
		}
		fmt.Fprintf(writer, "%s,%s\n", id, done)
		count++
	}
	if err := lines.Err(); err != nil {
		return count, err
	}
	return count, writer.Flush()
}

// context binds an envelope to its row: moved to another one it does not open.
func context(id string) (keyfold.Context, error) {
	return keyfold.PackContext(keyfold.Pair{Name: "table", Value: "cards"}, keyfold.Pair{Name: "row", Value: id})
}

func encrypt(key *keyfold.Key, id, rest string) (string, error) {
	row, err := context(id)
	if err != nil {
		return "", err
	}
	envelope, err := key.Encrypt(nil, []byte(rest), row, nil)
	return hex.EncodeToString(envelope), err
}

func decrypt(key *keyfold.Key, id, rest string) (string, error) {
	row, err := context(id)
	if err != nil {
		return "", err
	}
	envelope, err := hex.DecodeString(rest)
	if err != nil {
		return "", err
	}
	message, err := key.Decrypt(nil, envelope, row, nil)
	return string(message), err
}
