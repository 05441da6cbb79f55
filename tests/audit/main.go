// Command audit verifies an exported trail with golang.org/x/mod, the code behind Go's checksum database, and with nothing
// of ours: the checkpoint's signature, the tiles of every level against the checkpoint's root, every entry against its
// hash, and a proof that each of some entries is in the log.
//
//	audit FOLDER VERIFIER-KEY [EXPECTED-CHECKPOINT]
//
// With a second checkpoint file it proves that the log only grew since.
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "audit:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: audit FOLDER VERIFIER-KEY [EXPECTED-CHECKPOINT]")
	}
	verifier, err := note.NewVerifier(args[1])
	if err != nil {
		return err
	}
	tree, err := checkpoint(filepath.Join(args[0], "checkpoint"), verifier)
	if err != nil {
		return err
	}
	if tree.N == 0 {
		fmt.Println("0 entries")
		return nil
	}
	// Verifies every tile that it reads against the tree's root.
	hashes := tlog.TileHashReader(tree, folder{args[0], tree.N})
	for first := int64(0); first < tree.N; first += width {
		entries, err := bundle(args[0], first/width, min(width, tree.N-first))
		if err != nil {
			return err
		}
		for i, entry := range entries {
			index := first + int64(i)
			found, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			if err != nil {
				return err
			}
			leaf := tlog.RecordHash(entry)
			if found[0] != leaf {
				return fmt.Errorf("entry %d is not the one in the tree", index)
			}
			if index%97 != 0 && index+1 != tree.N {
				continue
			}
			proof, err := tlog.ProveRecord(tree.N, index, hashes)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
				return err
			}
		}
	}
	if len(args) > 2 {
		older, err := checkpoint(args[2], verifier)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, older.N, hashes)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash); err != nil {
			return err
		}
	}
	fmt.Println(tree.N, "entries")
	return nil
}

// width is that of a tile: 2^8 hashes.
const width = 256

// checkpoint reads a C2SP tlog-checkpoint: a signed note of origin, size and root. x/mod parses the like of its own
// database, whose first line is fixed, so the origin is put into that form.
func checkpoint(path string, verifier note.Verifier) (tlog.Tree, error) {
	message, err := os.ReadFile(path)
	if err != nil {
		return tlog.Tree{}, err
	}
	signed, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tlog.Tree{}, err
	}
	origin, rest, _ := strings.Cut(signed.Text, "\n")
	if origin != verifier.Name() {
		return tlog.Tree{}, fmt.Errorf("the checkpoint is of %q", origin)
	}
	return tlog.ParseTree([]byte("go.sum database tree\n" + rest))
}

// folder reads tiles as C2SP tlog-tiles lays them out: x/mod's own layout but for the tile height in the path.
type folder struct {
	path string
	size int64
}

func (folder) Height() int                     { return 8 }
func (folder) SaveTiles([]tlog.Tile, [][]byte) {}
func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		bytes, err := os.ReadFile(filepath.Join(f.path, path))
		if err != nil {
			return nil, err
		}
		data[i] = bytes
	}
	return data, nil
}

func bundle(path string, number, count int64) ([][]byte, error) {
	tile := tlog.Tile{H: 8, L: -1, N: number, W: int(count)}
	place := strings.Replace(tile.Path(), "tile/8/data/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(path, place))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data)-2 < int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s ends in the middle of an entry", place)
		}
		size := int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:2+size])
		data = data[2+size:]
	}
	if int64(len(entries)) != count {
		return nil, fmt.Errorf("%s has %d entries, not %d", place, len(entries), count)
	}
	return entries, nil
}
