package keyfold

import (
	"bytes"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestErrorsMatchByCodeAndByCategory(t *testing.T) {
	store := ok(InMemory())(t)
	defer store.Close()
	_, err := store.Key("no-such-key")
	is(t, fmt.Errorf("wrapped: %w", err), ErrKeyNotFound)
	is(t, err, ErrKeyPolicy)
	for _, other := range []error{ErrKeyDisabled, ErrAuth, ErrUsage, ErrInvalidCiphertext, ErrClosed, errors.New("x")} {
		equal(t, errors.Is(err, other), false)
	}
	var detail *Error
	equal(t, errors.As(err, &detail), true)
	equal(t, detail.Code, CodeKeyNotFound)
	equal(t, detail.Code.String(), "KEY_NOT_FOUND")
	equal(t, detail.Retryable(), false)
	equal(t, (&Error{Code: CodeStoreBusy}).Retryable(), true)
	equal(t, strings.Contains(err.Error(), `"no-such-key"`), true)
	equal(t, strings.Contains(detail.Code.Text(), "list"), true)
	equal(t, strings.Contains((&Error{Code: CodeAuth}).Error(), "could not authenticate"), true)
	equal(t, Code(12345).String(), "UNKNOWN")
	equal(t, ErrAuth.Error(), "keyfold: AUTH")
	equal(t, strings.Contains(ErrRoot.Error(), "a root"), true)
}

func TestEveryCodeHasTheNameThatTheLibraryGivesIt(t *testing.T) {
	known := 0
	for number := range int32(1000) {
		if name := nativeStatusName(number); name != "UNKNOWN" {
			equal(t, Code(number).String(), name)
			known++
		}
	}
	equal(t, known > 50, true)
}

func TestALibraryOfAnotherABIIsRefused(t *testing.T) {
	noError(t, sameABI(abiVersion))
	err := sameABI(abiVersion + 1)
	is(t, err, ErrLibrary)
	equal(t, strings.Contains(err.Error(), "install both anew"), true)
	noError(t, usable())
}

func TestTextWithANULIsRefusedEverywhere(t *testing.T) {
	store := ok(InMemory())(t)
	defer store.Close()
	ok(store.CreateKey("cards", ""))(t)
	for _, name := range []string{"cards\x00", "\x00", "cards\x00x"} {
		_, create := store.CreateKey(name, "")
		_, describe := store.CreateKey("", name)
		_, open := store.Key(name)
		_, rotate := store.RotateKey(name)
		_, alias := store.CreateAlias(name, "cards")
		_, aliased := store.CreateAlias("other", name)
		_, export := store.ExportKey(name, "cards")
		_, file := CreateKeyFile(name)
		_, root := Open("keys.db", KeyFile{Path: name}, nil)
		_, location := Open(name, KeyFile{Path: "root"}, nil)
		for i, err := range []error{create, describe, open, rotate, alias, aliased, export, file, root, location,
			store.DeleteAlias(name), store.RemoveRoot(name)} {
			if !errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), "NUL") {
				t.Errorf("call %d: %v", i, err)
			}
		}
	}
}

func TestWhatIsNoAliasIsRefused(t *testing.T) {
	store := ok(InMemory())(t)
	defer store.Close()
	for _, name := range []string{"schlüssel", "a b", "keyfold/x", "😀", strings.Repeat("x", 257), "alias/"} {
		_, err := store.CreateKey(name, "")
		is(t, err, ErrInvalidName)
	}
	_, err := store.CreateKey("\xff", "")
	is(t, err, ErrInvalidUTF8)
}

func TestCallsOnAClosedObjectAreErrClosed(t *testing.T) {
	store := ok(InMemory())(t)
	ok(store.CreateKey("cards", ""))(t)
	key, other := ok(store.Key("cards"))(t), ok(store.Key("cards"))(t)
	defer other.Close()
	sealed := ok(key.Encrypt(nil, nil, row, nil))(t)
	noError(t, key.Close())
	noError(t, key.Close())
	_, err := key.Encrypt(nil, nil, row, nil)
	is(t, err, ErrClosed)
	_, err = key.Decrypt(nil, sealed, row, nil)
	is(t, err, ErrClosed)
	_, err = other.Encrypt(nil, nil, row, &EncryptOptions{Also: []*Key{key}})
	is(t, err, ErrClosed)
	_, err = store.Explain(key, sealed, 0, row)
	is(t, err, ErrClosed)
	noError(t, store.Close())
	_, err = store.Info()
	is(t, err, ErrClosed)
	for _, err := range store.Keys() {
		is(t, err, ErrClosed)
	}
	var zero Key
	_, err = zero.Encrypt(nil, nil, row, nil)
	is(t, err, ErrClosed)
	noError(t, zero.Close())
	ok(other.Decrypt(nil, sealed, row, nil))(t) // a key outlives its store
	is(t, &Error{Code: CodeInvalidHandle}, ErrClosed)
}

// T-73.
func TestNothingWritesASecret(t *testing.T) {
	key := aKey(t)
	dataKey := ok(key.GenerateDataKey(32, row, nil))(t)
	secret := bytes.Repeat([]byte("\xf0\x9f\x94\x91hunter2"), 3)
	copy(dataKey.Plaintext(), secret)
	passphrase := ok(NewPassphrase(secret))(t)
	defer passphrase.Close()
	type holder struct {
		inner  DataKey
		Shown  DataKey
		phrase *Passphrase
		key    *Key
	}
	things := []any{dataKey, &dataKey, passphrase, key, holder{dataKey, dataKey, passphrase, key}, []DataKey{dataKey},
		&holder{dataKey, dataKey, passphrase, key}, map[string]any{"k": dataKey}}
	forms := []string{string(secret[4:11]), hex.EncodeToString(secret[4:11]), strings.ToUpper(hex.EncodeToString(secret[4:11])),
		strings.Trim(fmt.Sprint(secret[4:11]), "[]"), `68, 0x75, 0x6e`, "aHVudGVy"}
	check := func(what, text string) {
		for _, form := range forms {
			if strings.Contains(text, form) {
				t.Errorf("%s writes the secret: %s", what, text)
			}
		}
	}
	for i, thing := range things {
		for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%X", "%s", "%q", "%d", "%o", "%b", "%c", "%U", "%T", "%p"} {
			check(fmt.Sprint(verb, i), fmt.Sprintf(verb, thing))
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "k", thing)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "k", thing)
		check("slog", log.String())
		encoded, _ := json.Marshal(thing)
		check("json", string(encoded))
		func() {
			defer func() { check("panic", fmt.Sprint(recover())) }()
			panic(thing)
		}()
	}
	var out bytes.Buffer
	equal(t, gob.NewEncoder(&out).Encode(dataKey) != nil, true)
	_, err := json.Marshal(dataKey)
	equal(t, err != nil, true)
}

func TestAnErrorHoldsNoMessage(t *testing.T) {
	key := aKey(t)
	sealed := ok(key.Encrypt(nil, []byte("hunter2"), row, nil))(t)
	sealed[len(sealed)-1] ^= 1
	_, err := key.Decrypt(nil, sealed, row, nil)
	equal(t, strings.Contains(fmt.Sprintf("%+v %#v", err, err), "hunter2"), false)
}
