package keyfold

import (
	"errors"
	"fmt"
	"io"
	"runtime"
)

// piece is how much a stream takes at a time: what is worth several threads, and no more memory than that.
const piece = large

// EncryptWriter encrypts what is written to it into another writer. It is for one goroutine at a time.
type EncryptWriter struct {
	native  streamHandle
	to      io.Writer
	out     []byte
	threads int
	failed  error
	ended   bool
}

// NewEncryptWriter begins an envelope of any size under this key. Close writes its end, without which what was written
// to w does not open; w itself stays open. The key may be closed at once.
//
// On the way out of a failure call Abort, not Close: an envelope that Close has ended is whole, and holds what was
// written until then. (io.Copy to it does so by itself when its source fails.)
func (k *Key) NewEncryptWriter(w io.Writer, context Context, options *EncryptOptions) (*EncryptWriter, error) {
	chosen, native, err := options.native()
	if err != nil {
		return nil, err
	}
	native.work = nil // given to each call
	keys := []*keyHandle{&k.native}
	if options != nil {
		keys = append(keys, handles(options.Also)...)
	}
	raw, err := nativeStreamEncrypt(keys, context.packed, chosen, native, nil, 0, nil)
	runtime.KeepAlive(options)
	return newEncryptWriter(raw, err, w, options.threads())
}

// NewSealWriter is NewEncryptWriter to the public halves of sealing keys, as Seal.
func NewSealWriter(w io.Writer, publicKeys [][]byte, context Context, storeContext StoreContext) (*EncryptWriter, error) {
	if err := usable(); err != nil {
		return nil, err
	}
	block, offsets := join(len(publicKeys), func(i int) []byte { return publicKeys[i] })
	options := nativeEncryptOptions{storeContext: uint32(storeContext)}
	raw, err := nativeStreamSeal(block, offsets, context.packed, options, nil, 0, nil)
	return newEncryptWriter(raw, err, w, 0)
}

func newEncryptWriter(raw uintptr, err error, w io.Writer, threads int) (*EncryptWriter, error) {
	if err != nil {
		return nil, err
	}
	e := &EncryptWriter{to: w, threads: threads}
	e.native.value.Store(raw)
	e.native.cleanup = runtime.AddCleanup(e, func(raw uintptr) {
		leaked("EncryptWriter")
		_ = nativeStreamClose(raw)
	}, raw)
	return e, nil
}

// Write encrypts all of p and writes what is ready of the envelope.
func (e *EncryptWriter) Write(p []byte) (int, error) {
	if err := e.usable(); err != nil {
		return 0, err
	}
	for done := 0; done < len(p); {
		n := min(len(p)-done, piece)
		if err := e.push(p[done : done+n]); err != nil {
			e.failed = err
			return done, err
		}
		done += n
	}
	return len(p), nil
}

// ReadFrom encrypts all that r gives. Where r fails, so does the envelope: Close does not end it then.
func (e *EncryptWriter) ReadFrom(r io.Reader) (int64, error) {
	if err := e.usable(); err != nil {
		return 0, err
	}
	var all int64
	in := make([]byte, 1<<20)
	for {
		n, err := io.ReadFull(r, in)
		if n > 0 {
			all += int64(n)
			if failed := e.push(in[:n]); failed != nil {
				e.failed = failed
				return all, failed
			}
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return all, nil
		case err != nil:
			e.failed = err
			return all, err
		}
	}
}

func (e *EncryptWriter) usable() error {
	if e.ended {
		return ErrClosed
	}
	return e.failed
}

func (e *EncryptWriter) push(p []byte) error {
	size, err := nativeStreamUpdateSize(&e.native, len(p))
	if err != nil {
		return err
	}
	if cap(e.out) < size {
		e.out = make([]byte, size)
	}
	n, err := nativeStreamUpdate(&e.native, p, threadsOf(e.threads), e.out[:cap(e.out)])
	runtime.KeepAlive(e)
	if err != nil {
		return err
	}
	return e.give(e.out[:n])
}

func (e *EncryptWriter) give(made []byte) error {
	n, err := e.to.Write(made)
	if err == nil && n != len(made) {
		err = io.ErrShortWrite
	}
	return err
}

// Close writes the end of the envelope, unless a write failed before, which it tells (ErrStreamUnfinished). Further calls
// do nothing.
func (e *EncryptWriter) Close() error {
	if e.ended {
		return nil
	}
	if e.failed != nil {
		failed := e.failed
		e.Abort()
		return fmt.Errorf("%w: %w", &Error{Code: CodeStreamUnfinished}, failed)
	}
	if err := e.finish(); err != nil {
		e.Abort()
		return err
	}
	e.ended = true
	return e.native.end(nativeStreamClose)
}

func (e *EncryptWriter) finish() error {
	size, err := nativeStreamFinishSize(&e.native)
	if err != nil {
		return err
	}
	rest := make([]byte, size)
	n, err := nativeStreamFinish(&e.native, rest)
	runtime.KeepAlive(e)
	if err != nil {
		return err
	}
	return e.give(rest[:n])
}

// Abort ends it without its end: what was written does not open. After Close it does nothing, so that it can be deferred.
func (e *EncryptWriter) Abort() {
	if !e.ended {
		e.ended = true
		_ = nativeStreamCancel(&e.native)
		_ = e.native.end(nativeStreamClose)
	}
}

// DecryptReader reads the message of an envelope. It is for one goroutine at a time.
type DecryptReader struct {
	native  streamHandle
	from    io.Reader
	in      []byte
	out     []byte
	ready   []byte
	threads int
	failed  error
	ended   bool
}

