package keyfold

import "errors"

// EncryptBatch encrypts many small messages in one call, each into an envelope of its own: all of them, or none. Contexts
// are one for all (or none: the empty one), or one each. A failure's Error.Index tells at which message.
func (k *Key) EncryptBatch(messages [][]byte, contexts ...Context) ([][]byte, error) {
	return batch(messages, contexts, func(in joined, out []byte, ends []uint64) (int, int, error) {
		return nativeEncryptBatch(
			&k.native, in.data, in.offsets, in.contexts, in.contextOffsets, nativeEncryptOptions{}, out, ends)
	})
}

// DecryptBatch decrypts many envelopes under this key, and no other: all of them, or none.
func (k *Key) DecryptBatch(envelopes [][]byte, contexts ...Context) ([][]byte, error) {
	return batch(envelopes, contexts, func(in joined, out []byte, ends []uint64) (int, int, error) {
		return nativeDecryptBatch(
			&k.native, in.data, in.offsets, in.contexts, in.contextOffsets, nativeDecryptOptions{}, out, ends)
	})
}

// joined is a batch as C takes it: everything in one block, since Go memory that holds pointers may not be passed.
type joined struct {
	data, contexts          []byte
	offsets, contextOffsets []uint64
}

func batch(
	messages [][]byte, contexts []Context, call func(joined, []byte, []uint64) (n, failed int, err error),
) ([][]byte, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	var in joined
	in.data, in.offsets = join(len(messages), func(i int) []byte { return messages[i] })
	switch len(contexts) {
	case 0:
	case 1:
		in.contexts = contexts[0].packed
	case len(messages):
		in.contexts, in.contextOffsets = join(len(contexts), func(i int) []byte { return contexts[i].orEmpty() })
	default:
		return nil, misuse("contexts are none, one for all, or one for each message")
	}
	ends := make([]uint64, len(messages)+1)
	n, failed, err := call(in, nil, ends)
	whole := make([]byte, n)
	if errors.Is(err, ErrBufferTooSmall) {
		n, failed, err = call(in, whole, ends)
	}
	var detail *Error
	if errors.As(err, &detail) {
		detail.Index = -1
		if failed < len(messages) {
			detail.Index = failed
		}
	}
	if err != nil {
		return nil, err
	}
	made := make([][]byte, len(messages))
	for i := range made {
		// Capped, so that an append to one does not run into the next.
		made[i] = whole[ends[i]:ends[i+1]:ends[i+1]]
	}
	return made, nil
}

func join(count int, part func(int) []byte) ([]byte, []uint64) {
	offsets := make([]uint64, count+1)
	for i := range count {
		offsets[i+1] = offsets[i] + uint64(len(part(i)))
	}
	block := make([]byte, 0, offsets[count])
	for i := range count {
		block = append(block, part(i)...)
	}
	return block, offsets
}
