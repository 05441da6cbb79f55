"""A store's and a key's whole life, through every call, on both kinds of store."""

from __future__ import annotations

import datetime
import uuid
from pathlib import Path

import keyfold
import pytest
from conftest import ROW


def test_a_store_is_made_once_and_opened_with_its_root_alone(
    location: Path, root: keyfold.KeyFile, tmp_path: Path
) -> None:
    with pytest.raises(keyfold.StoreNotFound):
        keyfold.open(location, root)
    with keyfold.init(location, root) as store:
        made = store.create_key("cards", description="card numbers")
        fingerprint = store.info().fingerprint
        with store.key("cards") as key:
            sealed = key.encrypt(b"4111", context=ROW)
    with pytest.raises(keyfold.StoreExists):
        keyfold.init(location, root)
    with keyfold.open(f"sqlite:{location}?fingerprint={fingerprint}", root) as store:
        assert store.describe_key("cards") == made
        assert made.description == "card numbers"
        with store.key("cards") as key:
            assert key.decrypt(sealed, context=ROW) == b"4111"
    with pytest.raises(keyfold.StoreError) as caught:
        keyfold.open(f"sqlite:{location}?fingerprint={'0' * 32}", root)
    assert caught.value.name == "FINGERPRINT_MISMATCH"
    other = tmp_path / "other"
    other.mkdir(mode=0o700)
    with pytest.raises(keyfold.RootMismatch):
        keyfold.open(location, keyfold.KeyFile.create(other / "root.key"))


def test_keys_are_made_described_listed_disabled_enabled_and_rotated(store: keyfold.Store) -> None:
    made = store.create_key("cards")
    assert str(uuid.UUID(made.key_id)) == made.key_id
    assert made.aliases == ("cards",)
    assert (made.key_state, made.current_version, len(made.versions)) == ("Enabled", 1, 1)
    assert made.created.tzinfo is datetime.timezone.utc
    assert store.describe_key(made.key_id) == store.describe_key("alias/cards") == made

    others = [store.create_key().key_id for _ in range(4)]
    listed = [k.key_id for k in store.keys()]
    assert sorted(listed) == sorted([made.key_id, *others])
    assert [k.key_id for k in store.keys(page_size=2)] == listed, "the order is fixed"

    version = store.rotate_key("cards")
    described = store.describe_key("cards")
    assert (version.key_id, version.version, described.current_version) == (made.key_id, 2, 2)
    assert described.versions[1].material_id == version.material_id
    assert described.versions[0].material_id != version.material_id

    with store.key("cards") as key:
        sealed = key.encrypt(b"m")
        assert store.disable_key("cards").key_state == "Disabled"
        with pytest.raises(keyfold.KeyDisabled):
            key.encrypt(b"m")
        with pytest.raises(keyfold.KeyDisabled):
            key.decrypt(sealed)
        assert store.enable_key("cards").key_state == "Enabled"
        assert key.decrypt(sealed) == b"m"
    assert store.verify() == 5


def test_every_version_goes_on_opening_what_it_sealed(store: keyfold.Store) -> None:
    store.create_key("cards")
    with store.key("cards") as key:
        sealed = [key.encrypt(b"0", context=ROW)]
        for i in range(1, 5):
            store.rotate_key("cards")
            sealed.append(key.encrypt(str(i).encode(), context=ROW))
        assert [key.decrypt(one, context=ROW) for one in sealed] == [b"0", b"1", b"2", b"3", b"4"]
        versions = [keyfold.inspect(one)["cells"][0]["version"] for one in sealed]
        assert versions == [1, 2, 3, 4, 5]


