// Command call measures the same 100-byte call from Go as benches/call.c does from C. It prints one line of JSON.
package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"time"

	"keyfold.dev/go/keyfold"
)

const (
	rounds = 200
	calls  = 1000
)

func main() {
	context := keyfold.MustContext("tenant", "acme-payments-ltd", "table", "cards")
	store, err := keyfold.InMemory()
	must(err)
	defer store.Close()
	_, err = store.CreateKey("cards", "")
	must(err)
	key, err := store.Key("cards")
	must(err)
	defer key.Close()

	plaintext := bytes.Repeat([]byte{7}, 100)
	sealed, opened := make([]byte, 0, 512), make([]byte, 0, 512)
	var encrypt, decrypt []float64
	for range rounds {
		start := time.Now()
		for range calls {
			sealed, err = key.Encrypt(sealed[:0], plaintext, context, nil)
			must(err)
		}
		between := time.Now()
		for range calls {
			opened, err = key.Decrypt(opened[:0], sealed, context, nil)
			must(err)
		}
		encrypt = append(encrypt, float64(between.Sub(start).Nanoseconds())/calls)
		decrypt = append(decrypt, float64(time.Since(between).Nanoseconds())/calls)
	}
	fmt.Printf("{\"language\": \"Go\", \"encrypt_ns\": %.1f, \"decrypt_ns\": %.1f}\n", median(encrypt), median(decrypt))
}

func median(times []float64) float64 {
	slices.Sort(times)
	return times[len(times)/2]
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "call:", err)
		os.Exit(1)
	}
}
