package keyfold

/*
#include "keyfold.h"

extern uintptr_t keyfoldReadAt(uintptr_t source, uint64_t offset, uint8_t *into, size_t size, size_t *given);
extern void keyfoldReaderReleased(uintptr_t source);

// What the source failed with in this thread's call; 0: it did not.
static __thread uintptr_t kf_failed;

static int32_t kf_pread(void *source, uint64_t offset, uint8_t *into, size_t size, size_t *given)
{
	size_t n = 0;
	uintptr_t failed = keyfoldReadAt((uintptr_t)source, offset, into, size, &n);
	if (failed) {
		kf_failed = failed;
		return 0;
	}
	*given = n;
	return KEYFOLD_CALLBACK_OK;
}

static void kf_released(void *source)
{
	keyfoldReaderReleased((uintptr_t)source);
}

static keyfold_pread_callback kf_preader(void) { return kf_pread; }
static keyfold_source_release kf_releaser(void) { return kf_released; }

static uintptr_t kf_take_failed(void)
{
	uintptr_t failed = kf_failed;
	kf_failed = 0;
	return failed;
}
*/
import "C"

import (
	"fmt"
	"io"
	"runtime"
	"runtime/cgo"
	"sync"
)

// Reader reads the message of an envelope at any place: an io.ReaderAt for any number of goroutines at once, and an io.ReadSeeker
// whose position they share. Every byte it gives has been authenticated.
type Reader struct {
	native  readerHandle
	threads int
	lock    sync.Mutex
	at      int64
}

// OpenReader opens an envelope of size bytes under this key. Only its head is read now, and later only the chunks of 16 KiB that hold
// what is asked for. The source must serve as many goroutines at once as the Reader does; it is kept until Close. The key may
// be closed at once.
func (k *Key) OpenReader(source io.ReaderAt, size int64, context Context, options *DecryptOptions) (*Reader, error) {
	return openReader(source, size, options, func(native nativeDecryptOptions, held uintptr) (uintptr, error) {
		return nativeReaderOpen(
			[]*keyHandle{&k.native}, context.packed, native, uint64(size), C.kf_preader(), held, C.kf_releaser(),
		)
	}, func() error { _, err := k.native.read(); return err })
}

// OpenReader is Key.OpenReader under whichever key of the store opens it; see Opened.
func (s *Store) OpenReader(source io.ReaderAt, size int64, context Context, options *DecryptOptions) (*Reader, error) {
	return openReader(source, size, options, func(native nativeDecryptOptions, held uintptr) (uintptr, error) {
		return nativeReaderOpenAny(
			&s.native, context.packed, native, uint64(size), C.kf_preader(), held, C.kf_releaser(),
		)
	}, func() error { _, err := s.native.read(); return err })
}

func openReader(
	source io.ReaderAt, size int64, options *DecryptOptions,
	open func(native nativeDecryptOptions, held uintptr) (uintptr, error), usable func() error,
) (*Reader, error) {
	if size < 0 {
		return nil, misuse("the size of an envelope is negative")
	}
	if err := usable(); err != nil {
		return nil, err // the library would never hear of the source
	}
	native := options.native()
	native.work = nil // given to each call
	var raw uintptr
	err := calling(func() (err error) {
		raw, err = open(native, uintptr(cgo.NewHandle(source)))
		return
	})
	if err != nil {
		return nil, err
	}
	r := &Reader{threads: options.threads()}
	r.native.value.Store(raw)
	r.native.cleanup = runtime.AddCleanup(r, func(raw uintptr) {
		leaked("Reader")
		_ = nativeReaderClose(raw)
	}, raw)
	return r, nil
}

// calling makes a call during which C may call the source, and adds to its error what the source failed with.
func calling(call func() error) error {
	// C keeps that for the thread.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := call()
	raw := C.kf_take_failed()
	if raw == 0 {
		return err
	}
	failure := cgo.Handle(raw).Value().(sourceFailure)
	cgo.Handle(raw).Delete()
	if failure.panicked {
		panic(failure.cause)
	}
	return fmt.Errorf("%w: %w", err, failure.err)
}

// ReadAt reads from an offset of the message on. io.EOF comes with a count short of p, and only when the message's end has
// been authenticated.
func (r *Reader) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, misuse("the offset is negative")
	}
	var n int
	err := calling(func() (err error) {
		n, err = nativeReaderPread(&r.native, uint64(offset), threadsOf(r.threads), p)
		return
	})
	runtime.KeepAlive(r)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// Size is the message's; its last chunk is authenticated first.
func (r *Reader) Size() (int64, error) {
	var size uint64
	err := calling(func() (err error) {
		size, err = nativeReaderSize(&r.native)
		return
	})
	runtime.KeepAlive(r)
	return int64(size), err
}

// Read reads from the position on, and moves it.
func (r *Reader) Read(p []byte) (int, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	n, err := r.ReadAt(p, r.at)
	r.at += int64(n)
	if n > 0 && err == io.EOF {
		err = nil
	}
	return n, err
}

// Seek moves the position; from the end, that is authenticated first.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	r.lock.Lock()
	defer r.lock.Unlock()
	var base int64
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		base = r.at
	case io.SeekEnd:
		size, err := r.Size()
		if err != nil {
			return r.at, err
		}
		base = size
	default:
		return r.at, misuse("whence is none of io.SeekStart, io.SeekCurrent and io.SeekEnd")
	}
	to := base + offset
	if to < 0 || (offset > 0 && to < base) {
		return r.at, misuse("the position is before the beginning, or too large")
	}
	r.at = to
	return to, nil
}

// Opened tells which key opened the envelope.
func (r *Reader) Opened() (Opened, error) {
	raw, err := nativeReaderOpened(&r.native)
	return opened(raw), err
}

// AuthenticatedContext is the whole context of the envelope.
func (r *Reader) AuthenticatedContext() (Context, error) {
	packed, err := nativeReaderContext(&r.native)
	return Context{packed}, err
}

// Close ends it; calls under way on other goroutines finish first. Further calls do nothing.
func (r *Reader) Close() error {
	return r.native.end(nativeReaderClose)
}

// CiphertextRange tells which bytes of an envelope must be fetched to read a range of its message: whole chunks, for an
// HTTP range request. head is its first bytes, 44 or more. It needs no key and authenticates nothing.
func CiphertextRange(head []byte, envelopeSize, offset, length int64) (from, size int64, err error) {
	if envelopeSize < 0 || offset < 0 || length < 0 {
		return 0, 0, misuse("a size or an offset is negative")
	}
	if err := usable(); err != nil {
		return 0, 0, err
	}
	a, b, err := nativeCiphertextRange(head, uint64(envelopeSize), uint64(offset), uint64(length))
	return int64(a), int64(b), err
}

var (
	_ io.ReaderAt   = (*Reader)(nil)
	_ io.ReadSeeker = (*Reader)(nil)
)
