package keyfold

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

var sizes = []int{0, 1, 100, 16_383, 16_384, 16_385, 40_000}

func message(size int) []byte {
	made := make([]byte, size)
	for i := range made {
		made[i] = byte(i*7%251 + 1)
	}
	return made
}

func TestAMessageOfAnySizeOpensToItself(t *testing.T) {
	key := aKey(t)
	for _, size := range sizes {
		m := message(size)
		sealed := ok(key.Encrypt(nil, m, row, nil))(t)
		equal(t, len(sealed), ok(key.EncryptedSize(size, row, nil))(t))
		equal(t, ok(DecryptedSize(sealed))(t), size)
		equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), string(m))
	}
}

func TestResultsAreAppended(t *testing.T) {
	key := aKey(t)
	for _, size := range sizes {
		for _, room := range []int{0, 10, size, size + 163, size + 164, size + 10_000} {
			m, prefix := message(size), []byte("before:")
			dst := append(make([]byte, 0, len(prefix)+room), prefix...)
			sealed := ok(key.Encrypt(dst, m, row, nil))(t)
			equal(t, string(sealed[:7]), "before:")
			dst = append(make([]byte, 0, len(prefix)+room), prefix...)
			opened := ok(key.Decrypt(dst, sealed[7:], row, nil))(t)
			equal(t, string(opened), "before:"+string(m))
		}
	}
}

func TestNilAndEmptyAreTheSame(t *testing.T) {
	key := aKey(t)
	for _, empty := range [][]byte{nil, {}, make([]byte, 0, 10), message(5)[2:2]} {
		sealed := ok(key.Encrypt(empty, empty, Context{}, nil))(t)
		equal(t, len(ok(key.Decrypt(empty, sealed, Context{}, nil))(t)), 0)
		equal(t, len(ok(key.Decrypt(nil, sealed, ok(NewContext(nil))(t), &DecryptOptions{}))(t)), 0)
		_, err := key.Decrypt(nil, empty, row, nil)
		is(t, err, ErrNotAnEnvelope)
		_, err = Inspect(empty, 0)
		is(t, err, ErrInvalidCiphertext)
	}
}

func TestInPlace(t *testing.T) {
	key := aKey(t)
	for _, size := range sizes {
		m, head := message(size), ok(key.Headroom(row, nil))(t)
		buffer := make([]byte, ok(key.EncryptedSize(size, row, nil))(t))
		copy(buffer[head:], m)
		sealed := ok(key.EncryptInPlace(buffer, head, size, row, nil))(t)
		equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), string(m))
		equal(t, string(ok(key.DecryptInPlace(sealed, row, nil))(t)), string(m))
	}
	_, err := key.EncryptInPlace(make([]byte, 100), -1, 5, row, nil)
	is(t, err, ErrUsage)
	_, err = key.EncryptInPlace(make([]byte, 100), 0, 5, row, &EncryptOptions{StoreValues: []string{"tenant"}})
	is(t, err, ErrInvalidArgument)
}

// Seen to fail with the buffer zeroed after every error.
func TestACallInPlaceThatFailsEarlyLeavesTheOnlyCopy(t *testing.T) {
	key := aKey(t)
	sealed := ok(key.Encrypt(nil, []byte("only copy"), row, nil))(t)
	buffer := bytes.Clone(sealed)
	_, err := key.DecryptInPlace(buffer, Context{}, nil)
	is(t, err, ErrAuth)
	equal(t, string(buffer), string(sealed))
	buffer[len(buffer)-1] ^= 1
	_, err = key.DecryptInPlace(buffer, row, nil)
	is(t, err, ErrAuth)
	equal(t, string(buffer), string(make([]byte, len(sealed))))
}

func TestAProgramCanHoldItselfToTheNamesItNeverGoesWithout(t *testing.T) {
	context := MustContext("table", "cards", "tenant", "")
	noError(t, context.Require())
	noError(t, context.Require("tenant", "table"))
	is(t, context.Require("tenant", "column"), ErrContextRequired)
	is(t, Context{}.Require("tenant"), ErrContextRequired)
	is(t, context.Require(""), ErrInvalidContext)
}

