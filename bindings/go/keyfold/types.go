package keyfold

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// KeyMetadata is a key as the store describes it. Names and states are AWS KMS's where KMS has the thing.
type KeyMetadata struct {
	KeyID          string            `json:"key_id"`
	Aliases        []string          `json:"aliases"`
	Description    string            `json:"description"`
	KeyState       string            `json:"key_state"`
	StateReason    string            `json:"state_reason"`
	KeyUsage       string            `json:"key_usage"`
	KeySpec        string            `json:"key_spec"`
	Origin         string            `json:"origin"`
	Created        time.Time         `json:"created"`
	Owner          string            `json:"owner"`
	Tags           map[string]string `json:"tags"`
	Policy         KeyPolicy         `json:"policy"`
	NextRotation   *time.Time        `json:"next_rotation"`
	DeletionDate   *time.Time        `json:"deletion_date"`
	Grants         uint32            `json:"grants"`
	Revision       uint64            `json:"revision"`
	CurrentVersion uint32            `json:"current_version"`
	Versions       []VersionMetadata `json:"versions"`
}

// VersionMetadata is one version of a key.
type VersionMetadata struct {
	Version       uint32     `json:"version"`
	MaterialID    string     `json:"material_id"`
	State         string     `json:"state"`
	Origin        string     `json:"origin"`
	Created       time.Time  `json:"created"`
	RotationType  string     `json:"rotation_type"`
	CreatedBy     string     `json:"created_by"`
	OriginatorEnd *time.Time `json:"originator_end"`
	RecipientEnd  *time.Time `json:"recipient_end"`
	ValidTo       *time.Time `json:"valid_to"`
}

// AliasMetadata is an alias and its key.
type AliasMetadata struct {
	Alias string `json:"alias"`
	KeyID string `json:"key_id"`
}

// RootSlot is a root that can open a store.
type RootSlot struct {
	SlotID      string    `json:"slot_id"`
	Kind        string    `json:"kind"`
	Fingerprint string    `json:"fingerprint"`
	Created     time.Time `json:"created"`
	InUse       bool      `json:"in_use"`
	Principal   string    `json:"principal"`
	Admin       bool      `json:"admin"`
}

// StoreInfo is identity and state of a store.
type StoreInfo struct {
	StoreID           string    `json:"store_id"`
	Incarnation       string    `json:"incarnation"`
	Fingerprint       string    `json:"fingerprint"`
	Epoch             uint64    `json:"epoch"`
	Keys              uint64    `json:"keys"`
	Backend           string    `json:"backend"`
	Path              string    `json:"path"`
	Created           time.Time `json:"created"`
	ReadOnly          bool      `json:"read_only"`
	Development       bool      `json:"development"`
	RefreshMillis     uint64    `json:"refresh_millis"`
	Principal         string    `json:"principal"`
	PrincipalVerified bool      `json:"principal_verified"`
	AdminRoot         bool      `json:"admin_root"`
	IsAdmin           bool      `json:"is_admin"`
	Anchor            string    `json:"anchor"`
	TrailEvents       uint64    `json:"trail_events"`
	TrailKey          string    `json:"trail_key"`
	SQLiteVersion     string    `json:"sqlite_version"`
}

// KeyVersion names one version of a key.
type KeyVersion struct {
	KeyID      string
	Version    uint32
	MaterialID string
}

// Opened tells which key opened an envelope.
type Opened struct {
	KeyID   string
	Version uint32
}

// Rewrapped tells what a rewrap did, in wrappings.
type Rewrapped struct {
	// Rewrapped were made new, under the current version of their key.
	Rewrapped uint32
	// Current were so already.
	Current uint32
	// Skipped are of keys out of reach.
	Skipped uint32
	// Freed are old ones that an earlier rewrap had left beside a current one, and that are gone now.
	Freed uint32
}

// Protection tells how the secret memory of this process is really protected; all but Bytes should be 0.
type Protection struct {
	Bytes, UnlockedBytes, DumpableBytes, NotWipedBytes uint64
}

// DataKey is a data key, and the blob from which it can be had again. Keep the blob, and Wipe the key after use. No
// verb of fmt, no logger and no encoder writes the key.
type DataKey struct {
	// Behind a function, since fmt prints unexported fields of structs without asking their methods, and with a verb that
	// does not fit even what pointers lead to.
	plaintext func() []byte
	// Blob is the wrapped key.
	Blob []byte
}

func newDataKey(plaintext, blob []byte) DataKey {
	return DataKey{plaintext: func() []byte { return plaintext }, Blob: blob}
}

// Plaintext is the key itself, in memory that Wipe overwrites.
func (d DataKey) Plaintext() []byte {
	if d.plaintext == nil {
		return nil
	}
	return d.plaintext()
}

// Wipe overwrites the key with zeros.
func (d DataKey) Wipe() {
	clear(d.Plaintext())
}

// Format writes no key, whatever the verb.
func (d DataKey) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("keyfold.DataKey" + redacted)) }

// LogValue writes no key.
func (d DataKey) LogValue() slog.Value { return slog.StringValue("keyfold.DataKey" + redacted) }

// MarshalJSON refuses: keep the blob.
func (d DataKey) MarshalJSON() ([]byte, error) {
	return nil, errors.New("keyfold: a data key is not encoded; keep its Blob")
}

// GobEncode refuses: keep the blob.
func (d DataKey) GobEncode() ([]byte, error) {
	return nil, errors.New("keyfold: a data key is not encoded; keep its Blob")
}

func decoded[T any](told []byte, err error) (T, error) {
	var value T
	if err == nil {
		err = json.Unmarshal(told, &value)
	}
	return value, err
}

// keyIDText is a key id as the library writes it.
func keyIDText(raw [16]byte) string {
	digits := hex.EncodeToString(raw[:])
	return digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
}

func opened(raw nativeOpened) Opened {
	return Opened{KeyID: keyIDText(raw.keyID), Version: raw.version}
}

func rewrapped(raw nativeRewrapped) Rewrapped {
	return Rewrapped{Rewrapped: raw.cellsRewrapped, Current: raw.cellsCurrent, Skipped: raw.cellsSkipped, Freed: raw.cellsFreed}
}
