package keyfold

import (
	"errors"
	"runtime"
	"slices"
)

// Key is a key, ready for use by any number of goroutines. It stays this key when its aliases move, and follows rotation,
// disabling and enabling by itself.
type Key struct {
	native keyHandle
}

// Close gives the key handle back; the key itself stays in its store. Further calls do nothing.
func (k *Key) Close() error {
	return k.native.end(nativeKeyClose)
}

// ID is the key's id, a UUID.
func (k *Key) ID() (string, error) {
	var id [16]byte
	if err := nativeKeyID(&k.native, &id); err != nil {
		return "", err
	}
	return keyIDText(id), nil
}

// Encrypt encrypts a message under a data key of its own and appends the envelope to dst, as cipher.AEAD does. It
// allocates nothing when dst has the capacity; the message must not lie in it. The context must be given again to
// decrypt; Context{} is none.
func (k *Key) Encrypt(dst, plaintext []byte, context Context, options *EncryptOptions) ([]byte, error) {
	if options.isGeneral() {
		return k.encryptTo(dst, plaintext, context, options)
	}
	native, err := options.nativeOfOne()
	if err != nil {
		return nil, err
	}
	// An envelope is longer than its message; only when there is no room for even that is the size asked first.
	if cap(dst)-len(dst) <= len(plaintext) {
		n, err := nativeEncryptedSize(len(plaintext), context.packed, native)
		if err != nil {
			return nil, err
		}
		dst = slices.Grow(dst, n)
	}
	for {
		n, err := nativeEncrypt(&k.native, plaintext, context.packed, native, dst[len(dst):cap(dst)])
		if err == nil {
			return dst[:len(dst)+n], nil
		}
		if !errors.Is(err, ErrBufferTooSmall) {
			return nil, err
		}
		dst = slices.Grow(dst, n)
	}
}

func (k *Key) encryptTo(dst, plaintext []byte, context Context, options *EncryptOptions) ([]byte, error) {
	chosen, native, err := options.native()
	if err != nil {
		return nil, err
	}
	keys := append([]*keyHandle{&k.native}, handles(options.Also)...)
	defer runtime.KeepAlive(options)
	for {
		n, err := nativeEncryptTo(keys, plaintext, context.packed, chosen, native, dst[len(dst):cap(dst)])
		if err == nil {
			return dst[:len(dst)+n], nil
		}
		if !errors.Is(err, ErrBufferTooSmall) {
			return nil, err
		}
		dst = slices.Grow(dst, n)
	}
}

// EncryptedSize is the exact size of the envelope of a message under this key alone.
func (k *Key) EncryptedSize(plaintextLen int, context Context, options *EncryptOptions) (int, error) {
	native, err := options.nativeOfOne()
	if err != nil {
		return 0, err
	}
	return nativeEncryptedSize(plaintextLen, context.packed, native)
}

// Decrypt decrypts an envelope under this key, and no other, and appends the message to dst. It allocates nothing when
// dst has the envelope's size to spare. ErrAuth is one answer for a wrong key, a wrong context and changed data.
func (k *Key) Decrypt(dst, envelope []byte, context Context, options *DecryptOptions) ([]byte, error) {
	dst, err := grown(dst, envelope)
	if err != nil {
		return nil, err
	}
	n, err := nativeDecrypt(&k.native, envelope, context.packed, options.native(), dst[len(dst):cap(dst)])
	if err != nil {
		return nil, err
	}
	return dst[:len(dst)+n], nil
}

// AuthenticatedContext is the whole context of an envelope that Decrypt would open, without its message.
func (k *Key) AuthenticatedContext(envelope []byte, context Context, options *DecryptOptions) (Context, error) {
	packed, err := nativeAuthenticatedContext(&k.native, envelope, context.packed, options.native())
	return Context{packed}, err
}

// Headroom is how many bytes must be free before a message for EncryptInPlace.
func (k *Key) Headroom(context Context, options *EncryptOptions) (int, error) {
	native, err := options.nativeOfOne()
	if err != nil {
		return 0, err
	}
	return nativeHeadroom(context.packed, native)
}

// EncryptInPlace encrypts the length bytes at offset, which is at least Headroom; the envelope is at the buffer's front.
// If it fails the message is as it was.
func (k *Key) EncryptInPlace(
	buffer []byte, offset, length int, context Context, options *EncryptOptions,
) ([]byte, error) {
	native, err := options.nativeOfOne()
	if err != nil {
		return nil, err
	}
	n, err := nativeEncryptInPlace(&k.native, buffer, offset, length, context.packed, native)
	if err != nil {
		return nil, err
	}
	return buffer[:n], nil
}