func TestSeveralKeysAndEveryFormOfStoredContext(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		var keys []*Key
		for i := range 12 { // more than lie on the stack
			ok(store.CreateKey(fmt.Sprint("k", i), ""))(t)
			keys = append(keys, ok(store.Key(fmt.Sprint("k", i)))(t))
			defer keys[i].Close()
		}
		for _, options := range []*EncryptOptions{
			{StoreContext: StoreNames}, {StoreContext: StoreAll, FreeCells: 8},
			{Also: keys[1:]}, {Also: keys[1:2], StoreContext: StoreAll},
			{StoreValues: []string{"tenant"}}, {StoreValues: []string{}, Also: keys[5:7]},
		} {
			sealed := ok(keys[0].Encrypt(nil, []byte("m"), row, options))(t)
			for i := range 1 + len(options.Also) {
				opener := keys[0]
				if i > 0 {
					opener = options.Also[i-1]
				}
				equal(t, string(ok(opener.Decrypt(nil, sealed, row, nil))(t)), "m")
			}
			plaintext, opened, err := store.Decrypt(nil, sealed, row, nil)
			noError(t, err)
			equal(t, string(plaintext), "m")
			equal(t, opened.Version, 1)
			_, err = keys[11].Decrypt(nil, sealed, row, nil)
			if len(options.Also) < 11 {
				is(t, err, ErrKeyNotAllowed)
			}
			_, _, err = store.DecryptWith(keys, nil, sealed, row, nil)
			noError(t, err)
		}
		sealed := ok(keys[0].Encrypt(nil, []byte("m"), row, &EncryptOptions{StoreContext: StoreAll}))(t)
		_, err := keys[0].Decrypt(nil, sealed, Context{}, nil)
		is(t, err, ErrAuth)
		accept := &DecryptOptions{AcceptStoredContext: true}
		equal(t, string(ok(keys[0].Decrypt(nil, sealed, Context{}, accept))(t)), "m")
		equal(t, ok(keys[0].AuthenticatedContext(sealed, Context{}, accept))(t).Pairs()["tenant"], "acme")
		equal(t, ok(store.AuthenticatedContext(sealed, row, nil))(t).Pairs()["table"], "cards")
		_, err = keys[0].EncryptedSize(1, row, &EncryptOptions{Also: keys[1:]})
		is(t, err, ErrInvalidArgument)
	})
}

func TestContexts(t *testing.T) {
	pairs := map[string]string{"größe": "ähnlich 😀", "a": "", "b": "\x00 NUL is a value's own"}
	context := ok(NewContext(pairs))(t)
	equal(t, fmt.Sprint(context.Pairs()), fmt.Sprint(pairs))
	equal(t, string(ok(UnpackContext(context.Pack()))(t).Pack()), string(context.Pack()))
	equal(t, string(Context{}.Pack()), "\x00\x00")
	equal(t, len(Context{}.Pairs()), 0)
	for name, wrong := range map[string][]Pair{
		"an empty name":       {{"", "x"}},
		"a long name":         {{string(bytes.Repeat([]byte("n"), 257)), ""}},
		"a control character": {{"a\nb", ""}},
		"twice":               {{"a", "1"}, {"a", "2"}},
		"too much":            {{"a", string(make([]byte, 8200))}},
	} {
		if _, err := PackContext(wrong...); !errors.Is(err, ErrInvalidContext) {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := PackContext(Pair{"a", "\xff"})
	is(t, err, ErrInvalidUTF8)
	for _, wrong := range []string{"\x00", "\x00\x01", "\x00\x00\x00"} {
		_, err := UnpackContext([]byte(wrong))
		is(t, err, ErrInvalidContext)
	}
	defer func() { equal(t, recover() != nil, true) }()
	MustContext("a name without a value")
}

func TestBatches(t *testing.T) {
	key := aKey(t)
	var messages [][]byte
	var rows []Context
	for i := range 200 {
		messages = append(messages, message(i*37%500))
		rows = append(rows, MustContext("row", fmt.Sprint(i)))
	}
	for _, contexts := range [][]Context{nil, {row}, rows} {
		sealed := ok(key.EncryptBatch(messages, contexts...))(t)
		for i, one := range sealed {
			context := Context{}
			if len(contexts) == 1 {
				context = row
			} else if contexts != nil {
				context = rows[i]
			}
			equal(t, string(ok(key.Decrypt(nil, one, context, nil))(t)), string(messages[i]))
			equal(t, cap(one), len(one)) // an append to one does not run into the next
		}
		opened := ok(key.DecryptBatch(sealed, contexts...))(t)
		for i := range opened {
			equal(t, string(opened[i]), string(messages[i]))
		}
		sealed[77][len(sealed[77])-1] ^= 1
		_, err := key.DecryptBatch(sealed, contexts...)
		var detail *Error
		equal(t, errors.As(err, &detail), true)
		equal(t, detail.Index, 77)
		is(t, err, ErrAuth)
	}
	equal(t, len(ok(key.EncryptBatch(nil))(t)), 0)
	_, err := key.EncryptBatch(messages, row, row)
	is(t, err, ErrInvalidArgument)
}

func TestDataKeys(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		ok(store.CreateKey("cards", ""))(t)
		key := ok(store.Key("cards"))(t)
		defer key.Close()
		for _, size := range []int{16, 32, 1024} {
			made := ok(key.GenerateDataKey(size, row, &DataKeyOptions{StoreContext: StoreAll}))(t)
			plain := bytes.Clone(made.Plaintext())
			equal(t, len(plain), size)
			equal(t, string(ok(key.DecryptDataKey(made.Blob, row, nil))(t).Plaintext()), string(plain))
			equal(t, string(ok(store.DecryptDataKey(made.Blob, row, nil))(t).Plaintext()), string(plain))
			made.Wipe()
			equal(t, string(made.Plaintext()), string(make([]byte, size)))
			blob := ok(key.GenerateDataKeyWithoutPlaintext(size, row, nil))(t)
			equal(t, len(ok(key.DecryptDataKey(blob, row, nil))(t).Plaintext()), size)
			_, err := key.DecryptDataKey(blob, Context{}, nil)
			is(t, err, ErrAuth)
		}
		for _, size := range []int{-1, 0, 15, 1025} {
			_, err := key.GenerateDataKey(size, row, nil)
			is(t, err, ErrUsage)
			_, err = key.GenerateDataKeyWithoutPlaintext(size, row, nil)
			is(t, err, ErrUsage)
		}
		equal(t, DataKey{}.Plaintext() == nil, true)
	})
}

