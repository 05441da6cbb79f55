//go:build !cgo

package keyfold

// The library is C's: without cgo there is nothing to call. The next line fails to compile, and says so; a type of a file whose name
// comes first is complained of before the ten errors that a compiler shows.
type _ keyfold_needs_cgo__set_CGO_ENABLED_1_and_install_a_C_compiler
