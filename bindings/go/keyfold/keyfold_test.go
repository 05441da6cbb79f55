package keyfold

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

var row = MustContext("tenant", "acme", "table", "cards")

// TestMain looks at the end whether every handle of every test was closed.
func TestMain(m *testing.M) {
	code := m.Run()
	// Cleanups of what tests left to the collector run a little after it.
	for range 100 {
		if OpenHandles() == 0 {
			break
		}
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	if n := OpenHandles(); n != 0 && code == 0 {
		println("handles left open:", n)
		code = 1
	}
	os.Exit(code)
}

func ok[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func noError(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func is(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%v, not %v", err, want)
	}
}

func equal[T comparable](t testing.TB, have, want T) {
	t.Helper()
	if have != want {
		t.Fatalf("%v, not %v", have, want)
	}
}

// place is a location for a store and a root for it, each in a folder of its own.
func place(t testing.TB) (string, KeyFile) {
	t.Helper()
	folder := t.TempDir()
	for _, name := range []string{"store", "root"} {
		noError(t, os.Mkdir(filepath.Join(folder, name), 0o700))
	}
	root := ok(CreateKeyFile(filepath.Join(folder, "root", "root.key")))(t)
	return filepath.Join(folder, "store", "keys.db"), root
}

// onBothStores runs a test on a store in memory and on one in a file: the calls are the same.
func onBothStores(t *testing.T, test func(*testing.T, *Store)) {
	t.Run("memory", func(t *testing.T) {
		store := ok(InMemory())(t)
		defer store.Close()
		test(t, store)
	})
	t.Run("file", func(t *testing.T) {
		location, root := place(t)
		store := ok(Init(location, root, nil))(t)
		defer store.Close()
		test(t, store)
	})
}

// aKey is a key of a store in memory, for what does not depend on the store.
func aKey(t testing.TB) *Key {
	t.Helper()
	store := ok(InMemory())(t)
	ok(store.CreateKey("cards", ""))(t)
	key := ok(store.Key("cards"))(t)
	noError(t, store.Close())
	t.Cleanup(func() { noError(t, key.Close()) })
	return key
}

// inGroup is sync.WaitGroup.Go, which the oldest Go this module serves does not have.
func inGroup(group *sync.WaitGroup, work func()) {
	group.Add(1)
	go func() {
		defer group.Done()
		work()
	}()
}
