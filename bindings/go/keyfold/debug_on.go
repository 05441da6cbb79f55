//go:build keyfold_debug

package keyfold

import (
	"fmt"
	"os"
	"runtime"
)

// collect runs the collector at every read of a handle, so that an owner which nothing keeps alive is closed right
// before the handle is used: an error of lifetime then shows at once, as INVALID_HANDLE.
func collect() {
	runtime.GC()
}

func leaked(what string) {
	fmt.Fprintf(os.Stderr, "keyfold: a %s was collected that nobody closed\n", what)
}
