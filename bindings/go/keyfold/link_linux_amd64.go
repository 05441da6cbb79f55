//go:build cgo && !keyfold_dynamic

package keyfold

/*
#cgo LDFLAGS: ${SRCDIR}/../lib/linux_amd64/libkeyfold.a -lgcc_s -lm -ldl -lpthread
*/
import "C"

import _ "keyfold.dev/go/lib/linux_amd64" // so that go mod vendor takes the library along

// Linking tells how this program got the library: "static linux/amd64", or "dynamic" with the tag keyfold_dynamic.
const Linking = "static linux/amd64"
