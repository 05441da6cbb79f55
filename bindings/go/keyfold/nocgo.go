//go:build !cgo

package keyfold

// The library is C's: without cgo there is nothing to call. The next line fails to compile, and says so.
var _ = keyfold_needs_cgo__set_CGO_ENABLED_1_and_install_a_C_compiler
