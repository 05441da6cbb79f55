//go:build cgo

package keyfold

import (
	"iter"
	"runtime"
	"strings"
	"time"
)

// CreateKeyWith makes a key as the options say: of another kind, without material, with tags and a policy.
func (s *Store) CreateKeyWith(alias string, options KeyOptions) (KeyMetadata, error) {
	native, err := options.native()
	if err != nil {
		return KeyMetadata{}, err
	}
	return decoded[KeyMetadata](nativeKeyCreate(&s.native, alias, native))
}

func (o KeyOptions) native() (native nativeKeyOptions, err error) {
	native = nativeKeyOptions{description: o.Description, spec: o.Spec}
	if o.External {
		native.flags = keyExternal
	}
	if o.Tags != nil {
		native.tags, err = jsonText(o.Tags)
	}
	if o.Policy != nil && err == nil {
		native.policy, err = jsonText(o.Policy)
	}
	return native, err
}

// UpdateKeyDescription replaces a key's description.
func (s *Store) UpdateKeyDescription(name, description string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyUpdateDescription(&s.native, name, description))
}

// TagKey adds tags to a key, or replaces their values. They are not secret.
func (s *Store) TagKey(name string, tags map[string]string) (KeyMetadata, error) {
	if tags == nil {
		tags = map[string]string{}
	}
	text, err := jsonText(tags)
	if err != nil {
		return KeyMetadata{}, err
	}
	return decoded[KeyMetadata](nativeKeyTag(&s.native, name, text))
}

// UntagKey removes tags of these names; names that the key has not are no error.
func (s *Store) UntagKey(name string, names ...string) (KeyMetadata, error) {
	text, err := jsonText(append([]string{}, names...))
	if err != nil {
		return KeyMetadata{}, err
	}
	return decoded[KeyMetadata](nativeKeyUntag(&s.native, name, text))
}

// SetKeyPolicy replaces a key's whole policy.
func (s *Store) SetKeyPolicy(name string, policy KeyPolicy) (KeyMetadata, error) {
	text, err := jsonText(policy)
	if err != nil {
		return KeyMetadata{}, err
	}
	return decoded[KeyMetadata](nativeKeySetPolicy(&s.native, name, text))
}

// ScheduleKeyDeletion puts a key into PendingDeletion; after 7 to 30 days (0 is 30) DestroyDue destroys it, unless that is
// cancelled. See KeyLastUsage first.
func (s *Store) ScheduleKeyDeletion(name string, days uint32) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyScheduleDeletion(&s.native, name, days))
}

// CancelKeyDeletion takes a key out of PendingDeletion; it is Disabled then (or again Compromised, or PendingImport).
func (s *Store) CancelKeyDeletion(name string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyCancelDeletion(&s.native, name))
}

// DestroyDue destroys every key whose waiting period is over. For cron; nothing else does it.
func (s *Store) DestroyDue() ([]Destroyed, error) {
	return decoded[[]Destroyed](nativeStoreDestroyDue(&s.native))
}

// MarkKeyCompromised: the key seals nothing more, and opens only in a store opened for recovery. There is no way back.
func (s *Store) MarkKeyCompromised(name, reason string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyMarkCompromised(&s.native, name, reason))
}

// RotateDue rotates every key that is due, and tells which. For cron; a key that is used rotates by itself.
func (s *Store) RotateDue() ([]KeyMetadata, error) {
	return decoded[[]KeyMetadata](nativeStoreRotateDue(&s.native))
}

// KeyRotationStatus tells whether and when a key rotates.
func (s *Store) KeyRotationStatus(name string) (RotationStatus, error) {
	return decoded[RotationStatus](nativeKeyRotationStatus(&s.native, name))
}

// KeyRotations gives a key's versions, the newest first: when, why and by whom each was made.
func (s *Store) KeyRotations(name string) iter.Seq2[VersionMetadata, error] {
	return paged[VersionMetadata](s, "rotations", of(name, nativeKeyListRotations))
}