func TestRewrapAndReencrypt(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		ok(store.CreateKey("cards", ""))(t)
		ok(store.CreateKey("archive", ""))(t)
		cards, archive := ok(store.Key("cards"))(t), ok(store.Key("archive"))(t)
		defer cards.Close()
		defer archive.Close()
		m := message(20_000)
		sealed := ok(cards.Encrypt(nil, m, row, &EncryptOptions{FreeCells: 1}))(t)
		path := filepath.Join(t.TempDir(), "message.kfe")
		noError(t, os.WriteFile(path, sealed, 0o600))
		ok(store.RotateKey("cards"))(t)
		equal(t, ok(cards.RewrapFile(path, &row))(t).Rewrapped, 1)
		equal(t, ok(store.RewrapFile(path, nil))(t).Current, 1)
		equal(t, string(ok(cards.Decrypt(nil, ok(os.ReadFile(path))(t), row, nil))(t)), string(m))

		data := bytes.Clone(sealed)
		_, err := cards.Rewrap(data, &Context{}) // an empty context is checked, none is not
		is(t, err, ErrAuth)
		equal(t, bytes.Equal(data, sealed), true)
		equal(t, ok(cards.Rewrap(data, nil))(t), Rewrapped{Rewrapped: 1})
		equal(t, ok(store.Rewrap(data, &row))(t), Rewrapped{Current: 1})
		equal(t, bytes.Equal(data[len(data)-20_000:], sealed[len(sealed)-20_000:]), true)

		year := MustContext("year", "2026")
		moved := ok(cards.Reencrypt(sealed, row, []*Key{archive}, year, &ReencryptOptions{StoreContext: StoreAll}))(t)
		_, err = cards.Decrypt(nil, moved, year, nil)
		is(t, err, ErrKeyNotAllowed)
		equal(t, string(ok(archive.Decrypt(nil, moved, year, nil))(t)), string(m))
		options := &ReencryptOptions{AcceptStoredContext: true, StoreValues: []string{"table"}, DropUnreachable: true}
		again := ok(store.Reencrypt(moved, Context{}, []*Key{cards, archive}, row, options))(t)
		equal(t, string(ok(cards.Decrypt(nil, again, row, nil))(t)), string(m))
		ok(cards.Decrypt(nil, ok(cards.Reencrypt(sealed, row, nil, Context{}, nil))(t), Context{}, nil))(t)
	})
}

// Damaged data.

func refused(err error) bool {
	return errors.Is(err, ErrInvalidCiphertext) || errors.Is(err, ErrKeyPolicy)
}

func TestEveryByteOfTheHeadAndOfTheTagIsAuthenticated(t *testing.T) {
	key := aKey(t)
	for _, stored := range []StoreContext{StoreNone, StoreAll} {
		sealed := ok(key.Encrypt(nil, []byte("message"), row, &EncryptOptions{StoreContext: stored}))(t)
		for bit := range 8 * len(sealed) {
			sealed[bit/8] ^= 1 << (bit % 8)
			if _, err := key.Decrypt(nil, sealed, row, nil); !refused(err) {
				t.Fatalf("bit %d of byte %d flipped: %v", bit%8, bit/8, err)
			}
			sealed[bit/8] ^= 1 << (bit % 8)
		}
		for size := range sealed {
			if _, err := key.Decrypt(nil, sealed[:size], row, nil); !refused(err) {
				t.Fatalf("cut to %d: %v", size, err)
			}
		}
	}
}

// T-01: whatever the caller's memory held, after a failure it holds nothing of the message.
func TestAFailedDecryptionLeavesZerosInTheCallersMemory(t *testing.T) {
	key := aKey(t)
	for _, size := range []int{7, 16_384, 40_000} {
		m := message(size)
		sealed := ok(key.Encrypt(nil, m, row, nil))(t)
		head := 44 + int(binary.BigEndian.Uint16(sealed[6:])) + int(binary.BigEndian.Uint16(sealed[8:]))
		for chunk := range size/16_384 + 1 {
			tag := min(head+(chunk+1)*16_400, len(sealed)) - 16
			for bit := range 128 {
				sealed[tag+bit/8] ^= 1 << (bit % 8)
				dst := bytes.Repeat([]byte{0xa5}, len(sealed))
				if _, err := key.Decrypt(dst[:0], sealed, row, nil); !errors.Is(err, ErrAuth) {
					t.Fatal(err)
				}
				equal(t, string(dst[:size]), string(make([]byte, size)))
				sealed[tag+bit/8] ^= 1 << (bit % 8)
			}
		}
	}
}
