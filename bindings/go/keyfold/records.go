package keyfold

import (
	"encoding/hex"
	"encoding/json"
	"time"
)

// KeyPolicy is what holds for one key. Zero values are the defaults; pointers tell 0 from none.
type KeyPolicy struct {
	// RotationPeriodDays: rotates by itself after so many days, 90 to 2,560.
	RotationPeriodDays uint32 `json:"rotation_period_days,omitempty"`
	// RotationMessages: rotates before a version has wrapped so many data keys.
	RotationMessages uint64 `json:"rotation_messages,omitempty"`
	// RotationBytes: rotates before a version's messages together have so many bytes.
	RotationBytes uint64 `json:"rotation_bytes,omitempty"`
	// OnDemandLimit: rotations on demand in the key's life; nil is 25.
	OnDemandLimit *uint32 `json:"on_demand_limit,omitempty"`
	// OriginatorDays: days in which a version may seal; after that it only opens.
	OriginatorDays uint32 `json:"originator_days,omitempty"`
	// RecipientDays: days in which a version may open.
	RecipientDays uint32 `json:"recipient_days,omitempty"`
	// AuditEachUse: an event for every single use instead of one an interval.
	AuditEachUse bool `json:"audit_each_use,omitempty"`
	// AuditFailClosed: no event, no operation; implies AuditEachUse.
	AuditFailClosed bool `json:"audit_fail_closed,omitempty"`
	// AuditRedact: names of the context whose values stand in the trail as a keyed hash.
	AuditRedact []string `json:"audit_redact,omitempty"`
	// StopAfterFailures: stops the key after so many failed decrypts within StopWindowSeconds (0: 60).
	StopAfterFailures uint32 `json:"stop_after_failures,omitempty"`
	StopWindowSeconds uint32 `json:"stop_window_seconds,omitempty"`
	// WarnPercent: an event at so many per cent of a limit; 0 is 80.
	WarnPercent uint8 `json:"warn_percent,omitempty"`
}

// KeyOptions are the options of making a key; the zero value is the default of each.
type KeyOptions struct {
	// Description is free text, not secret.
	Description string
	// Spec is "SYMMETRIC_DEFAULT" (the default), "HMAC_256", "HMAC_384", "HMAC_512", "HPKE_X25519" or "HPKE_X_WING".
	Spec string
	// External makes the key without material, to be imported (ParametersForImport).
	External bool
	// Tags are not secret.
	Tags map[string]string
	// Policy is the key's policy.
	Policy *KeyPolicy
}

// RotationStatus tells whether and when a key rotates.
type RotationStatus struct {
	KeyID                string     `json:"key_id"`
	KeyRotationEnabled   bool       `json:"key_rotation_enabled"`
	RotationPeriodInDays uint32     `json:"rotation_period_in_days"`
	NextRotationDate     *time.Time `json:"next_rotation_date"`
	Due                  bool       `json:"due"`
	OnDemandRotations    uint32     `json:"on_demand_rotations"`
	OnDemandLimit        uint32     `json:"on_demand_limit"`
}

// Destroyed is a key that was destroyed. Not Scrubbed: a reader holds old pages, and the next call tries again.
type Destroyed struct {
	KeyID    string `json:"key_id"`
	Scrubbed bool   `json:"scrubbed"`
}

// VersionCounts is what one version of a key has done, over all processes.
type VersionCounts struct {
	Version  uint32     `json:"version"`
	Messages uint64     `json:"messages"`
	Bytes    uint64     `json:"bytes"`
	Opened   uint64     `json:"opened"`
	Failures uint64     `json:"failures"`
	LastUsed *time.Time `json:"last_used"`
}

// KeyLastUsage is when a key was used last. Not enough alone to delete it: disable it first, and watch for refusals.
type KeyLastUsage struct {
	KeyID             string     `json:"key_id"`
	Operation         string     `json:"operation"`
	Timestamp         *time.Time `json:"timestamp"`
	LastFailure       *time.Time `json:"last_failure"`
	TrackingStartDate time.Time  `json:"tracking_start_date"`
	KeyCreationDate   time.Time  `json:"key_creation_date"`
}

// ImportParameters are what a person who brings key material needs: wrap it under PublicKey, give it back with ImportToken.
type ImportParameters struct {
	KeyID             string    `json:"key_id"`
	ImportToken       Hex       `json:"import_token"`
	PublicKey         Hex       `json:"public_key"`
	WrappingAlgorithm string    `json:"wrapping_algorithm"`
	Info              Hex       `json:"info"`
	ParametersValidTo time.Time `json:"parameters_valid_to"`
}

// Hex is bytes that JSON has in hexadecimal.
type Hex []byte

