package keyfold

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"testing/iotest"
	"time"
)

var streamSizes = []int{0, 1, 100, 16383, 16384, 16385, 32768, 70000, 300001}

// drawn is a message that is the same in every run.
func drawn(size int) []byte {
	made := make([]byte, size)
	rand.New(rand.NewSource(int64(size))).Read(made)
	return made
}

func streamed(t testing.TB, key *Key, message []byte, options *EncryptOptions) []byte {
	t.Helper()
	var sink bytes.Buffer
	w := ok(key.NewEncryptWriter(&sink, row, options))(t)
	ok(w.Write(message))(t)
	noError(t, w.Close())
	return sink.Bytes()
}

func TestWhatIsStreamedInAnyPiecesOpensInEveryWay(t *testing.T) {
	key := aKey(t)
	for _, size := range streamSizes {
		message := drawn(size)
		for _, wrap := range []func(io.Reader) io.Reader{
			func(r io.Reader) io.Reader { return r }, iotest.HalfReader, iotest.DataErrReader,
			func(r io.Reader) io.Reader { return struct{ io.Reader }{r} },
		} {
			var sink bytes.Buffer
			w := ok(key.NewEncryptWriter(&sink, row, nil))(t)
			n, err := io.Copy(w, wrap(bytes.NewReader(message)))
			noError(t, err)
			equal(t, n, int64(size))
			noError(t, w.Close())
			noError(t, w.Close())
			equal(t, sink.Len(), ok(key.EncryptedSize(size, row, nil))(t))
			equal(t, bytes.Equal(ok(key.Decrypt(nil, sink.Bytes(), row, nil))(t), message), true)

			r := ok(key.NewDecryptReader(wrap(bytes.NewReader(sink.Bytes())), row, nil))(t)
			equal(t, bytes.Equal(ok(io.ReadAll(r))(t), message), true)
			equal(t, ok(r.Opened())(t).KeyID, ok(key.ID())(t))
			equal(t, string(ok(r.AuthenticatedContext())(t).packed), string(row.packed))
			noError(t, r.Close())
			noError(t, r.Close())
		}
		r := ok(key.NewDecryptReader(bytes.NewReader(ok(key.Encrypt(nil, message, row, nil))(t)), row, nil))(t)
		noError(t, iotest.TestReader(r, message))
		noError(t, r.Close())
	}
}

// T-31. Fails when finish gives io.EOF whatever the library says.
func TestACutOffEnvelopeNeverEndsAsAWholeOne(t *testing.T) {
	key := aKey(t)
	for _, size := range []int{0, 1, 16384, 40000} {
		message := drawn(size)
		sealed := streamed(t, key, message, nil)
		head := len(sealed) - size - 16*(size/16384+1)
		for _, cut := range []int{0, 1, 10, head - 1, head, head + 16399, head + 16400, head + 16401, len(sealed) - 1} {
			if cut < 0 || cut >= len(sealed) {
				continue
			}
			for _, wrap := range []func(io.Reader) io.Reader{iotest.HalfReader, iotest.DataErrReader} {
				r := ok(key.NewDecryptReader(wrap(bytes.NewReader(sealed[:cut])), row, nil))(t)
				got, err := io.ReadAll(r)
				is(t, err, io.ErrUnexpectedEOF)
				is(t, err, ErrInvalidCiphertext)
				equal(t, errors.Is(err, io.EOF), false)
				equal(t, bytes.HasPrefix(message, got), true)
				_, again := r.Read(make([]byte, 1))
				is(t, again, io.ErrUnexpectedEOF)
				noError(t, r.Close())
			}
		}
		r := ok(key.NewDecryptReader(bytes.NewReader(append(sealed, 0)), row, nil))(t)
		_, err := io.Copy(io.Discard, r)
		is(t, err, ErrAuth)
		noError(t, r.Close())
	}
}

func TestAStreamThatIsClosedBeforeItsEndSaysSo(t *testing.T) {
	key := aKey(t)
	sealed := streamed(t, key, drawn(40000), nil)
	r := ok(key.NewDecryptReader(bytes.NewReader(sealed), row, nil))(t)
	ok(r.Read(make([]byte, 10)))(t)
	is(t, r.Close(), ErrStreamUnfinished)
	_, err := r.Read(make([]byte, 10))
	is(t, err, ErrClosed)
	r = ok(key.NewDecryptReader(bytes.NewReader(sealed), row, nil))(t)
	r.Abort()
	noError(t, r.Close())

	var sink bytes.Buffer
	w := ok(key.NewEncryptWriter(&sink, row, nil))(t)
	ok(w.Write(drawn(40000)))(t)
	w.Abort()
	noError(t, w.Close())
	_, err = w.Write([]byte("x"))
	is(t, err, ErrClosed)
	_, err = key.Decrypt(nil, sink.Bytes(), row, nil)
	is(t, err, ErrInvalidCiphertext)
}

