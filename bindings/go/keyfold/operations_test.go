package keyfold

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
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
		return nil
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
	}
	noError(t, store.Trail().Flush())
	equal(t, strings.Count(strings.Join(names, " "), "CreateKey"), 3)
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
