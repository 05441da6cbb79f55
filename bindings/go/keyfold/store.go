package keyfold

import (
	"encoding/hex"
	"encoding/json"
	"iter"
	"runtime"
)

// Store is an open key store, for any number of goroutines. A key is named by its id, by "alias/NAME", or by NAME. Keys
// opened from a store stay usable after it is closed.
type Store struct {
	native storeHandle
}

// Close gives the store back. Calls under way finish first; further calls of Close do nothing.
func (s *Store) Close() error {
	return s.native.end(nativeStoreClose)
}

// Key opens a key for use; ErrKeyNotFound when there is none of this name.
func (s *Store) Key(name string) (*Key, error) {
	raw, err := nativeKeyOpen(&s.native, name)
	if err != nil {
		return nil, err
	}
	return newKey(raw), nil
}

// Info is identity and state of the store.
func (s *Store) Info() (StoreInfo, error) {
	return decoded[StoreInfo](nativeStoreInfo(&s.native))
}

// Verify reads everything in the store and verifies it; it returns the number of keys.
func (s *Store) Verify() (uint64, error) {
	return nativeStoreVerify(&s.native)
}

// CreateKey makes a key with its first version. alias may be empty.
func (s *Store) CreateKey(alias, description string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyCreate(&s.native, alias, nativeKeyOptions{description: description}))
}

// ImportKeyMaterial makes a key whose first version is exactly 32 random bytes of the caller's own.
func (s *Store) ImportKeyMaterial(material []byte, alias, description string) (KeyMetadata, error) {
	options := nativeKeyOptions{description: description}
	return decoded[KeyMetadata](nativeKeyImportMaterial(&s.native, alias, material, options))
}

// DescribeKey tells of a key with all its versions.
func (s *Store) DescribeKey(name string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyDescribe(&s.native, name))
}

// EnableKey lets a key be used again.
func (s *Store) EnableKey(name string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyEnable(&s.native, name))
}

// DisableKey stops every use of a key, through handles that are open as well, until it is enabled.
func (s *Store) DisableKey(name string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyDisable(&s.native, name))
}

// RotateKey adds a version, which new envelopes use at once; older ones go on opening what they sealed.
func (s *Store) RotateKey(name string) (KeyVersion, error) {
	made, err := nativeKeyRotate(&s.native, name)
	if err != nil {
		return KeyVersion{}, err
	}
	return KeyVersion{keyIDText(made.keyID), made.version, hex.EncodeToString(made.materialID[:])}, nil
}

// ExportKey gives a whole key, wrapped under another that the other store must hold too.
func (s *Store) ExportKey(name, under string) ([]byte, error) {
	return nativeKeyExport(&s.native, name, under)
}

// ImportKey takes a key that ExportKey made; its id, version numbers and material ids stay the same.
func (s *Store) ImportKey(exported []byte) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyImport(&s.native, exported))
}

// Keys gives all keys, in a fixed order, read a page at a time; it stops at the first error.
func (s *Store) Keys() iter.Seq2[KeyMetadata, error] {
	return paged[KeyMetadata](s, "keys", nativeKeyList)
}

// Aliases gives all aliases, in a fixed order, read a page at a time; it stops at the first error.
func (s *Store) Aliases() iter.Seq2[AliasMetadata, error] {
	return paged[AliasMetadata](s, "aliases", nativeAliasList)
}

// CreateAlias gives a key another name.
func (s *Store) CreateAlias(alias, name string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeAliasCreate(&s.native, alias, name))
}

// MoveAlias moves an alias to another key, in one transaction.
func (s *Store) MoveAlias(alias, name string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeAliasMove(&s.native, alias, name))
}

// DeleteAlias removes an alias; its key stays.
func (s *Store) DeleteAlias(alias string) error {
	return nativeAliasDelete(&s.native, alias)
}

// Roots tells the roots that can open the store.
func (s *Store) Roots() ([]RootSlot, error) {
	return decoded[[]RootSlot](nativeStoreListRoots(&s.native))
}

// AddRoot adds a root beside those there are.
func (s *Store) AddRoot(root Root) (RootSlot, error) {
	return withRoot(root, func(handle *rootHandle) (RootSlot, error) {
		return decoded[RootSlot](nativeStoreAddRoot(&s.native, handle))
	})
}

// RemoveRoot removes a root; never the last.
func (s *Store) RemoveRoot(slotID string) error {
	return nativeStoreRemoveRoot(&s.native, slotID)
}

