package keyfold

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAKeyHasTagsAndAPolicyAndLivesUntilItsDeletion(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		limit := uint32(1)
		made := ok(store.CreateKeyWith("cards", KeyOptions{
			Description: "card numbers", Tags: map[string]string{"team": "payments"},
			Policy: &KeyPolicy{RotationPeriodDays: 90, OnDemandLimit: &limit},
		}))(t)
		equal(t, made.Tags["team"], "payments")
		equal(t, made.Owner, "default")
		equal(t, *made.Policy.OnDemandLimit, 1)
		equal(t, made.NextRotation.After(made.Created), true)
		equal(t, ok(store.TagKey("cards", map[string]string{"pci": "yes"}))(t).Tags["pci"], "yes")
		equal(t, len(ok(store.UntagKey("cards", "pci", "never"))(t).Tags), 1)
		ok(store.RotateKey("cards"))(t)
		_, err := store.RotateKey("cards")
		is(t, err, ErrLimitExceeded)
		is(t, err, ErrKeyPolicy)
		var versions []uint32
		for version, err := range store.KeyRotations("cards") {
			noError(t, err)
			versions = append(versions, version.Version)
		}
		equal(t, len(versions), 2)
		equal(t, versions[0], 2)
		equal(t, ok(store.KeyRotationStatus("cards"))(t).KeyRotationEnabled, true)
		_, err = store.SetKeyPolicy("cards", KeyPolicy{RotationPeriodDays: 89})
		is(t, err, ErrInvalidArgument)

		pending := ok(store.ScheduleKeyDeletion("cards", 7))(t)
		equal(t, pending.KeyState, "PendingDeletion")
		equal(t, pending.DeletionDate != nil, true)
		equal(t, len(ok(store.DestroyDue())(t)), 0)
		equal(t, len(ok(store.RotateDue())(t)), 0)
		key := ok(store.Key("cards"))(t)
		defer key.Close()
		_, err = key.Encrypt(nil, []byte("x"), row, nil)
		is(t, err, ErrInvalidKeyState)
		ok(store.CancelKeyDeletion("cards"))(t)
		equal(t, ok(store.MarkKeyCompromised("cards", "seen"))(t).StateReason, "seen")
		ok(store.KeyLastUsage("cards"))(t)
	})
}

func TestAMACIsVerifiedUnderTheVersionItNames(t *testing.T) {
	store := ok(InMemory())(t)
	defer store.Close()
	ok(store.CreateKeyWith("sign", KeyOptions{Spec: "HMAC_384"}))(t)
	key := ok(store.Key("sign"))(t)
	defer key.Close()
	code := ok(key.GenerateMAC([]byte("front"), []byte("message")))(t)
	equal(t, len(code), 5+6+48)
	code = code[5:]
	ok(store.RotateKey("sign"))(t)
	noError(t, key.VerifyMAC([]byte("message"), code))
	newer := ok(key.GenerateMAC(nil, []byte("message")))(t)
	equal(t, [2]byte{code[3], newer[3]}, [2]byte{1, 2})
	noError(t, key.VerifyMAC([]byte("message"), newer))
	is(t, key.VerifyMAC([]byte("message"), append(code[:6:6], newer[6:]...)), ErrInvalidMAC)
	is(t, key.VerifyMAC([]byte("massage"), code), ErrInvalidMAC)
	_, err := key.Encrypt(nil, nil, row, nil)
	is(t, err, ErrInvalidKeyUsage)
}

func TestWhoHasThePublicHalfSealsAndOnlyTheKeyOpens(t *testing.T) {
	store := ok(InMemory())(t)
	defer store.Close()
	ok(store.CreateKeyWith("inbox", KeyOptions{Spec: "HPKE_X_WING"}))(t)
	key := ok(store.Key("inbox"))(t)
	defer key.Close()
	public := ok(key.PublicKey())(t)
	sealed := ok(Seal(nil, [][]byte{public}, []byte("for you"), row, StoreNone))(t)
	equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), "for you")
	_, err := key.Decrypt(nil, sealed, Context{}, nil)
	is(t, err, ErrAuth)
	_, err = Seal(nil, nil, nil, row, StoreNone)
	is(t, err, ErrInvalidArgument)
	_, err = Seal(nil, [][]byte{public[1:]}, nil, row, StoreNone)
	is(t, err, ErrInvalidKeyMaterial)
}

