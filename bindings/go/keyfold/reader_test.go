package keyfold

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestAReaderIsAPlainFile(t *testing.T) {
	key := aKey(t)
	for _, size := range streamSizes {
		message := drawn(size)
		sealed := streamed(t, key, message, nil)
		r := ok(key.OpenReader(bytes.NewReader(sealed), int64(len(sealed)), row, nil))(t)
		equal(t, ok(r.Size())(t), int64(size))
		equal(t, bytes.Equal(ok(io.ReadAll(r))(t), message), true)
		plain := bytes.NewReader(message)
		ok(plain.Seek(0, io.SeekEnd))(t)
		draw := rand.New(rand.NewSource(1))
		for range 200 {
			offset, whence := int64(draw.Intn(2*size+100)-size), draw.Intn(3)
			want, failed := plain.Seek(offset, whence)
			have, err := r.Seek(offset, whence)
			if failed == nil {
				noError(t, err)
				equal(t, have, want)
			} else {
				is(t, err, ErrInvalidArgument)
			}
			a, b := make([]byte, draw.Intn(40_000)), make([]byte, 0)
			b = append(b, a...)
			n, _ := io.ReadFull(plain, a)
			m, _ := io.ReadFull(r, b)
			equal(t, m, n)
			equal(t, bytes.Equal(a, b), true)
		}
		noError(t, r.Close())
		noError(t, r.Close())
		_, err := r.ReadAt(make([]byte, 1), 0)
		is(t, err, ErrClosed)
	}
}

func TestAReaderOfAStoreAndOfAFile(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		ok(store.CreateKey("a", ""))(t)
		key := ok(store.Key("a"))(t)
		path := filepath.Join(t.TempDir(), "sealed")
		noError(t, os.WriteFile(path, streamed(t, key, drawn(50_000), nil), 0o600))
		file := ok(os.Open(path))(t)
		defer file.Close()
		r := ok(store.OpenReader(file, ok(file.Stat())(t).Size(), row, &DecryptOptions{Threads: 1}))(t)
		equal(t, ok(r.Opened())(t).KeyID, ok(key.ID())(t))
		equal(t, string(ok(r.AuthenticatedContext())(t).packed), string(row.packed))
		noError(t, key.Close())
		equal(t, bytes.Equal(ok(io.ReadAll(io.NewSectionReader(r, 30_000, 100_000)))(t), drawn(50_000)[30_000:]), true)
		noError(t, r.Close())
		_, err := key.OpenReader(file, 5, row, nil)
		is(t, err, ErrClosed)
	})
}

// T-32: inner chunks are valid, but nothing that meets the end is.
func TestACutOrGrownObjectNeverGivesItsEnd(t *testing.T) {
	key := aKey(t)
	sealed := streamed(t, key, drawn(100_000), nil)
	for _, changed := range [][]byte{sealed[:len(sealed)-1], append(bytes.Clone(sealed), make([]byte, 20)...)} {
		r := ok(key.OpenReader(bytes.NewReader(changed), int64(len(changed)), row, nil))(t)
		p := make([]byte, 100)
		ok(r.ReadAt(p, 20_000))(t)
		equal(t, bytes.Equal(p, drawn(100_000)[20_000:20_100]), true)
		_, err := r.Size()
		is(t, err, ErrAuth)
		_, err = r.Seek(0, io.SeekEnd)
		is(t, err, ErrAuth)
		_, err = r.ReadAt(make([]byte, 200_000), 0)
		is(t, err, ErrAuth)
		noError(t, r.Close())
	}
}

// source fails, lies and panics as told.
type source struct {
	data []byte
	do   atomic.Value // func(p []byte, offset int64) (int, error), or nil
}

func (s *source) ReadAt(p []byte, offset int64) (int, error) {
	if do, _ := s.do.Load().(func([]byte, int64) (int, error)); do != nil {
		return do(p, offset)
	}
	return bytes.NewReader(s.data).ReadAt(p, offset)
}