// NewDecryptReader begins to read the envelope that r gives, under this key. The key may be closed at once.
//
// It gives only what has been authenticated. io.EOF says that the envelope was whole; one that was cut off is an error, never
// io.EOF: it matches io.ErrUnexpectedEOF as well as ErrAuth or what else is wrong with it.
func (k *Key) NewDecryptReader(r io.Reader, context Context, options *DecryptOptions) (*DecryptReader, error) {
	return newDecryptReader(r, options, func(native nativeDecryptOptions) (uintptr, error) {
		return nativeStreamDecrypt([]*keyHandle{&k.native}, context.packed, native, nil, 0, nil)
	})
}

// NewDecryptReader is Key.NewDecryptReader under whichever key of the store opens it; see Opened.
func (s *Store) NewDecryptReader(r io.Reader, context Context, options *DecryptOptions) (*DecryptReader, error) {
	return newDecryptReader(r, options, func(native nativeDecryptOptions) (uintptr, error) {
		return nativeStreamDecryptAny(&s.native, context.packed, native, nil, 0, nil)
	})
}

func newDecryptReader(
	r io.Reader, options *DecryptOptions, open func(nativeDecryptOptions) (uintptr, error),
) (*DecryptReader, error) {
	native := options.native()
	native.work = nil // given to each call
	raw, err := open(native)
	if err != nil {
		return nil, err
	}
	d := &DecryptReader{from: r, threads: options.threads()}
	d.native.value.Store(raw)
	d.native.cleanup = runtime.AddCleanup(d, func(raw uintptr) {
		leaked("DecryptReader")
		_ = nativeStreamClose(raw)
	}, raw)
	return d, nil
}

// slack is what a piece that is pushed may make ready beside its own size.
const slack = 16_384 + 64

// Read decrypts into p, straight where p is large.
func (d *DecryptReader) Read(p []byte) (int, error) {
	if d.ended {
		return 0, ErrClosed
	}
	if len(p) == 0 {
		return 0, nil
	}
	for len(d.ready) == 0 && d.failed == nil {
		n, err := d.step(p)
		if err != nil {
			d.failed = err
		}
		if n > 0 {
			return n, nil
		}
	}
	if n := copy(p, d.ready); n > 0 {
		d.ready = d.ready[n:]
		return n, nil
	}
	return 0, d.failed
}

// step is one read of the source: bytes written to p, or 0 where they lie ready. io.EOF at the end of a whole message.
func (d *DecryptReader) step(p []byte) (int, error) {
	wanted := 65_536
	if len(p) >= slack+16_384 {
		wanted = min(len(p)-slack, piece)
	}
	if len(d.in) < wanted {
		d.in = make([]byte, wanted)
	}
	n, err := d.from.Read(d.in[:wanted])
	if n < 0 || n > wanted {
		return 0, errors.New("keyfold: the source of a DecryptReader told an impossible count")
	}
	made := 0
	if n > 0 {
		var failed error
		if made, failed = d.push(d.in[:n], p); failed != nil {
			return 0, failed
		}
	}
	switch {
	case err == io.EOF:
		return made, d.finish()
	case err != nil:
		return made, err
	}
	return made, nil
}

func (d *DecryptReader) push(sealed, p []byte) (int, error) {
	work := threadsOf(d.threads)
	size, err := nativeStreamUpdateSize(&d.native, len(sealed))
	if err != nil {
		return 0, err
	}
	if size <= len(p) {
		n, err := nativeStreamUpdate(&d.native, sealed, work, p)
		runtime.KeepAlive(d)
		return n, err
	}
	if cap(d.out) < size+slack {
		d.out = make([]byte, size+slack) // the end lies behind it, where it comes in the same read
	}
	n, err := nativeStreamUpdate(&d.native, sealed, work, d.out[:size])
	runtime.KeepAlive(d)
	if err != nil {
		return 0, err
	}
	d.ready = d.out[:n]
	return 0, nil
}

// finish gives io.EOF, or what is wrong with an envelope that ends here.
func (d *DecryptReader) finish() error {
	size, err := nativeStreamFinishSize(&d.native)
	if err != nil {
		return err
	}
	rest := make([]byte, size)
	n, err := nativeStreamFinish(&d.native, rest)
	runtime.KeepAlive(d)
	if err != nil {
		return fmt.Errorf("%w: %w", io.ErrUnexpectedEOF, err)
	}
	d.ready = append(d.ready, rest[:n]...)
	return io.EOF
}

// Opened tells which key opened the envelope, once something has been read.
func (d *DecryptReader) Opened() (Opened, error) {
	raw, err := nativeStreamOpened(&d.native)
	return opened(raw), err
}

// AuthenticatedContext is the whole context of the envelope, once something has been read.
func (d *DecryptReader) AuthenticatedContext() (Context, error) {
	packed, err := nativeStreamContext(&d.native)
	return Context{packed}, err
}

// Close ends it. Where neither the end was reached nor a read has failed, it tells so (ErrStreamUnfinished): what was read
// is only the front of a message. Further calls do nothing.
func (d *DecryptReader) Close() error {
	if d.ended {
		return nil
	}
	d.ended = true
	if d.failed != nil && d.failed != io.EOF {
		_ = nativeStreamCancel(&d.native)
	}
	return d.native.end(nativeStreamClose)
}

// Abort closes it before its end on purpose.
func (d *DecryptReader) Abort() {
	if !d.ended {
		d.ended = true
		_ = nativeStreamCancel(&d.native)
		_ = d.native.end(nativeStreamClose)
	}
}