// KeyUsage tells what each version of a key has done, over all processes.
func (s *Store) KeyUsage(name string) ([]VersionCounts, error) {
	return decoded[[]VersionCounts](nativeKeyUsage(&s.native, name))
}

// KeyLastUsage tells when a key was used last.
func (s *Store) KeyLastUsage(name string) (KeyLastUsage, error) {
	return decoded[KeyLastUsage](nativeKeyLastUsage(&s.native, name))
}

// ParametersForImport makes a wrapping key and a token for importing material into a key made External. algorithm is
// "RSAES_OAEP_SHA_256/RSA_3072", "RSAES_OAEP_SHA_256/RSA_4096", "HPKE_X25519" or "HPKE_X_WING".
func (s *Store) ParametersForImport(name, algorithm string) (ImportParameters, error) {
	return decoded[ImportParameters](nativeKeyParametersForImport(&s.native, name, algorithm))
}

// ImportWrappedKeyMaterial takes wrapped material. importType is "NEW_KEY_MATERIAL" (a key's first, or what its next
// rotation makes current), "EXISTING_KEY_MATERIAL" (the same again after it expired or was deleted), or "": the first
// while the key never had any, and then the second. It expires after validDays, 1 to 365; 0: it does not.
func (s *Store) ImportWrappedKeyMaterial(name string, token, wrapped []byte, importType string, validDays uint32) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyImportWrappedMaterial(&s.native, name, token, wrapped, importType, validDays))
}

// DeleteImportedKeyMaterial deletes a key's imported material at once: that of this id, or with "" all that it has. The
// same material can be imported again.
func (s *Store) DeleteImportedKeyMaterial(name, materialID string) (KeyMetadata, error) {
	return decoded[KeyMetadata](nativeKeyDeleteImportedMaterial(&s.native, name, materialID))
}

// CreateGrant lets a principal do something with a key.
func (s *Store) CreateGrant(name string, grant CreateGrant) (GrantMetadata, error) {
	text, err := jsonText(grant)
	if err != nil {
		return GrantMetadata{}, err
	}
	return decoded[GrantMetadata](nativeGrantCreate(&s.native, name, text))
}

// Grants gives a key's grants, read a page at a time; it stops at the first error.
func (s *Store) Grants(name string) iter.Seq2[GrantMetadata, error] {
	return paged[GrantMetadata](s, "grants", of(name, nativeGrantList))
}

// RetirableGrants gives the grants of all keys that a principal may retire.
func (s *Store) RetirableGrants(principal string) iter.Seq2[GrantMetadata, error] {
	return paged[GrantMetadata](s, "grants", of(principal, nativeGrantListRetirable))
}

// RetireGrant ends a grant: called by its grantee (where it has RetireGrant), its retiring principal, or the key's owner.
func (s *Store) RetireGrant(name, grantID string) error {
	return nativeGrantRetire(&s.native, name, grantID)
}

// RevokeGrant ends a grant: called by the key's owner. Ready handles feel it at their next call.
func (s *Store) RevokeGrant(name, grantID string) error {
	return nativeGrantRevoke(&s.native, name, grantID)
}

// DryRun is the error that an operation on a key under a context would be refused with; nil where it would be permitted.
func (s *Store) DryRun(operation, name string, context Context) error {
	return nativeDryRun(&s.native, operation, name, context.packed)
}

// Settings tells the store's settings.
func (s *Store) Settings() (StoreSettings, error) {
	return decoded[StoreSettings](nativeStoreSettings(&s.native))
}

// UpdateSettings replaces the store's settings.
func (s *Store) UpdateSettings(settings StoreSettings) (StoreSettings, error) {
	text, err := jsonText(settings)
	if err != nil {
		return StoreSettings{}, err
	}
	return decoded[StoreSettings](nativeStoreUpdateSettings(&s.native, text))
}

