package keyfold

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAStoreIsMadeOnceAndOpenedWithItsRootAlone(t *testing.T) {
	location, root := place(t)
	_, err := Open(location, root, nil)
	is(t, err, ErrStoreNotFound)
	store := ok(Init(location, root, &OpenOptions{Development: true}))(t)
	made := ok(store.CreateKey("cards", "card numbers"))(t)
	info := ok(store.Info())(t)
	equal(t, info.Development, true)
	key := ok(store.Key("cards"))(t)
	sealed := ok(key.Encrypt(nil, []byte("4111"), row, nil))(t)
	noError(t, key.Close())
	noError(t, store.Close())
	_, err = Init(location, root, nil)
	is(t, err, ErrStoreExists)

	store = ok(Open("sqlite:"+location+"?fingerprint="+info.Fingerprint, root, nil))(t)
	equal(t, ok(store.DescribeKey("cards"))(t).Description, "card numbers")
	key = ok(store.Key(made.KeyID))(t)
	equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), "4111")
	noError(t, key.Close())
	noError(t, store.Close())

	_, err = Open("sqlite:"+location+"?fingerprint="+strings.Repeat("0", 32), root, nil)
	is(t, err, ErrFingerprintMismatch)
	_, stranger := place(t)
	_, err = Open(location, stranger, nil)
	is(t, err, ErrRootMismatch)
	is(t, err, ErrRoot)
	_, err = Open(location, nil, nil)
	is(t, err, ErrInvalidArgument)
}

func TestKeysAreMadeDescribedListedDisabledEnabledAndRotated(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		made := ok(store.CreateKey("cards", ""))(t)
		equal(t, made.KeyState, "Enabled")
		equal(t, len(made.Versions), 1)
		equal(t, made.Created.IsZero(), false)
		want := []string{made.KeyID}
		for range 250 { // more than two pages
			want = append(want, ok(store.CreateKey("", ""))(t).KeyID)
		}
		var have []string
		for key, err := range store.Keys() {
			noError(t, err)
			have = append(have, key.KeyID)
		}
		slices.Sort(have)
		slices.Sort(want)
		equal(t, slices.Equal(have, want), true)
		for range store.Keys() {
			break // a loop that ends early ends
		}

		version := ok(store.RotateKey("cards"))(t)
		equal(t, version.Version, 2)
		described := ok(store.DescribeKey("alias/cards"))(t)
		equal(t, described.CurrentVersion, 2)
		equal(t, described.Versions[1].MaterialID, version.MaterialID)

		key := ok(store.Key("cards"))(t)
		defer key.Close()
		equal(t, ok(key.ID())(t), made.KeyID)
		equal(t, ok(store.DisableKey("cards"))(t).KeyState, "Disabled")
		_, err := key.Encrypt(nil, nil, row, nil)
		is(t, err, ErrKeyDisabled)
		is(t, err, ErrKeyPolicy)
		equal(t, ok(store.EnableKey("cards"))(t).KeyState, "Enabled")
		ok(key.Encrypt(nil, nil, row, nil))(t)
		equal(t, ok(store.Verify())(t), 251)
	})
}

func TestAliasesAreMadeMovedAndDeleted(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		first, second := ok(store.CreateKey("one", ""))(t), ok(store.CreateKey("two", ""))(t)
		equal(t, len(ok(store.CreateAlias("current", "one"))(t).Aliases), 2)
		_, err := store.CreateAlias("current", "two")
		is(t, err, ErrAlreadyExists)
		key := ok(store.Key("current"))(t)
		defer key.Close()
		equal(t, ok(store.MoveAlias("current", "two"))(t).KeyID, second.KeyID)
		equal(t, ok(key.ID())(t), first.KeyID)
		leads := map[string]string{}
		for alias, err := range store.Aliases() {
			noError(t, err)
			leads[alias.Alias] = alias.KeyID
		}
		equal(t, len(leads), 3)
		equal(t, leads["current"], second.KeyID)
		noError(t, store.DeleteAlias("current"))
		_, err = store.Key("current")
		is(t, err, ErrKeyNotFound)
	})
}

func TestMaterialIsImportedAndAKeyIsExported(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		material := make([]byte, 32)
		for i := range material {
			material[i] = byte(i)
		}
		made := ok(store.ImportKeyMaterial(material, "mine", "ours"))(t)
		equal(t, made.Origin, "EXTERNAL")
		for _, wrong := range [][]byte{nil, material[:31], append(slices.Clone(material), 1), make([]byte, 32)} {
			_, err := store.ImportKeyMaterial(wrong, "", "")
			is(t, err, ErrInvalidKeyMaterial)
		}
		ok(store.CreateKey("cards", ""))(t)
		exported := ok(store.ExportKey("cards", "mine"))(t)
		_, err := store.ImportKey(exported)
		is(t, err, ErrAlreadyExists)
		elsewhere := ok(InMemory())(t)
		defer elsewhere.Close()
		_, err = elsewhere.ImportKey(exported)
		is(t, err, ErrKeyNotFound)
		ok(elsewhere.ImportKeyMaterial(material, "", ""))(t) // the same bytes, under another id
		taken := ok(elsewhere.ImportKey(exported))(t)
		equal(t, taken.KeyID, ok(store.DescribeKey("cards"))(t).KeyID)
		exported[len(exported)-1] ^= 1
		_, err = elsewhere.ImportKey(exported)
		is(t, err, ErrAuth)
	})
}