func TestWhatWasSealedToAnOlderPublicHalfOpensAfterARotation(t *testing.T) {
	store := ok(InMemory())(t)
	defer store.Close()
	for _, spec := range []string{"HPKE_X25519", "HPKE_X_WING"} {
		ok(store.CreateKeyWith(spec, KeyOptions{Spec: spec}))(t)
		key := ok(store.Key(spec))(t)
		older := ok(key.PublicKey())(t)
		before := ok(Seal(nil, [][]byte{older}, []byte("before"), row, StoreNone))(t)
		ok(store.RotateKey(spec))(t)
		newer := ok(key.PublicKey())(t)
		equal(t, len(newer), len(older))
		equal(t, string(newer) == string(older), false)
		after := ok(Seal(nil, [][]byte{newer}, []byte("after"), row, StoreNone))(t)
		equal(t, string(ok(key.Decrypt(nil, before, row, nil))(t)), "before")
		equal(t, string(ok(key.Decrypt(nil, after, row, nil))(t)), "after")
		key.Close()
	}
}

func TestAGrantLetsAnotherPrincipalInAndItsEndKeepsThemOut(t *testing.T) {
	location, root := place(t)
	owner := ok(Init(location, root, &OpenOptions{Principal: "owner", RefreshEveryCall: true}))(t)
	defer owner.Close()
	ok(owner.CreateKey("cards", ""))(t)
	worker := ok(Open(location, root, &OpenOptions{Principal: "worker", RefreshEveryCall: true}))(t)
	defer worker.Close()
	cards := ok(worker.Key("cards"))(t)
	defer cards.Close()
	_, err := cards.Encrypt(nil, []byte("x"), row, nil)
	is(t, err, ErrAccessDenied)
	is(t, worker.DryRun("Encrypt", "cards", row), ErrAccessDenied)
	grant := ok(owner.CreateGrant("cards", CreateGrant{
		GranteePrincipal: "worker", Operations: []string{"Encrypt"},
		ContextSubset: map[string]string{"tenant": "acme"}, Expires: time.Now().Add(time.Hour), Uses: 5,
	}))(t)
	equal(t, *grant.Uses, 5)
	noError(t, worker.DryRun("Encrypt", "cards", row))
	ok(cards.Encrypt(nil, []byte("x"), row, nil))(t)
	_, err = cards.Encrypt(nil, []byte("x"), Context{}, nil)
	is(t, err, ErrAccessDenied)
	for one, err := range owner.Grants("cards") {
		noError(t, err)
		equal(t, one.GrantID, grant.GrantID)
	}
	noError(t, owner.RevokeGrant("cards", grant.GrantID))
	_, err = cards.Encrypt(nil, []byte("x"), row, nil)
	is(t, err, ErrAccessDenied)
	is(t, owner.RevokeGrant("cards", grant.GrantID), ErrGrantNotFound)
}

func TestANarrowedHandleDoesWhatItMay(t *testing.T) {
	key := aKey(t)
	few := ok(key.Narrow(Narrowing{Operations: []string{"Encrypt"}, ContextEquals: &row, For: time.Hour}))(t)
	defer few.Close()
	sealed := ok(few.Encrypt(nil, []byte("x"), row, nil))(t)
	_, err := few.Decrypt(nil, sealed, row, nil)
	is(t, err, ErrAccessDenied)
	_, err = few.Encrypt(nil, []byte("x"), Context{}, nil)
	is(t, err, ErrAccessDenied)
	_, err = key.Narrow(Narrowing{ContextEquals: &Context{}})
	is(t, err, ErrInvalidArgument)
}

func TestSettingsAreReadBack(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		settings := ok(store.Settings())(t)
		settings.ApprovalSeconds = 600
		equal(t, ok(store.UpdateSettings(settings))(t).ApprovalSeconds, 600)
		equal(t, len(ok(store.Approvals())(t)), 0)
	})
}

func TestWhatIsDoneStandsInTheTrailAndItVerifies(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		trail, folder := store.Trail(), t.TempDir()
		log := filepath.Join(folder, "trail.jsonl")
		noError(t, trail.AddFile(log, 0, 0))
		made := ok(store.CreateKey("cards", ""))(t)
		_, err := store.CreateKey("cards", "")
		is(t, err, ErrAlreadyExists)
		note := ok(trail.Checkpoint())(t)
		equal(t, strings.HasPrefix(note, "keyfold.dev/store/"), true)
		equal(t, len(ok(trail.Tail(&EventFilter{KeyID: made.KeyID, EventName: "CreateKey"}, 0))(t)), 1)
		equal(t, len(ok(trail.Tail(&EventFilter{EventName: "CreateKey", Failed: true}, 0))(t)), 1)
		equal(t, len(ok(trail.Tail(&EventFilter{Since: time.Now().Add(time.Hour)}, 0))(t)), 0)
		count := 0
		for event, err := range trail.Events(nil, 0) {
			noError(t, err)
			equal(t, json.Valid(event), true)
			count++
		}
		equal(t, count >= 2, true)
		report := ok(trail.Verify(note))(t)
		equal(t, report.OK && report.FirstBad == nil, true)
		equal(t, report.First, 0)
		equal(t, len(report.BadSegments), 0)
		key := ok(store.Info())(t).TrailKey
		tiles := filepath.Join(folder, "tiles")
		equal(t, ok(trail.Export(tiles))(t) >= 2, true)
		equal(t, ok(VerifyTiles(tiles, key))(t).OK, true)
		equal(t, ok(VerifyJSONLines([]string{log}, key))(t).OK, true)
	})
}