// ChangeRoot puts a root in the place of another (slotID "": of the one that opened this store), in one transaction.
func (s *Store) ChangeRoot(slotID string, root Root) (RootSlot, error) {
	return withRoot(root, func(handle *rootHandle) (RootSlot, error) {
		return decoded[RootSlot](nativeStoreChangeRoot(&s.native, slotID, handle))
	})
}

// Decrypt decrypts under whichever key of this store opens the envelope, appends the message to dst, and tells which key
// it was. Prefer Key.Decrypt where one key is meant.
func (s *Store) Decrypt(dst, envelope []byte, context Context, options *DecryptOptions) ([]byte, Opened, error) {
	var report Opened
	made, err := open(dst, envelope, func(out []byte) (int, error) {
		n, raw, err := nativeDecryptAny(&s.native, envelope, context.packed, options.native(), out)
		report = opened(raw)
		return n, err
	})
	return made, report, err
}

// DecryptWith decrypts under any of the keys given.
func (s *Store) DecryptWith(
	keys []*Key, dst, envelope []byte, context Context, options *DecryptOptions,
) ([]byte, Opened, error) {
	var report Opened
	made, err := open(dst, envelope, func(out []byte) (int, error) {
		n, raw, err := nativeDecryptWithKeys(handles(keys), envelope, context.packed, options.native(), out)
		runtime.KeepAlive(keys)
		report = opened(raw)
		return n, err
	})
	return made, report, err
}

// AuthenticatedContext is the whole context of an envelope that Decrypt would open, without its message.
func (s *Store) AuthenticatedContext(envelope []byte, context Context, options *DecryptOptions) (Context, error) {
	packed, err := nativeAuthenticatedContextAny(&s.native, envelope, context.packed, options.native())
	return Context{packed}, err
}

// DecryptDataKey opens the blob of a data key under whichever key of this store opens it.
func (s *Store) DecryptDataKey(blob []byte, context Context, options *DecryptOptions) (DataKey, error) {
	return openDataKey(blob, func(out []byte) (int, error) {
		n, _, err := nativeDecryptDataKeyAny(&s.native, blob, context.packed, options.native(), out)
		return n, err
	})
}

// Rewrap brings every wrapping of this store in an envelope or blob to its key's current version, in its own memory. A
// nil context is not checked: for walks over data whose contexts are elsewhere.
func (s *Store) Rewrap(data []byte, context *Context) (Rewrapped, error) {
	made, err := nativeRewrapAny(&s.native, data, context.orNull())
	return rewrapped(made), err
}

// RewrapFile does the same on a file, under a lock, so that it opens after a crash at any moment.
func (s *Store) RewrapFile(path string, context *Context) (Rewrapped, error) {
	made, err := nativeRewrapFileAny(&s.native, path, context.orNull())
	return rewrapped(made), err
}

// Reencrypt puts an envelope, which has the first context, under other keys and the new context, without producing its
// message.
func (s *Store) Reencrypt(
	envelope []byte, context Context, to []*Key, newContext Context, options *ReencryptOptions,
) ([]byte, error) {
	chosen, native, err := options.native()
	if err != nil {
		return nil, err
	}
	made, err := nativeReencryptAny(
		&s.native, envelope, context.packed, handles(to), newContext.packed, chosen, native)
	runtime.KeepAlive(to)
	return made, err
}

// Explain tells, as JSON, why an envelope or blob opens or does not, without producing its message. key nil explains what
// Decrypt would say, else what Key.Decrypt would. totalLen is the whole size, or 0 when envelope is the whole.
func (s *Store) Explain(key *Key, envelope []byte, totalLen uint64, context Context) ([]byte, error) {
	var handle *keyHandle
	if key != nil {
		handle = &key.native
	}
	made, err := nativeExplain(&s.native, handle, envelope, totalLen, context.packed)
	runtime.KeepAlive(key)
	return made, err
}

func paged[T any](
	s *Store, field string, list func(*storeHandle, string, uint32) ([]byte, error),
) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		after := ""
		for {
			page, err := decoded[map[string]json.RawMessage](list(&s.native, after, 0))
			if err != nil {
				yield(none, err)
				return
			}
			var entries []T
			var next *string
			if err := json.Unmarshal(page[field], &entries); err != nil {
				yield(none, err)
				return
			}
			for _, entry := range entries {
				if !yield(entry, nil) {
					return
				}
			}
			if raw, ok := page["next"]; ok {
				if err := json.Unmarshal(raw, &next); err != nil {
					yield(none, err)
					return
				}
			}
			if next == nil {
				return
			}
			after = *next
		}
	}
}
