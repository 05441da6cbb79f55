//go:build cgo && !keyfold_dynamic

package keyfold

/*
#cgo LDFLAGS: ${SRCDIR}/../lib/linux_arm64/libkeyfold.a -lgcc_s -lm -ldl -lpthread
*/
import "C"

import _ "keyfold.dev/go/lib/linux_arm64" // so that go mod vendor takes the library along

// Linking tells how this program got the library: "static linux/arm64", or "dynamic" with the tag keyfold_dynamic.
const Linking = "static linux/arm64"