def test_aliases_are_made_moved_and_deleted(store: keyfold.Store) -> None:
    first, second = store.create_key("one"), store.create_key("two")
    assert store.create_alias("current", "one").aliases == ("current", "one")
    with pytest.raises(keyfold.AlreadyExists):
        store.create_alias("current", "two")
    with store.key("current") as key:
        assert store.move_alias("current", "two").key_id == second.key_id
        assert key.id == first.key_id, "a handle stays with its key when the name moves"
    listed = [(a.alias, a.key_id) for a in store.aliases(page_size=1)]
    assert sorted(listed) == [("current", second.key_id), ("one", first.key_id), ("two", second.key_id)]
    store.delete_alias("current")
    with pytest.raises(keyfold.KeyNotFound) as caught:
        store.key("current")
    assert "current" in str(caught.value)


def test_own_material_is_imported_and_only_exactly_32_bytes(store: keyfold.Store) -> None:
    made = store.import_key_material(bytes(range(32)), "mine", description="ours")
    assert made.origin == "EXTERNAL"
    with store.key("mine") as key:
        assert key.decrypt(key.encrypt(b"m")) == b"m"
    for wrong in [b"", bytes(range(31)), bytes(range(33)), bytes(32)]:
        with pytest.raises(keyfold.KeyPolicyError):
            store.import_key_material(wrong)


def test_a_key_is_exported_under_another_and_opens_its_envelopes_in_another_store(
    store: keyfold.Store,
) -> None:
    transport = bytes(range(100, 132))
    store.import_key_material(transport, "transport")
    made = store.create_key("cards")
    store.rotate_key("cards")
    with store.key("cards") as key:
        sealed = key.encrypt(b"moves", context=ROW)
    exported = store.export_key("cards", under="transport")
    with pytest.raises(keyfold.AlreadyExists):
        store.import_key(exported)
    with keyfold.in_memory() as elsewhere:
        with pytest.raises(keyfold.KeyNotFound):
            elsewhere.import_key(exported)
        elsewhere.import_key_material(transport, "transport")  # the same bytes, under another id
        taken = elsewhere.import_key(exported)
        assert (taken.key_id, taken.versions) == (made.key_id, store.describe_key("cards").versions)
        with elsewhere.key("cards") as key:
            assert key.decrypt(sealed, context=ROW) == b"moves"


