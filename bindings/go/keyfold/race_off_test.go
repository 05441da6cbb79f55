//go:build !race

package keyfold

const raceEnabled = false
