//go:build cgo && keyfold_dynamic

package keyfold

/*
#cgo pkg-config: keyfold
*/
import "C"

// Linking tells how this program got the library: here from the system, by way of pkg-config.
const Linking = "dynamic"