// Fails when kf_sink_take does not wait, or its answer does not arrive.
func TestACallbackGetsEventsInOrderAndItsFailuresAreCounted(t *testing.T) {
	store := ok(InMemory())(t)
	defer store.Close()
	var names []string
	noError(t, store.Trail().AddCallback(func(event string) error {
		var fields struct{ EventName string }
		if err := json.Unmarshal([]byte(event), &fields); err != nil {
			return err
		}
		names = append(names, fields.EventName)
		return nil // a checkpoint would have no name
	}))
	failures := 0
	noError(t, store.Trail().AddCallback(func(string) error {
		failures++
		switch failures % 3 {
		case 0:
			panic("a sink of the host's")
		case 1:
			runtime.Goexit()
		}
		return errors.New("full")
	}))
	for _, alias := range []string{"one", "two", "three"} {
		ok(store.CreateKey(alias, ""))(t)
		ok(store.Trail().Checkpoint())(t)
	}
	for failures < 3 {
		noError(t, store.Trail().Flush())
		time.Sleep(10 * time.Millisecond)
	}
	equal(t, strings.Count(strings.Join(names, " "), "CreateKey"), 3)
	equal(t, slices.Contains(names, ""), false)
	sinks := ok(store.Trail().Sinks())(t)
	equal(t, len(sinks), 2)
	equal(t, sinks[0].Dropped, 0)
	equal(t, sinks[1].LastError != "", true)
	equal(t, failures > 0, true)
}

// Fails when kf_sink_release does not end the goroutine.
func TestACallbackIsLetGoWhenTheLastHandleIs(t *testing.T) {
	store := ok(InMemory())(t)
	ok(store.CreateKey("cards", ""))(t)
	key := ok(store.Key("cards"))(t)
	held, gone := new([64]byte), make(chan struct{})
	runtime.AddCleanup(held, func(gone chan struct{}) { close(gone) }, gone)
	noError(t, store.Trail().AddCallback(func(event string) error { held[0]++; return nil }))
	isGone := func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		case <-time.After(10 * time.Millisecond):
			return false
		}
	}
	noError(t, store.Close())
	equal(t, isGone() || isGone(), false)
	noError(t, key.Close())
	for range 500 {
		if isGone() {
			gone = nil
			break
		}
	}
	equal(t, gone == nil, true)
	is(t, store.Trail().AddCallback(func(string) error { return nil }), ErrClosed)
	is(t, store.Trail().AddCallback(nil), ErrInvalidArgument)
}

// Fails when an event that the function fails at is tried for ever.
func TestACallbackGoesOnAfterAnEventThatItFailsAt(t *testing.T) {
	store := ok(InMemory())(t)
	defer store.Close()
	tried, after := 0, false
	noError(t, store.Trail().AddCallback(func(event string) error {
		if strings.Contains(event, "poison") {
			tried++
			return errors.New("not that one")
		}
		after = after || strings.Contains(event, "CreateKey") && strings.Contains(event, "after")
		return nil
	}))
	ok(store.CreateKey("before", ""))(t)
	ok(store.Trail().Checkpoint())(t)
	ok(store.CreateKey("poison", ""))(t)
	ok(store.CreateKey("after", ""))(t)
	for !after {
		noError(t, store.Trail().Flush())
		time.Sleep(10 * time.Millisecond)
	}
	equal(t, tried, 3)
	equal(t, ok(store.Trail().Sinks())(t)[0].Dropped, 1)
}