func TestRootsAreAddedChangedAndRemovedButNeverTheLast(t *testing.T) {
	location, root := place(t)
	_, second := place(t)
	store := ok(Init(location, root, nil))(t)
	only := ok(store.Roots())(t)[0]
	equal(t, only.Kind, "file")
	equal(t, only.InUse, true)
	is(t, store.RemoveRoot(only.SlotID), ErrLastRoot)
	added := ok(store.AddRoot(second))(t)
	equal(t, len(ok(store.Roots())(t)), 2)
	noError(t, store.RemoveRoot(added.SlotID))
	ok(store.ChangeRoot("", second))(t)
	noError(t, store.Close())
	_, err := Open(location, root, nil)
	is(t, err, ErrRootMismatch)
	noError(t, ok(Open(location, second, nil))(t).Close())
}

func TestAPassphraseIsARoot(t *testing.T) {
	location, _ := place(t)
	passphrase := ok(NewPassphrase([]byte("grüße \x00 🔑")))(t)
	store := ok(Init(location, passphrase, nil))(t)
	equal(t, ok(store.Roots())(t)[0].Kind, "passphrase")
	noError(t, store.Close())
	noError(t, ok(Open(location, passphrase, nil))(t).Close())
	noError(t, passphrase.Close())
	noError(t, passphrase.Close())
	_, err := Open(location, passphrase, nil)
	is(t, err, ErrClosed)
	cut := ok(NewPassphrase([]byte("grüße ")))(t) // a NUL is a byte like others, not the end
	defer cut.Close()
	_, err = Open(location, cut, nil)
	is(t, err, ErrRootMismatch)
	_, err = NewPassphrase(nil)
	is(t, err, ErrUsage)
}

func TestAnUnsafeRootIsRefusedWithTheWayToMendIt(t *testing.T) {
	location, root := place(t)
	noError(t, os.Chmod(root.Path, 0o644))
	_, err := Init(location, root, nil)
	is(t, err, ErrRootUnsafe)
	equal(t, strings.Contains(err.Error(), "chmod"), true)
	root.AllowReadable = true
	noError(t, ok(Init(location, root, nil))(t).Close())
	beside := ok(CreateKeyFile(filepath.Join(filepath.Dir(location), "root.key")))(t)
	_, err = Init(location+"2", beside, nil)
	is(t, err, ErrRootUnsafe)
	beside.AllowBesideStore = true
	noError(t, ok(Init(location+"2", beside, nil))(t).Close())
	_, err = CreateKeyFile(beside.Path)
	is(t, err, ErrFileExists)
}

func TestAStoreOpenedReadOnlyChangesNothing(t *testing.T) {
	location, root := place(t)
	store := ok(Init(location, root, nil))(t)
	ok(store.CreateKey("cards", ""))(t)
	noError(t, store.Close())
	options := &OpenOptions{ReadOnly: true, Fork: ForkInherit, RefreshEveryCall: true, BusyTimeout: time.Second}
	store = ok(Open(location, root, options))(t)
	defer store.Close()
	equal(t, ok(store.Info())(t).ReadOnly, true)
	key := ok(store.Key("cards"))(t)
	defer key.Close()
	sealed := ok(key.Encrypt(nil, []byte("m"), row, nil))(t)
	equal(t, string(ok(key.Decrypt(nil, sealed, row, nil))(t)), "m")
	_, err := store.RotateKey("cards")
	is(t, err, ErrStoreReadOnly)
	equal(t, millis(time.Microsecond), 1) // a short time does not become the default
	equal(t, millis(-time.Second), 0)
}

func TestTheLibraryTellsAboutItself(t *testing.T) {
	header, err := os.ReadFile("keyfold.h")
	noError(t, err)
	equal(t, strings.Contains(string(header), `#define KEYFOLD_VERSION "`+Version()+`"`), true)
	equal(t, Engine() == "aws-lc" || Engine() == "aes-gcm", true)
	equal(t, Linking != "", true)
	noError(t, SelfTest())
	noError(t, Reseed())
	protection := ok(ProtectionStatus())(t)
	equal(t, protection.DumpableBytes, 0)
	first, second := make([]byte, 32), make([]byte, 32)
	noError(t, Random(first))
	noError(t, Random(second))
	noError(t, Random(nil))
	equal(t, string(first) == string(second), false)
}

func TestReportsSayWhatIsThereWithoutTheMessage(t *testing.T) {
	onBothStores(t, func(t *testing.T, store *Store) {
		ok(store.CreateKey("cards", ""))(t)
		key := ok(store.Key("cards"))(t)
		defer key.Close()
		sealed := ok(key.Encrypt(nil, []byte("a message of mine"), row, &EncryptOptions{StoreContext: StoreNames}))(t)
		var report struct {
			Cells []struct {
				KeyID string `json:"key_id"`
			} `json:"cells"`
			StoredContext []struct{ Name string } `json:"stored_context"`
		}
		noError(t, json.Unmarshal(ok(Inspect(sealed[:200], uint64(len(sealed))))(t), &report))
		equal(t, report.Cells[0].KeyID, ok(key.ID())(t))
		equal(t, report.StoredContext[1].Name, "tenant")
		var explained struct {
			HeadOpens bool     `json:"head_opens"`
			Reasons   []string `json:"reasons"`
		}
		text := ok(store.Explain(nil, sealed, 0, row))(t)
		noError(t, json.Unmarshal(text, &explained))
		equal(t, explained.HeadOpens, true)
		equal(t, strings.Contains(string(text), "of mine"), false)
		noError(t, json.Unmarshal(ok(store.Explain(key, sealed, 0, Context{}))(t), &explained))
		equal(t, explained.HeadOpens, false)
		equal(t, len(explained.Reasons) > 0, true)
		_, err := Inspect([]byte("no envelope"), 0)
		is(t, err, ErrNotAnEnvelope)
	})
}
