// Package keyfold is envelope encryption with named, versioned keys: AWS KMS in a library.
//
// A root protects a store, a store keeps keys, and a key encrypts each message under a data key of its own:
//
//	store, err := keyfold.Open("keys.db", keyfold.KeyFile{Path: "/run/secrets/root"}, nil)
//	cards, err := store.Key("cards")
//	row := keyfold.MustContext("tenant", "acme")
//	sealed, err := cards.Encrypt(nil, pan, row, nil)
//	pan, err = cards.Decrypt(nil, sealed, row, nil)
//
// Stores and keys serve any number of goroutines. Close them; what is collected unclosed is closed then. Errors are
// matched with errors.Is, by code (ErrAuth) or by category (ErrInvalidCiphertext). Calls take no context.Context: those
// on data take microseconds, and nothing can stop a passphrase's derivation half-way.
//
// The cryptography is in the library, which is linked in statically, or, with the build tag keyfold_dynamic, found by
// pkg-config. The tag keyfold_debug collects at every use of a handle, to hunt errors of lifetime.
package keyfold

import (
	"fmt"
	"math"
	"runtime"
	"sync"
	"time"
)

// ForkPolicy says what handles of a store do in a forked child.
type ForkPolicy uint32

const (
	// ForkWipe: the child finds the secrets wiped; its calls fail with ErrForked, and it opens the store itself.
	ForkWipe = ForkPolicy(forkWipe)
	// ForkInherit: the child goes on using the handles, keys included.
	ForkInherit = ForkPolicy(forkInherit)
)

// OpenOptions are the options of Open and Init; the zero value is the default of each.
type OpenOptions struct {
	// ReadOnly opens without the right to write; works on a read-only file system. Not for Init.
	ReadOnly bool
	// Development marks a new store for development, for ever. For Init only.
	Development bool
	// AllowNetworkFileSystem accepts a place where file locks may not work.
	AllowNetworkFileSystem bool
	// RequireLockedMemory fails when the system will not lock secret memory, instead of going on without.
	RequireLockedMemory bool
	// Fork says what handles do in a forked child.
	Fork ForkPolicy
	// Refresh is how long another process's change may go unseen; 0 is 250 ms.
	Refresh time.Duration
	// RefreshEveryCall looks for other processes' changes at every call.
	RefreshEveryCall bool
	// BusyTimeout is how long to wait for another process's transaction; 0 is 5 s.
	BusyTimeout time.Duration
	// NoWait does not wait for other processes' transactions.
	NoWait bool
	// Principal is who opens the store, 1 to 128 characters; "" is "default". Where the root's slot bears a principal, that
	// one and no other.
	Principal string
	// BindPrincipal: the new store's root slot bears Principal. For Init only.
	BindPrincipal bool
	// AdminRoot: the new store's root slot holds the admin seed, so that only admin roots change it. For Init only.
	AdminRoot bool
	// Source is sourceIPAddress in the trail; "" is the host's name.
	Source string
	// UserAgent is userAgent in the trail, before the library's version and the process id.
	UserAgent string
	// Anchor is the file outside the store that remembers its highest epoch; "" is one in the user's or the host's state
	// folder, where there is one.
	Anchor string
	// NoAnchor keeps none: that the whole store is an older one is then not seen by a new process.
	NoAnchor bool
	// NoTrail records no uses of keys; changes of the store are recorded all the same.
	NoTrail bool
	// TrailInterval is after how long uses under ready keys become an event; 0 is 60 s.
	TrailInterval time.Duration
	// Recovery opens versions past their recipient period, and compromised keys. Every such use is an event.
	Recovery bool
}

func (o *OpenOptions) native() nativeStoreOptions {
	if o == nil {
		return nativeStoreOptions{}
	}
	options := nativeStoreOptions{
		fork:                uint32(o.Fork),
		refreshMillis:       millis(o.Refresh),
		busyTimeoutMillis:   millis(o.BusyTimeout),
		trailIntervalMillis: millis(o.TrailInterval),
		principal:           o.Principal,
		source:              o.Source,
		userAgent:           o.UserAgent,
		anchor:              o.Anchor,
	}
	for flag, set := range map[uint32]bool{
		openReadOnly:               o.ReadOnly,
		openDevelopment:            o.Development,
		openAllowNetworkFileSystem: o.AllowNetworkFileSystem,
		openRequireLockedMemory:    o.RequireLockedMemory,
		openRefreshEveryCall:       o.RefreshEveryCall,
		openNoWait:                 o.NoWait,
		openNoAnchor:               o.NoAnchor,
		openNoTrail:                o.NoTrail,
		openRecovery:               o.Recovery,
		openBindPrincipal:          o.BindPrincipal,
		openAdminRoot:              o.AdminRoot,
	} {
		if set {
			options.flags |= flag
		}
	}
	return options
}