// UnmarshalText reads hexadecimal.
func (h *Hex) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// MarshalText writes hexadecimal.
func (h Hex) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(h)), nil }

// CreateGrant is a grant to make.
type CreateGrant struct {
	// GranteePrincipal is who gets it.
	GranteePrincipal string `json:"grantee_principal"`
	// Operations are names, such as "Decrypt".
	Operations []string `json:"operations"`
	// RetiringPrincipal is who may retire it, beside the key's owner.
	RetiringPrincipal string `json:"retiring_principal,omitempty"`
	// ContextEquals: the encryption context must be exactly this. A map without entries is the empty context.
	ContextEquals map[string]string `json:"encryption_context_equals,omitzero"`
	// ContextSubset: the encryption context must have these pairs.
	ContextSubset map[string]string `json:"encryption_context_subset,omitzero"`
	// Name: the same name with the same parameters gives the same grant.
	Name string `json:"name,omitempty"`
	// Expires is when it ends; the zero time never.
	Expires time.Time `json:"expires,omitzero"`
	// Uses: so many at most, over all processes; 0 any number.
	Uses uint64 `json:"uses,omitempty"`
}

// MarshalJSON writes the grant as the library reads it.
func (g CreateGrant) MarshalJSON() ([]byte, error) {
	type plain CreateGrant
	g.Expires = g.Expires.UTC().Truncate(time.Second)
	return json.Marshal(plain(g))
}

// GrantMetadata is a grant: what a key's owner lets another principal do.
type GrantMetadata struct {
	GrantID           string            `json:"grant_id"`
	KeyID             string            `json:"key_id"`
	Name              string            `json:"name"`
	CreationDate      time.Time         `json:"creation_date"`
	IssuingPrincipal  string            `json:"issuing_principal"`
	GranteePrincipal  string            `json:"grantee_principal"`
	RetiringPrincipal string            `json:"retiring_principal"`
	Operations        []string          `json:"operations"`
	ContextEquals     map[string]string `json:"encryption_context_equals"`
	ContextSubset     map[string]string `json:"encryption_context_subset"`
	Expires           *time.Time        `json:"expires"`
	Uses              *uint64           `json:"uses"`
	UsesLeft          *uint64           `json:"uses_left"`
}

// StoreSettings is what holds for a whole store.
type StoreSettings struct {
	// DualControl are operations that need the approval of a second principal.
	DualControl []string `json:"dual_control,omitempty"`
	// ApprovalSeconds is for how long an approval counts; given as 0 it is 3,600, and is told so.
	ApprovalSeconds uint32 `json:"approval_seconds,omitempty"`
	// Administrators are principals who manage every key and the store.
	Administrators []string `json:"administrators,omitempty"`
}

// Approval is an approval that waits for its use.
type Approval struct {
	ApprovalID string         `json:"approval_id"`
	Operation  string         `json:"operation"`
	Request    map[string]any `json:"request"`
	Principal  string         `json:"principal"`
	Created    time.Time      `json:"created"`
	Expires    time.Time      `json:"expires"`
}

// BackupReport is what a backup holds.
type BackupReport struct {
	Path        string `json:"path"`
	StoreID     string `json:"store_id"`
	Incarnation string `json:"incarnation"`
	Epoch       uint64 `json:"epoch"`
	Keys        uint64 `json:"keys"`
	TrailEvents uint64 `json:"trail_events"`
	Bytes       uint64 `json:"bytes"`
}

// RepairReport is what was done to a store that was damaged; Dropped is what did not verify, each with why, Doubtful
// what may be missing or older than the last and cannot be known, KeptAs the damaged file's name from now on.
type RepairReport struct {
	KeysKept uint64   `json:"keys_kept"`
	Dropped  []string `json:"dropped"`
	Doubtful []string `json:"doubtful"`
	KeptAs   string   `json:"kept_as"`
	Epoch    uint64   `json:"epoch"`
}

// RootChangeReport is what became of a store whose root was compromised: Rotated keys have a version that nobody knows who
// had the old root, KnownKeys (ids) are in use and have none; Fingerprint and VerifierKey are the store's from now on.
type RootChangeReport struct {
	Keys         uint64     `json:"keys"`
	Rotated      uint64     `json:"rotated"`
	KnownKeys    []string   `json:"known_keys"`
	Slots        []RootSlot `json:"slots"`
	DroppedSlots []string   `json:"dropped_slots"`
	Fingerprint  string     `json:"fingerprint"`
	VerifierKey  string     `json:"verifier_key"`
	Incarnation  string     `json:"incarnation"`
	Epoch        uint64     `json:"epoch"`
}

// jsonText is a request as the library reads it; nil is "".
func jsonText(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}
