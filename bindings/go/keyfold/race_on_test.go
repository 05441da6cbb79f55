//go:build race

package keyfold

const raceEnabled = true