// DecryptInPlace decrypts an envelope in its own memory; the message is at the buffer's front.
// If it fails the envelope is as it was, but all zero where the message itself did not open.
func (k *Key) DecryptInPlace(envelope []byte, context Context, options *DecryptOptions) ([]byte, error) {
	n, err := nativeDecryptInPlace(&k.native, envelope, context.packed, options.native())
	if err != nil {
		return nil, err
	}
	return envelope[:n], nil
}

// GenerateDataKey makes a random data key of 16 to 1,024 bytes and the blob from which it can be had again.
func (k *Key) GenerateDataKey(size int, context Context, options *DataKeyOptions) (DataKey, error) {
	blobSize, err := nativeDataKeyBlobSize(size, context.packed, options.native())
	if err != nil {
		return DataKey{}, err
	}
	plaintext, blob := make([]byte, size), make([]byte, blobSize)
	n, err := nativeGenerateDataKey(&k.native, context.packed, options.native(), plaintext, blob)
	if err != nil {
		return DataKey{}, err
	}
	return newDataKey(plaintext, blob[:n]), nil
}

// GenerateDataKeyWithoutPlaintext makes a random data key and returns only its blob, for others to open.
func (k *Key) GenerateDataKeyWithoutPlaintext(size int, context Context, options *DataKeyOptions) ([]byte, error) {
	blobSize, err := nativeDataKeyBlobSize(size, context.packed, options.native())
	if err != nil {
		return nil, err
	}
	blob := make([]byte, blobSize)
	n, err := nativeGenerateDataKeyWithoutPlaintext(&k.native, size, context.packed, options.native(), blob)
	if err != nil {
		return nil, err
	}
	return blob[:n], nil
}

// DecryptDataKey opens the blob of a data key under this key, and no other.
func (k *Key) DecryptDataKey(blob []byte, context Context, options *DecryptOptions) (DataKey, error) {
	return openDataKey(blob, func(out []byte) (int, error) {
		return nativeDecryptDataKey(&k.native, blob, context.packed, options.native(), out)
	})
}

// Rewrap brings this key's wrappings in an envelope or blob to its current version, in its own memory; size, message and
// context stay. A nil context is not checked: for walks over data whose contexts are elsewhere.
func (k *Key) Rewrap(data []byte, context *Context) (Rewrapped, error) {
	made, err := nativeRewrap(&k.native, data, context.orNull())
	return rewrapped(made), err
}

// RewrapFile does the same on a file, under a lock, so that it opens after a crash at any moment.
func (k *Key) RewrapFile(path string, context *Context) (Rewrapped, error) {
	made, err := nativeRewrapFile(&k.native, path, context.orNull())
	return rewrapped(made), err
}

// Reencrypt puts an envelope of this key, which has the first context, under other keys (none: this one) and the new
// context, without producing its message.
func (k *Key) Reencrypt(
	envelope []byte, context Context, to []*Key, newContext Context, options *ReencryptOptions,
) ([]byte, error) {
	chosen, native, err := options.native()
	if err != nil {
		return nil, err
	}
	from := []*keyHandle{&k.native}
	target := from
	if len(to) > 0 {
		target = handles(to)
	}
	made, err := nativeReencrypt(from, envelope, context.packed, target, newContext.packed, chosen, native)
	runtime.KeepAlive(to)
	return made, err
}

// handles are interior pointers, which keep the keys they lie in alive.
func handles(keys []*Key) []*keyHandle {
	made := make([]*keyHandle, len(keys))
	for i, key := range keys {
		made[i] = &key.native
	}
	return made
}

// grown makes room for the envelope's message. The message is shorter than the envelope, so that there is room already
// where that much is to spare.
func grown(dst, envelope []byte) ([]byte, error) {
	if cap(dst)-len(dst) >= len(envelope) {
		return dst, nil
	}
	n, err := nativeDecryptedSize(envelope)
	if err != nil {
		return nil, err
	}
	return slices.Grow(dst, n), nil
}

// open appends what a call decrypts.
func open(dst, envelope []byte, call func(out []byte) (int, error)) ([]byte, error) {
	dst, err := grown(dst, envelope)
	if err != nil {
		return nil, err
	}
	n, err := call(dst[len(dst):cap(dst)])
	if err != nil {
		return nil, err
	}
	return dst[:len(dst)+n], nil
}

func openDataKey(blob []byte, call func(out []byte) (int, error)) (DataKey, error) {
	size, err := nativeDataKeySize(blob)
	if err != nil {
		return DataKey{}, err
	}
	plaintext := make([]byte, size)
	if _, err := call(plaintext); err != nil {
		return DataKey{}, err
	}
	return newDataKey(plaintext, slices.Clone(blob)), nil
}
