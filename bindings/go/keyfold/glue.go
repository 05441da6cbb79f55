package keyfold

// #include "keyfold.h"
import "C"

import (
	"bytes"
	"runtime"
	"strings"
	"sync/atomic"
	"unsafe"
)

// handle is a handle of the library and what closes it when its owner is collected unclosed.
type handle struct {
	value   atomic.Uintptr
	cleanup runtime.Cleanup
}

// read gives the handle for a call. The caller keeps the owner alive until the call has returned.
func (h *handle) read() (uintptr, error) {
	value := h.value.Load()
	collect()
	if value == 0 {
		return 0, ErrClosed
	}
	return value, nil
}

// end closes once; further calls do nothing.
func (h *handle) end(closing func(uintptr) error) error {
	value := h.value.Swap(0)
	if value == 0 {
		return nil
	}
	h.cleanup.Stop()
	return closing(value)
}

// failure is the error of a status, with the detail that was copied in the failed call's own crossing.
// It reads the text itself, since C.GoString would move the caller's buffer to the heap, failure or not.
func failure(code Code, detail *[errorSize]byte) error {
	text, _, _ := bytes.Cut(detail[:], []byte{0})
	return &Error{Code: code, Detail: string(text)}
}

// misuse is an error of the wrapper's own, in the library's terms.
func misuse(what string) error {
	return &Error{Code: CodeInvalidArgument, Detail: what}
}

// taken copies what the library gave and frees it.
func taken(buffer *C.keyfold_buffer) []byte {
	if buffer.data == nil {
		return nil
	}
	made := bytes.Clone(unsafe.Slice((*byte)(buffer.data), int(buffer.len)))
	nativeBufferFree(buffer)
	return made
}

// cText is text for C; nil is NULL. A NUL in it would end it early, so that it named something else.
func cText(text string, emptyIsNull bool) (*C.char, error) {
	if emptyIsNull && text == "" {
		return nil, nil
	}
	if strings.IndexByte(text, 0) >= 0 {
		return nil, misuse("text must not contain NUL")
	}
	return (*C.char)(unsafe.Pointer(unsafe.SliceData(append([]byte(text), 0)))), nil
}
