package keyfold

import (
	"fmt"
	"log/slog"
	"runtime"
)

// Root is what protects a store's secret: a KeyFile or a Passphrase.
type Root interface {
	// open gives the root's handle for one call, and what to do after it.
	open() (*rootHandle, func(), error)
}

// KeyFile is a root kept in a file of its own, which must not lie with the store nor be readable by others; ErrRootUnsafe
// says how to mend what is wrong. The file is read by the calls that take the root.
type KeyFile struct {
	// Path is the file, made with CreateKeyFile or keyfold init.
	Path string
	// AllowReadable accepts a file, or a folder of it, that other users can read.
	AllowReadable bool
	// AllowBesideStore accepts a file in the store's own folder.
	AllowBesideStore bool
}

// CreateKeyFile makes a new key file. Keep it, and a copy of it, apart from the store: without it nothing opens.
func CreateKeyFile(path string) (KeyFile, error) {
	if err := usable(); err != nil {
		return KeyFile{}, err
	}
	return KeyFile{Path: path}, nativeRootCreateKeyFile(path)
}

func (k KeyFile) open() (*rootHandle, func(), error) {
	if err := usable(); err != nil {
		return nil, nil, err
	}
	var options nativeKeyFileOptions
	if k.AllowReadable {
		options.flags |= keyFileAllowReadable
	}
	if k.AllowBesideStore {
		options.flags |= keyFileAllowBesideStore
	}
	raw, err := nativeRootOpenKeyFile(k.Path, options)
	if err != nil {
		return nil, nil, err
	}
	root := &rootHandle{}
	root.value.Store(raw)
	return root, func() { _ = root.end(nativeRootClose) }, nil
}

// Passphrase is a passphrase as a root, held in locked memory until it is closed.
type Passphrase struct {
	native rootHandle
}

// NewPassphrase copies 1 to 1,024 bytes, taken as they are, into locked memory. The caller wipes its own copy.
func NewPassphrase(secret []byte) (*Passphrase, error) {
	if err := usable(); err != nil {
		return nil, err
	}
	raw, err := nativeRootOpenPassphrase(secret)
	if err != nil {
		return nil, err
	}
	p := &Passphrase{}
	p.native.value.Store(raw)
	p.native.cleanup = runtime.AddCleanup(p, func(raw uintptr) {
		leaked("Passphrase")
		_ = nativeRootClose(raw)
	}, raw)
	return p, nil
}

// Close wipes the passphrase; further calls do nothing.
func (p *Passphrase) Close() error {
	return p.native.end(nativeRootClose)
}

func (p *Passphrase) open() (*rootHandle, func(), error) {
	return &p.native, func() { runtime.KeepAlive(p) }, nil
}

const redacted = "[redacted]"

// Format writes no secret, whatever the verb.
func (p *Passphrase) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte("keyfold.Passphrase" + redacted))
}

// LogValue writes no secret.
func (p *Passphrase) LogValue() slog.Value { return slog.StringValue("keyfold.Passphrase" + redacted) }