func TestAHandleIsAskedBeforeItDoes(t *testing.T) {
	key := aKey(t)
	few := ok(key.Narrow(Narrowing{Operations: []string{"Encrypt"}, ContextEquals: &row}))(t)
	defer few.Close()
	noError(t, few.DryRun("Encrypt", row))
	is(t, few.DryRun("Encrypt", Context{}), ErrAccessDenied)
	is(t, few.DryRun("Decrypt", row), ErrAccessDenied)
	is(t, few.DryRun("DisableKey", Context{}), ErrAccessDenied)
	noError(t, key.DryRun("DisableKey", Context{}))
	is(t, key.DryRun("Frob", Context{}), ErrInvalidArgument)
}

func TestTwoWhoAreVouchedForDoWhatOneMayNot(t *testing.T) {
	location, root := place(t)
	alice := ok(Init(location, root, &OpenOptions{Principal: "alice", BindPrincipal: true, RefreshEveryCall: true}))(t)
	defer alice.Close()
	second := ok(NewPassphrase([]byte("battery staple")))(t)
	defer second.Close()
	equal(t, ok(alice.AddRootAs(second, SlotOptions{Principal: "bob"}))(t).Principal, "bob")
	bob := ok(Open(location, second, &OpenOptions{RefreshEveryCall: true}))(t)
	defer bob.Close()
	ok(alice.CreateKey("cards", ""))(t)
	equal(t, ok(alice.UpdateKeyDescription("cards", "PANs"))(t).Description, "PANs")

	grant := ok(alice.CreateGrant("cards", CreateGrant{
		GranteePrincipal: "bob", Operations: []string{"Encrypt"}, RetiringPrincipal: "bob",
	}))(t)
	count := 0
	for one, err := range bob.RetirableGrants("bob") {
		noError(t, err)
		equal(t, one.GrantID, grant.GrantID)
		count++
	}
	equal(t, count, 1)
	noError(t, bob.RetireGrant("cards", grant.GrantID))
	is(t, alice.RevokeGrant("cards", grant.GrantID), ErrGrantNotFound)

	key := ok(alice.Key("cards"))(t)
	defer key.Close()
	ok(key.Encrypt(nil, []byte("0123456789"), row, nil))(t)
	usage := ok(alice.KeyUsage("cards"))(t)
	equal(t, len(usage), 1)
	equal(t, usage[0].Bytes, 10)

	equal(t, ok(alice.Settings())(t).ApprovalSeconds, 3600)
	ok(alice.UpdateSettings(StoreSettings{
		DualControl: []string{"ScheduleKeyDeletion"}, Administrators: []string{"alice", "bob"},
	}))(t)
	_, err := alice.ScheduleKeyDeletion("cards", 7)
	is(t, err, ErrApprovalRequired)
	request := map[string]any{"keyId": "cards", "pendingWindowInDays": 7}
	noError(t, bob.WithdrawApproval(ok(bob.Approve("ScheduleKeyDeletion", request, 0))(t).ApprovalID))
	equal(t, len(ok(alice.Approvals())(t)), 0)
	equal(t, ok(bob.Approve("ScheduleKeyDeletion", request, time.Minute))(t).Principal, "bob")
	equal(t, ok(alice.ScheduleKeyDeletion("cards", 7))(t).KeyState, "PendingDeletion")
}

func TestMaterialComesUnder4096BitsToo(t *testing.T) {
	if Engine() != "aws-lc" {
		t.Skip("no RSA in this build")
	}
	store := ok(InMemory())(t)
	defer store.Close()
	ok(store.CreateKeyWith("mine", KeyOptions{External: true}))(t)
	given := ok(store.ParametersForImport("mine", "RSAES_OAEP_SHA_256/RSA_4096"))(t)
	public := ok(x509.ParsePKIXPublicKey(given.PublicKey))(t).(*rsa.PublicKey)
	equal(t, public.Size(), 512)
	material := make([]byte, 32)
	noError(t, Random(material))
	wrapped := ok(rsa.EncryptOAEP(sha256.New(), rand.Reader, public, material, nil))(t)
	equal(t, ok(store.ImportWrappedKeyMaterial("mine", given.ImportToken, wrapped, "", 0))(t).KeyState, "Enabled")
	key := ok(store.Key("mine"))(t)
	defer key.Close()
	sealed := ok(key.Encrypt(nil, []byte("x"), row, nil))(t)
	equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), "x")
}

