//go:build cgo && !keyfold_dynamic

package keyfold

/*
#cgo LDFLAGS: ${SRCDIR}/../lib/darwin_arm64/libkeyfold.a -framework Security
*/
import "C"

import _ "keyfold.dev/go/lib/darwin_arm64" // so that go mod vendor takes the library along

// Linking tells how this program got the library: "static darwin/arm64", or "dynamic" with the tag keyfold_dynamic.
const Linking = "static darwin/arm64"