// Approve approves exactly one operation that another principal is about to do. request is its parameters as the trail
// names them, such as {"keyId": "cards"}; it ends after valid (0: the store's window).
func (s *Store) Approve(operation string, request map[string]any, valid time.Duration) (Approval, error) {
	if request == nil {
		request = map[string]any{}
	}
	text, err := jsonText(request)
	if err != nil {
		return Approval{}, err
	}
	seconds := uint32(min(max((valid+time.Second-1)/time.Second, 0), 1<<31))
	return decoded[Approval](nativeApprove(&s.native, operation, text, seconds))
}

// Approvals tells the approvals that wait for their use.
func (s *Store) Approvals() ([]Approval, error) {
	return decoded[[]Approval](nativeApprovalList(&s.native))
}

// WithdrawApproval withdraws an approval.
func (s *Store) WithdrawApproval(approvalID string) error {
	return nativeApprovalWithdraw(&s.native, approvalID)
}

// SlotOptions are what a root's slot bears.
type SlotOptions struct {
	// Principal: whoever opens the store through this root is this one, and can be no other.
	Principal string
	// Admin: the slot holds the admin seed; the first such slot makes the store one that only admin roots change.
	Admin bool
}

// AddRootAs adds a root whose slot bears a principal, or the admin seed.
func (s *Store) AddRootAs(root Root, options SlotOptions) (RootSlot, error) {
	native := nativeSlotOptions{principal: options.Principal}
	if options.Admin {
		native.flags = slotAdmin
	}
	return withRoot(root, func(handle *rootHandle) (RootSlot, error) {
		return decoded[RootSlot](nativeStoreAddRootAs(&s.native, handle, native))
	})
}

// BackUp writes the whole store, as it is in one moment, into one encrypted file that any of its roots opens.
func (s *Store) BackUp(path string) (BackupReport, error) {
	return decoded[BackupReport](nativeStoreBackUp(&s.native, path))
}

// Heartbeat seals the store anew with its time, so that readers who refuse an old state go on.
func (s *Store) Heartbeat() error { return nativeStoreHeartbeat(&s.native) }

// VerifyBackup verifies a backup without restoring it.
func VerifyBackup(path string, root Root) (BackupReport, error) {
	return withRoot(root, func(handle *rootHandle) (BackupReport, error) {
		return decoded[BackupReport](nativeBackupVerify(path, handle))
	})
}

// Restore makes a store from a backup where none is, as a new incarnation of it, and opens it. Where the store's settings
// put that under dual control, two roots with different principals are needed.
func Restore(backup, location string, roots []Root, options *OpenOptions) (*Store, error) {
	return withRoots(roots, func(handles []*rootHandle) (*Store, error) {
		return newStore(nativeStoreRestore(backup, location, handles, options.native()))
	})
}

// Repair mends a store whose manifest or tree is damaged, from what verifies, as a new incarnation of it.
func Repair(location string, roots []Root, options *OpenOptions) (RepairReport, error) {
	return withRoots(roots, func(handles []*rootHandle) (RepairReport, error) {
		return decoded[RepairReport](nativeStoreRepair(location, handles, options.native()))
	})
}

// ChangeCompromisedRoot gives a store whose root was compromised a new store secret, wraps all material anew, and rotates
// every key whose material the store draws. root takes the place of the slot that the first of roots opens; of the others
// those that keep opens stay, and all the rest are no more. Nobody may have the store open.
func ChangeCompromisedRoot(location string, roots []Root, root Root, keep []Root, options *OpenOptions) (RootChangeReport, error) {
	return withRoots(roots, func(acting []*rootHandle) (RootChangeReport, error) {
		return withRoots(keep, func(kept []*rootHandle) (RootChangeReport, error) {
			return withRoot(root, func(handle *rootHandle) (RootChangeReport, error) {
				return decoded[RootChangeReport](nativeStoreChangeCompromisedRoot(location, acting, handle, kept, options.native()))
			})
		})
	})
}