func TestMaterialOfOnesOwnComesWrappedGoesAndComesAgain(t *testing.T) {
	if Engine() != "aws-lc" {
		t.Skip("no RSA in this build")
	}
	store := ok(InMemory())(t)
	defer store.Close()
	material := make([]byte, 32)
	noError(t, Random(material))
	kind := ""
	bring := func(material []byte) (KeyMetadata, error) {
		given := ok(store.ParametersForImport("mine", "RSAES_OAEP_SHA_256/RSA_3072"))(t)
		public := ok(x509.ParsePKIXPublicKey(given.PublicKey))(t)
		wrapped := ok(rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), material, nil))(t)
		return store.ImportWrappedKeyMaterial("mine", given.ImportToken, wrapped, kind, 0)
	}
	equal(t, ok(store.CreateKeyWith("mine", KeyOptions{External: true}))(t).KeyState, "PendingImport")
	equal(t, ok(bring(material))(t).KeyState, "Enabled")
	key := ok(store.Key("mine"))(t)
	defer key.Close()
	sealed := ok(key.Encrypt(nil, []byte("x"), row, nil))(t)
	equal(t, ok(store.DeleteImportedKeyMaterial("mine", ""))(t).KeyState, "PendingImport")
	other := make([]byte, 32)
	noError(t, Random(other))
	_, err := bring(other)
	is(t, err, ErrIncorrectKeyMaterial)
	ok(bring(material))(t)
	equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), "x")

	_, err = store.RotateKey("mine")
	is(t, err, ErrInvalidKeyState)
	kind = "NEW_KEY_MATERIAL"
	equal(t, ok(bring(other))(t).Versions[1].State, "PENDING_ROTATION")
	equal(t, ok(store.RotateKey("mine"))(t).Version, 2)
	turned := ok(store.DescribeKey("mine"))(t)
	equal(t, turned.CurrentVersion, 2)
	equal(t, turned.Versions[1].Origin, "EXTERNAL")
	equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), "x")
	gone := ok(store.DeleteImportedKeyMaterial("mine", turned.Versions[0].MaterialID))(t)
	equal(t, gone.Versions[0].State, "PENDING_IMPORT")
	equal(t, gone.Versions[1].State, "CURRENT")
}

func TestAStoreGivesSignsOfLifeAndIsNotMendedWhileItIsWhole(t *testing.T) {
	location, root := place(t)
	store := ok(Init(location, root, nil))(t)
	ok(store.CreateKey("cards", ""))(t)
	before := ok(store.Info())(t)
	noError(t, store.Heartbeat())
	equal(t, ok(store.Info())(t).Epoch, before.Epoch+1)
	noError(t, store.Close())
	_, err := Repair(location, []Root{root}, nil)
	is(t, err, ErrInvalidArgument)
	equal(t, strings.Contains(err.Error(), "whole"), true)
}

func TestAChangeOfACompromisedRootLeavesTheOldOneNothing(t *testing.T) {
	location, root := place(t)
	store := ok(Init(location, root, nil))(t)
	ok(store.CreateKey("cards", ""))(t)
	key := ok(store.Key("cards"))(t)
	sealed := ok(key.Encrypt(nil, []byte("x"), row, nil))(t)
	before := ok(store.Info())(t)
	key.Close()
	noError(t, store.Close())
	next := ok(CreateKeyFile(filepath.Join(t.TempDir(), "root", "next.key")))(t)
	report := ok(ChangeCompromisedRoot(location, []Root{root}, next, nil, nil))(t)
	equal(t, report.Rotated, 1)
	equal(t, report.Fingerprint != before.Fingerprint, true)
	_, err := Open(location, root, nil)
	is(t, err, ErrRootMismatch)
	store = ok(Open(location, next, nil))(t)
	defer store.Close()
	key = ok(store.Key("cards"))(t)
	defer key.Close()
	equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), "x")
}

func TestABackupRestoresAsANewIncarnation(t *testing.T) {
	location, root := place(t)
	store := ok(Init(location, root, nil))(t)
	defer store.Close()
	ok(store.CreateKey("cards", ""))(t)
	folder := t.TempDir()
	noError(t, os.Chmod(folder, 0o700))
	backup := filepath.Join(folder, "backup")
	equal(t, ok(store.BackUp(backup))(t).Keys, 1)
	equal(t, ok(VerifyBackup(backup, root))(t).Keys, 1)
	was := ok(store.Info())(t).Incarnation
	again := ok(Restore(backup, filepath.Join(folder, "keys.db"), []Root{root}, nil))(t)
	defer again.Close()
	equal(t, ok(again.Info())(t).Incarnation != was, true)
	// Whoever has seen the new life takes the old one no more.
	_, err := store.Info()
	is(t, err, ErrStoreRolledBack)
	_, err = Restore(backup, filepath.Join(folder, "other.db"), nil, nil)
	is(t, err, ErrInvalidArgument)
	noError(t, os.WriteFile(backup, []byte("no backup"), 0o600))
	_, err = VerifyBackup(backup, root)
	is(t, err, ErrBackupInvalid)
}
