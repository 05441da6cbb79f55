package keyfold

import "errors"

// Code is the stable number of an error. The hundreds tell where to look: 1xx the caller's mistake, 2xx a key's state
// or policy, 3xx the data, 4xx a root, 5xx the store or a file, 9xx the library or the machine.
type Code int32

// ErrClosed is what calls on a closed Store, Key or Passphrase return.
var ErrClosed = errors.New("keyfold: closed")

// Error is what a call came to when it did not do what it says. errors.Is matches it with the sentinel of its code
// (ErrAuth, ErrKeyDisabled, …) and with that of its category (ErrUsage, ErrKeyPolicy, ErrInvalidCiphertext, ErrRoot,
// ErrStore, ErrLibrary).
type Error struct {
	// Code is the stable number.
	Code Code
	// Detail names what was given and says what to do. It carries no secret.
	Detail string
	// Index is the message of a batch at which it failed, or -1 where it was not one message. Only batches set it.
	Index int
}

// Error is the detail, with the code's name before it.
func (e *Error) Error() string {
	if e.Detail == "" {
		return "keyfold: " + e.Code.name() + ": " + e.Code.Text()
	}
	return "keyfold: " + e.Code.name() + ": " + e.Detail
}

// Is tells whether the error is of the sentinel's code or category.
func (e *Error) Is(target error) bool {
	// A handle that another goroutine closed between its read and the call.
	if target == ErrClosed {
		return e.Code == CodeInvalidHandle
	}
	s, ok := target.(sentinel)
	return ok && (Code(s) == e.Code || Code(s) == e.Code/100)
}

// Retryable tells whether the same call may succeed later without anything being mended.
func (e *Error) Retryable() bool {
	return nativeStatusRetryable(int32(e.Code)) != 0
}

// String is the stable name of the code, such as KEY_DISABLED; for logs and for programs.
func (c Code) String() string {
	return c.name()
}

// Text is a sentence that says what the code means and what to do about it.
func (c Code) Text() string {
	return nativeStatusText(int32(c))
}

// sentinel is a code, or a category (its hundreds), to compare with.
type sentinel Code

func (s sentinel) Error() string {
	if s < 100 {
		return "keyfold: any error of category " + categoryName(s)
	}
	return "keyfold: " + Code(s).name()
}