func TestWhatASourceComesToReachesItsCaller(t *testing.T) {
	key := aKey(t)
	s := &source{data: streamed(t, key, drawn(100_000), nil)}
	r := ok(key.OpenReader(s, int64(len(s.data)), row, nil))(t)
	mine := errors.New("mine")
	p := make([]byte, 100)
	for _, do := range []func([]byte, int64) (int, error){
		func([]byte, int64) (int, error) { return 0, mine },
		func(p []byte, _ int64) (int, error) { return len(p) - 1, mine },
	} {
		s.do.Store(do)
		_, err := r.ReadAt(p, 40_000)
		is(t, err, mine)
		is(t, err, ErrCallbackFailed)
		_, err = r.Size()
		is(t, err, mine)
		_, err = key.OpenReader(s, int64(len(s.data)), row, nil)
		is(t, err, mine)
	}
	for _, lie := range []int{-1, 1 << 40} {
		s.do.Store(func([]byte, int64) (int, error) { return lie, nil })
		_, err := r.ReadAt(p, 40_000)
		is(t, err, ErrCallbackFailed)
	}
	s.do.Store(func([]byte, int64) (int, error) { panic("mine too") })
	func() {
		defer func() { equal(t, fmt.Sprint(recover()), "mine too") }()
		_, _ = r.ReadAt(p, 40_000)
		t.Error("it did not panic")
	}()
	// A source that uses the library, and fails there, is not mistaken for the call's own failure.
	s.do.Store(func(p []byte, offset int64) (int, error) {
		_, err := key.Decrypt(nil, []byte("nothing"), row, nil)
		is(t, err, ErrNotAnEnvelope)
		return bytes.NewReader(s.data).ReadAt(p, offset)
	})
	ok(r.ReadAt(p, 60_000))(t)
	s.do.Store((func([]byte, int64) (int, error))(nil))
	ok(r.ReadAt(p, 40_000))(t)
	equal(t, bytes.Equal(p, drawn(100_000)[40_000:40_100]), true)
	noError(t, r.Close())
}

// Each goroutine sees its own source's failure, though many fail at once.
func TestGoroutinesWhoseSourcesFailEachSeeTheirOwn(t *testing.T) {
	key := aKey(t)
	data := streamed(t, key, drawn(400_000), nil)
	s := &source{data: data}
	r := ok(key.OpenReader(s, int64(len(data)), row, nil))(t)
	ok(r.Size())(t)
	head := int64(len(data) - 400_000 - 25*16)
	s.do.Store(func(_ []byte, offset int64) (int, error) { return 0, fmt.Errorf("at chunk %d", (offset-head)/16400) })
	var group sync.WaitGroup
	for number := range 24 {
		inGroup(&group, func() {
			for range 50 {
				_, err := r.ReadAt(make([]byte, 10), int64(number*16384))
				if err == nil || !bytes.HasSuffix([]byte(err.Error()), fmt.Appendf(nil, "at chunk %d", number)) {
					t.Error(number, err)
					return
				}
			}
		})
	}
	group.Wait()
	noError(t, r.Close())
}

// A reader may be closed while others read: they finish, and the source is let go after the last of them.
func TestAReaderIsClosedWhileOthersRead(t *testing.T) {
	key := aKey(t)
	data := streamed(t, key, drawn(400_000), nil)
	for range 20 {
		r := ok(key.OpenReader(bytes.NewReader(data), int64(len(data)), row, nil))(t)
		var group sync.WaitGroup
		for number := range 8 {
			inGroup(&group, func() {
				for {
					_, err := r.ReadAt(make([]byte, 1000), int64(number*40_000))
					if errors.Is(err, ErrClosed) {
						return
					}
					if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		noError(t, r.Close())
		group.Wait()
	}
}

func TestTheRangeOfTheCiphertextIsWhatAReaderFetches(t *testing.T) {
	key := aKey(t)
	data := streamed(t, key, drawn(100_000), nil)
	var low, high int64
	s := &source{data: data}
	r := ok(key.OpenReader(s, int64(len(data)), row, nil))(t)
	s.do.Store(func(p []byte, offset int64) (int, error) {
		low, high = min(low, offset), max(high, offset+int64(len(p)))
		return bytes.NewReader(data).ReadAt(p, offset)
	})
	for _, span := range [][2]int64{{0, 1}, {16383, 2}, {40_000, 30_000}, {16384, 16384}} {
		low, high = 1<<40, 0
		ok(r.ReadAt(make([]byte, span[1]), span[0]))(t)
		from, size, err := CiphertextRange(data[:44], int64(len(data)), span[0], span[1])
		noError(t, err)
		if low < from || high > from+size {
			t.Errorf("%v: read %d to %d, told %d and %d", span, low, high, from, size)
		}
	}
	noError(t, r.Close())
	_, _, err := CiphertextRange(data[:10], int64(len(data)), 0, 1)
	is(t, err, ErrInvalidCiphertext)
	_, _, err = CiphertextRange(data[:44], -1, 0, 1)
	is(t, err, ErrInvalidArgument)
}