func withRoots[T any](roots []Root, call func([]*rootHandle) (T, error)) (T, error) {
	var handles []*rootHandle
	for _, root := range roots {
		if root == nil {
			var none T
			return none, misuse("a root is nil; give KeyFiles or Passphrases")
		}
		handle, done, err := root.open()
		if err != nil {
			var none T
			return none, err
		}
		defer done()
		handles = append(handles, handle)
	}
	return call(handles)
}

// Narrowing is what a key handle is narrowed to; all that is given holds together.
type Narrowing struct {
	// Operations are the names of the uses that stay allowed; none: all.
	Operations []string
	// ContextEquals: the context must be exactly this.
	ContextEquals *Context
	// ContextSubset: the context must have these pairs.
	ContextSubset *Context
	// Uses: so many at most, refused ones not counted; 0 any number.
	Uses uint64
	// For is how long it lasts from now on; 0 without end.
	For time.Duration
}

// Narrow is another handle on the same key with fewer rights, to hand on; this one stays as it is. It can be narrowed
// further, and never widened.
func (k *Key) Narrow(to Narrowing) (*Key, error) {
	native := nativeNarrowing{
		operations: strings.Join(to.Operations, ","),
		uses:       to.Uses,
		millis:     uint64(millis(to.For)),
	}
	raw, err := nativeKeyNarrow(&k.native, to.ContextEquals.orNull(), to.ContextSubset.orNull(), native)
	if err != nil {
		return nil, err
	}
	return newKey(raw), nil
}

// DryRun is the error that an operation through this handle would be refused with; nil where it would be permitted. What
// the handle was narrowed to is asked first.
func (k *Key) DryRun(operation string, context Context) error {
	return nativeKeyDryRun(&k.native, operation, context.packed)
}

// GenerateMAC appends the message authentication code of a message under an HMAC key's current version to dst.
func (k *Key) GenerateMAC(dst, message []byte) ([]byte, error) {
	var code [macMaxSize]byte
	n, err := nativeGenerateMAC(&k.native, message, code[:])
	if err != nil {
		return nil, err
	}
	return append(dst, code[:n]...), nil
}

// VerifyMAC is ErrInvalidMAC unless the code is that of the message, under the version it names.
func (k *Key) VerifyMAC(message, code []byte) error {
	return nativeVerifyMAC(&k.native, message, code)
}

// PublicKey is the public half of a sealing key's current version, for Seal elsewhere. It is not secret, and not
// authenticated by itself: bring it over a channel you trust.
func (k *Key) PublicKey() ([]byte, error) {
	return nativeKeyPublic(&k.native)
}

// Seal encrypts a message to the public halves of sealing keys, without a store, and appends the envelope to dst. Any of
// the keys opens it, with Key.Decrypt; nobody who has only these public halves can.
func Seal(dst []byte, publicKeys [][]byte, plaintext []byte, context Context, storeContext StoreContext) ([]byte, error) {
	block, offsets := join(len(publicKeys), func(i int) []byte { return publicKeys[i] })
	options := nativeEncryptOptions{storeContext: uint32(storeContext)}
	n, err := nativeSealedSize(len(plaintext), block, offsets, context.packed, options)
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, n)
	if n, err = nativeSeal(block, offsets, plaintext, context.packed, options, sealed); err != nil {
		return nil, err
	}
	return append(dst, sealed[:n]...), nil
}

func newKey(raw uintptr) *Key {
	k := &Key{}
	k.native.value.Store(raw)
	k.native.cleanup = runtime.AddCleanup(k, func(raw uintptr) {
		leaked("Key")
		_ = nativeKeyClose(raw)
	}, raw)
	return k
}

// of is a call for a page of what belongs to one name.
func of(
	name string, list func(*storeHandle, string, string, uint32) ([]byte, error),
) func(*storeHandle, string, uint32) ([]byte, error) {
	return func(store *storeHandle, after string, limit uint32) ([]byte, error) {
		return list(store, name, after, limit)
	}
}