def test_the_same_export_is_refused_when_a_byte_of_it_was_changed(store: keyfold.Store) -> None:
    store.create_key("transport")
    store.create_key("cards")
    exported = bytearray(store.export_key("cards", under="transport"))
    exported[len(exported) // 2] ^= 1
    with pytest.raises(keyfold.KeyfoldError):
        store.import_key(exported)


def test_roots_are_added_changed_and_removed_but_never_the_last(
    location: Path, root: keyfold.KeyFile, tmp_path: Path
) -> None:
    spare = tmp_path / "spare"
    spare.mkdir(mode=0o700)
    second = keyfold.KeyFile.create(spare / "root.key")
    with keyfold.init(location, root) as store:
        (only,) = store.roots()
        assert (only.kind, only.in_use) == ("file", True)
        with pytest.raises(keyfold.RootError) as caught:
            store.remove_root(only.slot_id)
        assert caught.value.name == "LAST_ROOT"
        added = store.add_root(second)
        assert {slot.slot_id for slot in store.roots()} == {only.slot_id, added.slot_id}
    keyfold.open(location, second).close()
    with keyfold.open(location, root) as store:
        store.remove_root(added.slot_id)
    with pytest.raises(keyfold.RootMismatch):
        keyfold.open(location, second)
    with keyfold.open(location, root) as store:
        store.change_root(second)
    with pytest.raises(keyfold.RootMismatch):
        keyfold.open(location, root)
    keyfold.open(location, second).close()


def test_a_passphrase_is_a_root_and_its_bytearray_is_wiped_when_asked(location: Path) -> None:
    secret = bytearray("grüße 🔑".encode())
    with keyfold.Passphrase(secret) as passphrase:
        assert secret == "grüße 🔑".encode()
        with keyfold.init(location, passphrase) as store:
            assert store.roots()[0].kind == "passphrase"
    with keyfold.Passphrase(secret, wipe=True) as passphrase:
        assert secret == bytes(len(secret))
        keyfold.open(location, passphrase).close()
    with keyfold.Passphrase(b"gr\xc3\xbc\xc3\x9fe \xf0\x9f\x94\x91\0") as passphrase:
        with pytest.raises(keyfold.RootMismatch):  # a NUL is a byte like others, not the end
            keyfold.open(location, passphrase)
    with pytest.raises(TypeError, match="writable"):
        keyfold.Passphrase(b"immutable", wipe=True)
    with pytest.raises(TypeError, match="not str"):
        keyfold.Passphrase("text")  # type: ignore[arg-type]


def test_an_unsafe_root_is_refused_with_the_way_to_mend_it(location: Path, root: keyfold.KeyFile) -> None:
    Path(root.path).chmod(0o644)
    with pytest.raises(keyfold.RootUnsafe, match="chmod"):
        keyfold.init(location, root)
    keyfold.init(location, keyfold.KeyFile(root.path, allow_readable=True)).close()
    beside = keyfold.KeyFile.create(location.parent / "root.key")
    with pytest.raises(keyfold.RootUnsafe):
        keyfold.init(location.with_name("second.db"), beside)
    keyfold.init(
        location.with_name("second.db"), keyfold.KeyFile(beside.path, allow_beside_store=True)
    ).close()


def test_a_store_opened_read_only_opens_and_encrypts_but_changes_nothing(
    location: Path, root: keyfold.KeyFile
) -> None:
    with keyfold.init(location, root, development=True) as store:
        store.create_key("cards")
        assert store.info().development
    with keyfold.open(location, root, read_only=True, refresh=0, busy_timeout=0) as store:
        assert store.info().read_only
        with store.key("cards") as key:
            assert key.decrypt(key.encrypt(b"m")) == b"m"
        for change in [
            store.create_key,
            lambda: store.rotate_key("cards"),
            lambda: store.delete_alias("cards"),
        ]:
            with pytest.raises(keyfold.StoreReadOnly):
                change()


def test_what_another_handle_changes_is_seen(location: Path, root: keyfold.KeyFile) -> None:
    with keyfold.init(location, root, refresh=0) as first, keyfold.open(location, root, refresh=0) as second:
        first.create_key("cards")
        with second.key("cards") as key:
            first.rotate_key("cards")
            assert keyfold.inspect(key.encrypt(b"m"))["cells"][0]["version"] == 2
            first.disable_key("cards")
            with pytest.raises(keyfold.KeyDisabled):
                key.encrypt(b"m")


def test_a_file_is_rewrapped_in_place(store: keyfold.Store, tmp_path: Path) -> None:
    store.create_key("cards")
    path = tmp_path / "message.kfe"
    with store.key("cards") as key:
        path.write_bytes(key.encrypt(b"m" * 50_000, context=ROW, free_cells=1))
        size = path.stat().st_size
        store.rotate_key("cards")
        assert key.rewrap_file(path, context=ROW).cells_rewrapped == 1
        assert store.rewrap_file(str(path)).cells_current == 1
        assert path.stat().st_size == size
        assert key.decrypt(path.read_bytes(), context=ROW) == b"m" * 50_000
        with pytest.raises(keyfold.AuthenticationError):
            key.rewrap_file(path, context={"tenant": "other"})


def test_the_library_tells_about_itself() -> None:
    assert keyfold.library_version() == keyfold.__version__
    assert keyfold.engine() in ("aws-lc", "aes-gcm")
    keyfold.self_test()
    keyfold.reseed()
    protection = keyfold.protection()
    assert protection.dumpable_bytes == 0 and protection.not_wiped_bytes == 0
    first, second = keyfold.random_bytes(32), keyfold.random_bytes(32)
    assert first != second and len(first) == 32
    assert keyfold.random_bytes(0) == b""
