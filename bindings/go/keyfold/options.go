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
	// Context is what must be given again to decrypt.
	Context Context
	// StoreContext says what of it the envelope shows.
	StoreContext StoreContext
	// StoreValues are the names whose values are stored besides all names; it excludes StoreContext.
	StoreValues []string
	// Also are further keys, any one of which opens the envelope too.
	Also []*Key
	// FreeCells is room for so many later wrappings, 0 to 8; one lets RewrapFile work in place.
	FreeCells uint32
}

// DecryptOptions are the options of decryption; the zero value is the default of each.
type DecryptOptions struct {
	// Context is every pair that was given when the data was encrypted.
	Context Context
	// AcceptStoredContext lets the envelope itself give values it stores. An envelope moved to another row then vouches for
	// itself: read AuthenticatedContext and judge it.
	AcceptStoredContext bool
}

// DataKeyOptions are the options of making data keys; the zero value is the default of each.
type DataKeyOptions struct {
	// Context is what must be given again to open the blob.
	Context Context
	// StoreContext says what of it the blob shows.
	StoreContext StoreContext
}

// ReencryptOptions are the options of Reencrypt; the zero value is the default of each.
type ReencryptOptions struct {
	// Context is the context the envelope has.
	Context Context
	// NewContext is the context it gets.
	NewContext Context
	// StoreContext, StoreValues and FreeCells are as for encryption, for the new envelope.
	StoreContext StoreContext
	StoreValues  []string
	FreeCells    uint32
	// AcceptStoredContext is as for decryption.
	AcceptStoredContext bool
	// DropUnreachable drops wrappings under keys out of reach, which make the call fail otherwise.
	DropUnreachable bool
}

// native gives context, chosen names and flags.
func (o *EncryptOptions) native() (context, chosen []byte, native nativeEncryptOptions, err error) {
	if o == nil {
		return nil, nil, nativeEncryptOptions{}, nil
	}
	native = nativeEncryptOptions{storeContext: uint32(o.StoreContext), freeCells: o.FreeCells}
	if o.StoreValues != nil {
		native.storeContext = storeContextChosen
		chosen, err = names(o.StoreValues)
	}
	return o.Context.packed, chosen, native, err
}

func (o *DecryptOptions) native() ([]byte, nativeDecryptOptions) {
	if o == nil {
		return nil, nativeDecryptOptions{}
	}
	var native nativeDecryptOptions
	if o.AcceptStoredContext {
		native.flags = decryptAcceptStoredContext
	}
	return o.Context.packed, native
}

func (o *DataKeyOptions) native() ([]byte, nativeEncryptOptions) {
	if o == nil {
		return nil, nativeEncryptOptions{}
	}
	return o.Context.packed, nativeEncryptOptions{storeContext: uint32(o.StoreContext)}
}

type reencryptContexts struct{ old, new, chosen []byte }

func (o *ReencryptOptions) native() (native nativeReencryptOptions, contexts reencryptContexts, err error) {
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
	contexts = reencryptContexts{old: o.Context.packed, new: o.NewContext.packed}
	if o.StoreValues != nil {
		native.storeContext = storeContextChosen
		contexts.chosen, err = names(o.StoreValues)
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
