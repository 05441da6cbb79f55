package keyfold

// StoreContext says what of a context is written into the envelope, readable by anyone.
type StoreContext uint32

const (
	// StoreNone stores nothing.
	StoreNone = StoreContext(storeContextNone)
	// StoreNames stores all names, no value.
	StoreNames = StoreContext(storeContextNames)
	// StoreAll stores all names and all values.
	StoreAll = StoreContext(storeContextAll)
)

// EncryptOptions are the options of encryption; the zero value is the default of each.
type EncryptOptions struct {
	// StoreContext says what of the context the envelope shows.
	StoreContext StoreContext
	// StoreValues are the names whose values are stored besides all names; it excludes StoreContext.
	StoreValues []string
	// Also are further keys, any one of which opens the envelope too.
	Also []*Key
	// FreeCells is room for so many later wrappings, 0 to 8; one lets RewrapFile work in place.
	FreeCells uint32
	// Threads seal, the calling one among them: 1 is that one alone. 0 lets the library choose: one for each processor, 8 at
	// most, where a message is large (4 MiB). Calls in place stay on the calling thread.
	Threads int
}

// DecryptOptions are the options of decryption; the zero value is the default of each.
type DecryptOptions struct {
	// AcceptStoredContext lets the envelope itself give values it stores. An envelope moved to another row then vouches for
	// itself: read AuthenticatedContext and judge it.
	AcceptStoredContext bool
	// Threads open, as in EncryptOptions.
	Threads int
}

// DataKeyOptions are the options of making data keys; the zero value is the default of each.
type DataKeyOptions struct {
	// StoreContext says what of the context the blob shows.
	StoreContext StoreContext
}

// ReencryptOptions are the options of Reencrypt; the zero value is the default of each.
type ReencryptOptions struct {
	// StoreContext, StoreValues and FreeCells are as for encryption, for the new envelope.
	StoreContext StoreContext
	StoreValues  []string
	FreeCells    uint32
	// AcceptStoredContext is as for decryption.
	AcceptStoredContext bool
	// DropUnreachable drops wrappings under keys out of reach, which make the call fail otherwise.
	DropUnreachable bool
}

// native gives the block of chosen names, and the options of C.
func (o *EncryptOptions) native() (chosen []byte, native nativeEncryptOptions, err error) {
	if o == nil {
		return
	}
	native = nativeEncryptOptions{
		storeContext: uint32(o.StoreContext), freeCells: o.FreeCells, work: threadsOf(o.Threads),
	}
	if o.StoreValues != nil {
		native.storeContext = storeContextChosen
		chosen, err = names(o.StoreValues)
	}
	return
}

// nativeOfOne is the same for calls that take one key and StoreContext alone.
func (o *EncryptOptions) nativeOfOne() (nativeEncryptOptions, error) {
	if o.isGeneral() {
		return nativeEncryptOptions{}, misuse("this call takes neither StoreValues nor Also")
	}
	_, native, err := o.native()
	return native, err
}

// isGeneral tells whether it takes the call for several keys or chosen values.
func (o *EncryptOptions) isGeneral() bool {
	return o != nil && (o.StoreValues != nil || len(o.Also) > 0)
}

func (o *DecryptOptions) native() (native nativeDecryptOptions) {
	if o == nil {
		return
	}
	if o.AcceptStoredContext {
		native.flags = decryptAcceptStoredContext
	}
	native.work = threadsOf(o.Threads)
	return
}

// threads are those of calls on what stays open.
func (o *EncryptOptions) threads() int {
	if o == nil {
		return 0
	}
	return o.Threads
}

func (o *DecryptOptions) threads() int {
	if o == nil {
		return 0
	}
	return o.Threads
}

func (o *DataKeyOptions) native() (native nativeEncryptOptions) {
	if o != nil {
		native.storeContext = uint32(o.StoreContext)
	}
	return
}

func (o *ReencryptOptions) native() (chosen []byte, native nativeReencryptOptions, err error) {
	if o == nil {
		return
	}
	native = nativeReencryptOptions{storeContext: uint32(o.StoreContext), freeCells: o.FreeCells}
	if o.AcceptStoredContext {
		native.flags |= reencryptAcceptStoredContext
	}
	if o.DropUnreachable {
		native.flags |= reencryptDropUnreachable
	}
	if o.StoreValues != nil {
		native.storeContext = storeContextChosen
		chosen, err = names(o.StoreValues)
	}
	return
}

// orNull is the encoding, or NULL where the context is not to be checked.
func (c *Context) orNull() []byte {
	if c == nil {
		return nil
	}
	return c.orEmpty()
}
