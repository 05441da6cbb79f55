package keyfold

import (
	"encoding/binary"
	"maps"
	"slices"
)

// Context is an encryption context: pairs of text that are authenticated with the data, and never secret. It is packed
// once and can be used for any number of calls, by any number of goroutines. The zero value is the empty context.
type Context struct {
	packed []byte
}

// Pair is one pair of an encryption context. Name and Value are UTF-8.
type Pair struct {
	Name, Value string
}

// NewContext packs pairs. ErrInvalidContext tells which limit they break.
func NewContext(pairs map[string]string) (Context, error) {
	names := slices.Sorted(maps.Keys(pairs))
	list := make([]Pair, len(names))
	for i, name := range names {
		list[i] = Pair{name, pairs[name]}
	}
	return PackContext(list...)
}

// PackContext packs pairs in any order; a name that stands twice is ErrInvalidContext.
func PackContext(pairs ...Pair) (Context, error) {
	size := 2
	for _, pair := range pairs {
		size += 4 + len(pair.Name) + len(pair.Value)
	}
	packed := make([]byte, min(size, contextMaxSize))
	n, err := nativeContextPack(pairs, packed)
	if err != nil {
		return Context{}, err
	}
	return Context{packed[:n]}, nil
}

// MustContext packs name, value, name, value, … and panics if they are no context; for contexts that are constants.
func MustContext(namesAndValues ...string) Context {
	if len(namesAndValues)%2 != 0 {
		panic("keyfold: MustContext needs a value for every name")
	}
	var pairs []Pair
	for i := 0; i < len(namesAndValues); i += 2 {
		pairs = append(pairs, Pair{namesAndValues[i], namesAndValues[i+1]})
	}
	context, err := PackContext(pairs...)
	if err != nil {
		panic(err)
	}
	return context
}

// UnpackContext reads a packed context; ErrInvalidContext unless it is the canonical encoding.
func UnpackContext(packed []byte) (Context, error) {
	if err := nativeContextCheck(packed); err != nil {
		return Context{}, err
	}
	return Context{slices.Clone(packed)}, nil
}

// Require is ErrContextRequired unless each of these names has a value in the context; for the names a program never
// goes without, since an envelope that was encrypted without one opens without it.
func (c Context) Require(required ...string) error {
	block, err := names(required)
	if err != nil {
		return err
	}
	return nativeContextRequire(c.orEmpty(), block)
}

// Pack is the canonical encoding, the same in every language.
func (c Context) Pack() []byte {
	return slices.Clone(c.orEmpty())
}

// Pairs gives the pairs.
func (c Context) Pairs() map[string]string {
	pairs := map[string]string{}
	for at := 2; at < len(c.packed); {
		var name, value string
		name, at = textAt(c.packed, at)
		value, at = textAt(c.packed, at)
		pairs[name] = value
	}
	return pairs
}

func textAt(packed []byte, at int) (string, int) {
	size := int(binary.BigEndian.Uint16(packed[at:]))
	return string(packed[at+2 : at+2+size]), at + 2 + size
}

// orEmpty is the encoding; the zero value has the empty one.
func (c Context) orEmpty() []byte {
	if c.packed == nil {
		return []byte{0, 0}
	}
	return c.packed
}

// names is the block that says which names' values are stored.
func names(chosen []string) ([]byte, error) {
	pairs := make([]Pair, len(chosen))
	for i, name := range chosen {
		pairs[i].Name = name
	}
	context, err := PackContext(pairs...)
	return context.packed, err
}