// A deferred Close must not end what a failing source was to fill. Fails without `e.failed = err` in ReadFrom.
func TestASourceOrASinkThatFailsLeavesNoEnvelope(t *testing.T) {
	key := aKey(t)
	var sink bytes.Buffer
	mine := errors.New("mine")
	w := ok(key.NewEncryptWriter(&sink, row, nil))(t)
	_, err := io.Copy(w, io.MultiReader(bytes.NewReader(drawn(50000)), iotest.ErrReader(mine)))
	is(t, err, mine)
	_, err = w.Write([]byte("more"))
	is(t, err, mine)
	err = w.Close()
	is(t, err, ErrStreamUnfinished)
	is(t, err, mine)
	_, err = key.Decrypt(nil, sink.Bytes(), row, nil)
	is(t, err, ErrInvalidCiphertext)

	w = ok(key.NewEncryptWriter(iotest.TruncateWriter(failing{mine}, 0), row, nil))(t)
	noError(t, w.Close())
	w = ok(key.NewEncryptWriter(failing{mine}, row, nil))(t)
	_, err = w.Write(drawn(20000))
	is(t, err, mine)
	is(t, w.Close(), ErrStreamUnfinished)
	w = ok(key.NewEncryptWriter(failing{mine}, row, nil))(t)
	is(t, w.Close(), mine)

	r := ok(key.NewDecryptReader(iotest.ErrReader(mine), row, nil))(t)
	_, err = io.ReadAll(r)
	is(t, err, mine)
	noError(t, r.Close())
}

type failing struct{ err error }

func (f failing) Write(p []byte) (int, error) { return 0, f.err }

func TestStreamsOfStoresAndSealingKeys(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		ok(store.CreateKey("a", ""))(t)
		ok(store.CreateKeyWith("box", KeyOptions{Spec: "HPKE_X25519"}))(t)
		a, box := ok(store.Key("a"))(t), ok(store.Key("box"))(t)
		defer a.Close()
		defer box.Close()
		options := &EncryptOptions{StoreValues: []string{"table"}, FreeCells: 1, Threads: 2}
		sealed := streamed(t, a, drawn(40000), options)
		r := ok(store.NewDecryptReader(bytes.NewReader(sealed), row, &DecryptOptions{Threads: 1}))(t)
		equal(t, bytes.Equal(ok(io.ReadAll(r))(t), drawn(40000)), true)
		noError(t, r.Close())

		var sink bytes.Buffer
		w := ok(NewSealWriter(&sink, [][]byte{ok(box.PublicKey())(t)}, row, StoreNone))(t)
		ok(w.Write(drawn(40000)))(t)
		noError(t, w.Close())
		r = ok(box.NewDecryptReader(&sink, row, nil))(t)
		equal(t, bytes.Equal(ok(io.ReadAll(r))(t), drawn(40000)), true)
		noError(t, r.Close())
		for _, threads := range []int{-1, 1025, 1 << 40} {
			w := ok(a.NewEncryptWriter(io.Discard, row, &EncryptOptions{Threads: threads}))(t)
			_, err := w.Write([]byte("x"))
			is(t, err, ErrInvalidArgument)
			w.Abort()
			_, err = a.Encrypt(nil, []byte("x"), row, &EncryptOptions{Threads: threads})
			is(t, err, ErrInvalidArgument)
		}
	})
}

