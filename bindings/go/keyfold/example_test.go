package keyfold_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"keyfold.dev/go/keyfold"
)

// cards is a key of a store in memory, as tests use.
func cards() (key *keyfold.Key, done func()) {
	store := must(keyfold.InMemory())
	must(store.CreateKey("cards", ""))
	key = must(store.Key("cards"))
	return key, func() { key.Close(); store.Close() }
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func ExampleKey_NewEncryptWriter() {
	key, done := cards()
	defer done()
	row := keyfold.MustContext("table", "cards")

	var sealed bytes.Buffer
	w := must(key.NewEncryptWriter(&sealed, row, nil))
	defer w.Abort() // of no effect after Close
	for i := range 3 {
		fmt.Fprintf(w, "record %d\n", i)
	}
	if err := w.Close(); err != nil { // writes the end
		panic(err)
	}

	r := must(key.NewDecryptReader(&sealed, row, nil))
	defer r.Close()
	if _, err := io.Copy(os.Stdout, r); err != nil { // without an error the message was whole
		panic(err)
	}
	// Output:
	// record 0
	// record 1
	// record 2
}

func ExampleKey_EncryptFile() {
	key, done := cards()
	defer done()
	folder := must(os.MkdirTemp("", "keyfold"))
	defer os.RemoveAll(folder)
	plain, sealed := filepath.Join(folder, "plain"), filepath.Join(folder, "sealed")
	must(0, os.WriteFile(plain, make([]byte, 5_000_000), 0o600))

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // stops it within a chunk
	defer cancel()
	size := must(key.EncryptFile(ctx, plain, sealed, keyfold.Context{}, nil, nil))
	fmt.Println(size > 5_000_000, must(key.DecryptFile(ctx, sealed, plain, keyfold.Context{}, nil, nil)))
	// Output: true 5000000
}

// object is an encrypted object on a server that answers range requests.
type object struct{ url string }

func (o object) ReadAt(p []byte, offset int64) (int, error) {
	request := must(http.NewRequest(http.MethodGet, o.url, nil))
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", offset, offset+int64(len(p))-1))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	switch answer.StatusCode {
	case http.StatusPartialContent:
		return io.ReadFull(answer.Body, p)
	case http.StatusRequestedRangeNotSatisfiable:
		return 0, io.EOF
	default:
		return 0, fmt.Errorf("%s: %s", o.url, answer.Status)
	}
}

// A range of an encrypted object is read over HTTP: only its head and the chunks that hold the range are fetched.
func ExampleKey_OpenReader() {
	key, done := cards()
	defer done()
	message := bytes.Repeat([]byte("0123456789abcdef"), 4<<20/16)
	sealed := must(key.Encrypt(nil, message, keyfold.Context{}, nil))

	var served atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.ServeContent(counted{w, &served}, r, "object.kfe", time.Time{}, bytes.NewReader(sealed))
	}))
	defer server.Close()

	r := must(key.OpenReader(object{server.URL}, int64(len(sealed)), keyfold.Context{}, nil))
	defer r.Close()
	p := make([]byte, 32)
	must(r.ReadAt(p, 3_000_000))
	fmt.Printf("%s\n", p)
	fmt.Println("a twentieth at most was fetched:", served.Load() < int64(len(sealed)/20))
	// Output:
	// 0123456789abcdef0123456789abcdef
	// a twentieth at most was fetched: true
}

// Who fetches by other means is told what to fetch.
func ExampleCiphertextRange() {
	key, done := cards()
	defer done()
	sealed := must(key.Encrypt(nil, make([]byte, 1_000_000), keyfold.Context{}, nil))
	from, size, err := keyfold.CiphertextRange(sealed[:44], int64(len(sealed)), 500_000, 100)
	fmt.Println(from, size, err) // chunk 30 of 16 KiB and its tag
	// Output: 492148 16400 <nil>
}

// counted counts what is served.
type counted struct {
	http.ResponseWriter
	served *atomic.Int64
}

func (c counted) Write(p []byte) (int, error) {
	c.served.Add(int64(len(p)))
	return c.ResponseWriter.Write(p)
}
