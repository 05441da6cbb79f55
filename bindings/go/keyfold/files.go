package keyfold

import (
	"context"
	"runtime"
)

// FileOptions say how a file is worked on; the zero value is the default of each.
type FileOptions struct {
	// Threads that seal or open, the calling one among them; 0 lets the library choose.
	Threads int
	// Progress is told about ten times a second the bytes done and those of the whole (0 where it is not known), on
	// another goroutine, and a last time when all is done.
	Progress func(done, total uint64)
}

func (o *FileOptions) begin(ctx context.Context, threads int) (*task, error) {
	if o == nil {
		return begin(ctx, threads, nil)
	}
	if o.Threads != 0 {
		threads = o.Threads
	}
	return begin(ctx, threads, o.Progress)
}

// EncryptFile encrypts a file into another, which is there whole in its old or its new state, whatever happens; it may be the
// same file. When the context ends, the call does within a chunk, with an error that matches ErrCancelled and the context's.
// It returns the envelope's size.
func (k *Key) EncryptFile(
	ctx context.Context, from, to string, pairs Context, options *EncryptOptions, file *FileOptions,
) (int64, error) {
	chosen, native, err := options.native()
	if err != nil {
		return 0, err
	}
	keys := []*keyHandle{&k.native}
	if options != nil {
		keys = append(keys, handles(options.Also)...)
	}
	task, err := file.begin(ctx, options.threads())
	if err != nil {
		return 0, err
	}
	native.work = &task.c.work
	size, err := nativeEncryptFile(keys, from, to, pairs.packed, chosen, native)
	runtime.KeepAlive(options)
	return int64(size), task.end(err)
}

// DecryptFile decrypts a file into another, as EncryptFile. A new one is for its owner alone to read. It returns the
// message's size.
func (k *Key) DecryptFile(
	ctx context.Context, from, to string, pairs Context, options *DecryptOptions, file *FileOptions,
) (int64, error) {
	task, err := file.begin(ctx, options.threads())
	if err != nil {
		return 0, err
	}
	native := options.native()
	native.work = &task.c.work
	size, _, err := nativeDecryptFile([]*keyHandle{&k.native}, from, to, pairs.packed, native)
	return int64(size), task.end(err)
}

// DecryptFile is Key.DecryptFile under whichever key of the store opens it, which it tells.
func (s *Store) DecryptFile(
	ctx context.Context, from, to string, pairs Context, options *DecryptOptions, file *FileOptions,
) (int64, Opened, error) {
	task, err := file.begin(ctx, options.threads())
	if err != nil {
		return 0, Opened{}, err
	}
	native := options.native()
	native.work = &task.c.work
	size, raw, err := nativeDecryptFileAny(&s.native, from, to, pairs.packed, native)
	return int64(size), opened(raw), task.end(err)
}