func TestStreamsAndReadersThatAreCollectedAreClosed(t *testing.T) {
	allCollected(t)
	key := aKey(t)
	sealed := streamed(t, key, drawn(40000), nil)
	gone := make(chan struct{})
	func() {
		source := bytes.NewReader(sealed)
		runtime.AddCleanup(source, func(gone chan struct{}) { close(gone) }, gone)
		w := ok(key.NewEncryptWriter(io.Discard, row, nil))(t)
		r := ok(key.NewDecryptReader(bytes.NewReader(sealed), row, nil))(t)
		at := ok(key.OpenReader(source, int64(len(sealed)), row, nil))(t)
		equal(t, OpenHandles(), 4)
		runtime.KeepAlive([]any{w, r, at})
	}()
	for range 1000 {
		runtime.GC()
		if OpenHandles() == 1 {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	equal(t, OpenHandles(), 1)
	for range 1000 {
		runtime.GC()
		select {
		case <-gone:
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatal("the source of a reader was not let go")
}

// Under the collector at every turn, streams whose last reference is the call itself stay open until it returns.
func TestNoStreamIsClosedDuringItsCall(t *testing.T) {
	key := aKey(t)
	sealed := streamed(t, key, drawn(100), nil)
	for range 200 {
		_, err := ok(key.NewEncryptWriter(io.Discard, row, nil))(t).Write([]byte("x"))
		noError(t, err)
		_, err = ok(key.NewDecryptReader(bytes.NewReader(sealed), row, nil))(t).Read(make([]byte, 50))
		noError(t, err)
		_, err = ok(key.OpenReader(bytes.NewReader(sealed), int64(len(sealed)), row, nil))(t).ReadAt(make([]byte, 50), 3)
		noError(t, err)
		runtime.GC()
	}
}

func TestFilesAreEncryptedUnderAContext(t *testing.T) {
	key := aKey(t)
	folder := t.TempDir()
	plain, sealed, back := filepath.Join(folder, "plain"), filepath.Join(folder, "sealed"), filepath.Join(folder, "back")
	message := drawn(9_000_000)
	noError(t, os.WriteFile(plain, message, 0o600))
	var told [][2]uint64
	progress := func(done, total uint64) { told = append(told, [2]uint64{done, total}) }
	n := ok(key.EncryptFile(t.Context(), plain, sealed, row, nil, &FileOptions{Threads: 2, Progress: progress}))(t)
	equal(t, n, int64(ok(key.EncryptedSize(len(message), row, nil))(t)))
	equal(t, told[len(told)-1], [2]uint64{9_000_000, 9_000_000})
	equal(t, ok(key.DecryptFile(t.Context(), sealed, back, row, nil, nil))(t), int64(len(message)))
	equal(t, bytes.Equal(ok(os.ReadFile(back))(t), message), true)
	noError(t, os.Remove(back))

	ended, end := context.WithCancel(t.Context())
	end()
	_, err := key.DecryptFile(ended, sealed, back, row, nil, nil)
	is(t, err, context.Canceled)
	_, err = key.DecryptFile(t.Context(), sealed, back, Context{}, nil, nil)
	is(t, err, ErrAuth)
	_, err = key.EncryptFile(t.Context(), filepath.Join(folder, "none"), back, row, nil, nil)
	is(t, err, ErrIO)
	equal(t, len(ok(os.ReadDir(folder))(t)), 2)
}

// T-74: cancelled at some point, the call returns when C is out, and its buffers are the caller's again. Without
// kf_work_cancel in begin it fails when the disk is full.
func TestAContextThatEndsStopsAFile(t *testing.T) {
	key := aKey(t)
	target := filepath.Join(t.TempDir(), "target")
	for round := range 10 {
		ctx, end := context.WithTimeout(t.Context(), time.Duration(round*3+1)*time.Millisecond)
		_, err := key.EncryptFile(ctx, "/dev/zero", target, row, nil, &FileOptions{Threads: round % 3})
		end()
		is(t, err, context.DeadlineExceeded)
		if round > 0 && !errors.Is(err, ErrCancelled) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		equal(t, len(ok(os.ReadDir(filepath.Dir(target)))(t)), 0)
	}
}

func TestThreadsMakeTheSameMessage(t *testing.T) {
	key := aKey(t)
	message := drawn(5_000_000)
	for _, threads := range []int{0, 1, 2, 5} {
		sealed := ok(key.Encrypt(nil, message, row, &EncryptOptions{Threads: threads}))(t)
		opened := ok(key.Decrypt(nil, sealed, row, &DecryptOptions{Threads: threads}))(t)
		equal(t, bytes.Equal(opened, message), true)
	}
}

func TestManyGoroutinesReadOneReader(t *testing.T) {
	key := aKey(t)
	message := drawn(400_000)
	sealed := streamed(t, key, message, nil)
	r := ok(key.OpenReader(bytes.NewReader(sealed), int64(len(sealed)), row, nil))(t)
	var group sync.WaitGroup
	for number := range 32 {
		inGroup(&group, func() {
			draw := rand.New(rand.NewSource(int64(number)))
			for range 60 {
				offset, p := draw.Intn(len(message)), make([]byte, draw.Intn(50_000))
				n, err := r.ReadAt(p, int64(offset))
				if (err != nil && err != io.EOF) || !bytes.Equal(p[:n], message[offset:min(offset+len(p), len(message))]) {
					t.Error(offset, len(p), n, err)
					return
				}
			}
		})
	}
	group.Wait()
	noError(t, r.Close())
}
