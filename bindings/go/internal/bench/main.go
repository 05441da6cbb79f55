// Command bench times the 100-byte call that make bench compares across languages. It prints one line of JSON.
package main

import (
	"encoding/json"
	"log"
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
	store, err := keyfold.InMemory()
	must(err)
	_, err = store.CreateKey("cards", "")
	must(err)
	key, err := store.Key("cards")
	must(err)
	context := keyfold.MustContext("tenant", "acme-payments-ltd", "table", "cards")
	message := make([]byte, 100)
	sealed, err := key.Encrypt(nil, message, context, nil)
	must(err)
	out := make([]byte, 0, 512)
	must(json.NewEncoder(os.Stdout).Encode(map[string]any{
		"language":   "Go",
		"encrypt_ns": median(func() { _, err = key.Encrypt(out, message, context, nil); must(err) }),
		"decrypt_ns": median(func() { _, err = key.Decrypt(out, sealed, context, nil); must(err) }),
	}))
	must(key.Close())
	must(store.Close())
}

// median of the rounds, in nanoseconds a call.
func median(call func()) float64 {
	times := make([]float64, rounds)
	for round := range times {
		start := time.Now()
		for range calls {
			call()
		}
		times[round] = float64(time.Since(start).Nanoseconds()) / calls
	}
	slices.Sort(times)
	return times[rounds/2]
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
