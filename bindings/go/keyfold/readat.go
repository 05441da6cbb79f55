package keyfold

// #include "keyfold.h"
import "C"

import (
	"fmt"
	"io"
	"runtime/cgo"
	"unsafe"
)

// What C may call of Go: a reader's source, and its release. Calls on readers are not marked as ones that never call back, so
// that nothing C was given of their caller lies on a stack that moves meanwhile.

// keyfoldReadAt reads from a reader's io.ReaderAt; 0, or a handle of what failed.
//
//export keyfoldReadAt
func keyfoldReadAt(source C.uintptr_t, offset C.uint64_t, into *C.uint8_t, size C.size_t, given *C.size_t) (failed C.uintptr_t) {
	defer func() {
		if cause := recover(); cause != nil {
			failed = C.uintptr_t(cgo.NewHandle(sourceFailure{panicked: true, cause: cause}))
		}
	}()
	n, err := cgo.Handle(source).Value().(io.ReaderAt).ReadAt(unsafe.Slice((*byte)(into), int(size)), int64(offset))
	switch {
	case n < 0 || n > int(size):
		err = fmt.Errorf("keyfold: the source of a Reader told %d bytes of %d", n, int(size))
	case err == io.EOF:
		err = nil // a short count says so
	}
	if err != nil {
		return C.uintptr_t(cgo.NewHandle(sourceFailure{err: err}))
	}
	*given = C.size_t(n)
	return 0
}

// keyfoldReaderReleased lets the source go, after C's last call to it.
//
//export keyfoldReaderReleased
func keyfoldReaderReleased(source C.uintptr_t) {
	cgo.Handle(source).Delete()
}

// sourceFailure is what a source came to: an error, or a panic that goes on in the caller.
type sourceFailure struct {
	err      error
	panicked bool
	cause    any
}