// millis rounds up, so that a short time does not become the default.
func millis(d time.Duration) uint32 {
	return uint32(min(max((d+time.Millisecond-1)/time.Millisecond, 0), math.MaxUint32))
}

// Open opens a key store that exists. The location is a path, "sqlite:PATH", or "sqlite:PATH?fingerprint=HEX".
//
// ErrStoreNotFound, ErrRootMismatch and ErrRootUnsafe are the usual failures; ErrStoreIntegrity means that something in
// the store was changed without its root.
func Open(location string, root Root, options *OpenOptions) (*Store, error) {
	return withRoot(root, func(handle *rootHandle) (*Store, error) {
		return newStore(nativeStoreOpen(location, handle, options.native()))
	})
}

// Init makes a new key store, protected by a root, and opens it. ErrStoreExists where there is a file already.
func Init(location string, root Root, options *OpenOptions) (*Store, error) {
	return withRoot(root, func(handle *rootHandle) (*Store, error) {
		return newStore(nativeStoreInit(location, handle, options.native()))
	})
}

// InMemory makes a store in memory with the same calls, for tests; gone when it and its keys are closed.
func InMemory() (*Store, error) {
	if err := usable(); err != nil {
		return nil, err
	}
	return newStore(nativeStoreOpenInMemory())
}

func withRoot[T any](root Root, call func(*rootHandle) (T, error)) (T, error) {
	var none T
	if root == nil {
		return none, misuse("root is nil; give a KeyFile or a Passphrase")
	}
	handle, done, err := root.open()
	if err != nil {
		return none, err
	}
	defer done()
	return call(handle)
}

func newStore(raw uintptr, err error) (*Store, error) {
	if err != nil {
		return nil, err
	}
	s := &Store{}
	s.native.value.Store(raw)
	s.native.cleanup = runtime.AddCleanup(s, func(raw uintptr) {
		leaked("Store")
		_ = nativeStoreClose(raw)
	}, raw)
	return s, nil
}

// usable compares the library's ABI with the header's, once; with the tag keyfold_dynamic they can differ.
var usable = sync.OnceValue(func() error { return sameABI(nativeABIVersion()) })

func sameABI(found uint32) error {
	if found != abiVersion {
		return &Error{
			Code:   CodeInternal,
			Detail: fmt.Sprintf("the keyfold library has ABI %d, this package needs ABI %d; install both anew", found, abiVersion),
		}
	}
	return nil
}

// Version is the version of the library.
func Version() string { return nativeVersion() }

// Engine is what does AES-256-GCM: "aws-lc" or "aes-gcm". Both give the same bytes.
func Engine() string { return nativeEngine() }

// SelfTest runs the library's self-test unless it has run. Every call does so by itself.
func SelfTest() error { return nativeSelfTest() }

// Reseed makes every generator take fresh entropy; for after a snapshot was restored or a machine was cloned.
func Reseed() error { return nativeReseed() }

// Random fills a slice with random bytes that are fit for keys.
func Random(out []byte) error { return nativeGenerateRandom(out) }

// OpenHandles counts the roots, stores and keys that are open.
func OpenHandles() int { return nativeOpenHandles() }

// ProtectionStatus tells how the secret memory of this process is really protected.
func ProtectionStatus() (Protection, error) {
	is, err := nativeProtectionStatus()
	return Protection{is.bytes, is.unlockedBytes, is.dumpableBytes, is.notWipedBytes}, err
}

// Inspect tells, as JSON, what can be read of an envelope or blob without any key. Nothing in it is authenticated.
// head is the whole, or its first 64 KiB; totalLen is the size of the whole, or 0 when head is the whole.
func Inspect(head []byte, totalLen uint64) ([]byte, error) { return nativeInspect(head, totalLen) }

// DecryptedSize is the exact size of the message in an envelope, from its head and length. Not authenticated.
func DecryptedSize(envelope []byte) (int, error) { return nativeDecryptedSize(envelope) }
