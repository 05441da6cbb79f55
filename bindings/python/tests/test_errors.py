"""What goes wrong, and how it is told: statuses, names with NUL, closed objects, secrets in text, pickles."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import keyfold
import pytest
from conftest import ROW
from keyfold import _native

SECRET = b"\xf0\x9f\x94\x91 4111 1111 1111 1111"


# Statuses.


def test_every_status_has_a_name_a_text_and_the_flag_that_the_table_gives_it() -> None:
    """The header says in prose which statuses are worth trying again; the library's own table must agree."""
    assert len(keyfold.Status) > 50
    source = Path(_native.__file__).read_text(encoding="utf-8")
    for status in keyfold.Status:
        error = _native.KeyfoldError(int(status))
        assert error.name == status.name
        assert error.hint and str(error) == error.hint
        comment = source.partition(f"    {status.name} = {int(status)}\n")[2].partition('"""\n')[0]
        assert error.retryable == ("Trying again may help." in comment.replace("\n", " ")), status
    unknown = _native.KeyfoldError(12345)
    assert (unknown.status, unknown.name, unknown.retryable) == (12345, "UNKNOWN", False)


def test_every_error_is_of_its_category_and_of_its_own_class() -> None:
    categories = {
        1: "UsageError",
        2: "KeyPolicyError",
        3: "InvalidCiphertext",
        4: "RootError",
        5: "StoreError",
    }
    for status in keyfold.Status:
        if status == 0:
            continue
        kind = _native._CLASSES.get(int(status)) or _native._CATEGORIES[int(status) // 100]
        general = getattr(keyfold, categories.get(int(status) // 100, "InternalError"))
        assert issubclass(kind, general) and issubclass(kind, keyfold.KeyfoldError)
        assert getattr(keyfold, kind.__name__) is kind, "exported"
    assert _native._CLASSES[int(keyfold.Status.AUTH)] is keyfold.AuthenticationError


def test_an_error_survives_a_pickle(key: keyfold.Key) -> None:
    with pytest.raises(keyfold.AuthenticationError) as caught:
        key.decrypt(key.encrypt(b"m"), context=ROW)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (type(again), again.status, str(again)) == (keyfold.AuthenticationError, 303, str(caught.value))


def test_an_error_tells_the_name_that_was_given_and_what_to_do(key: keyfold.Key) -> None:
    with keyfold.in_memory() as store:
        with pytest.raises(keyfold.KeyNotFound) as caught:
            store.key("no-such-key")
        assert "no-such-key" in str(caught.value)
        assert "list" in caught.value.hint


# Names.


@pytest.mark.parametrize("name", ["a\0b", "\0", "cards\0"])
def test_text_with_a_nul_is_refused_everywhere(name: str, tmp_path: Path) -> None:
    """Cut at the NUL it would name something else. Seen failing with the check taken out of `encoded`."""
    with keyfold.in_memory() as store:
        store.create_key("a")
        store.create_key("cards")
        calls: list[Any] = [
            lambda: store.key(name),
            lambda: store.create_key(name),
            lambda: store.create_key(description=name),
            lambda: store.describe_key(name),
            lambda: store.rotate_key(name),
            lambda: store.create_alias(name, "a"),
            lambda: store.create_alias("b", name),
            lambda: store.export_key(name, under="a"),
            lambda: store.remove_root(name),
            lambda: store.rewrap_file(f"{tmp_path}/{name}"),
            lambda: keyfold.open(name, keyfold.KeyFile("/r")),
            lambda: keyfold.open("/s", keyfold.KeyFile(name)),
            lambda: keyfold.KeyFile.create(f"{tmp_path}/{name}"),
        ]
        for call in calls:
            with pytest.raises(ValueError, match="NUL"):
                call()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "schlüssel", "a b", "keyfold/x", "😀", "x" * 257, "alias/", "../x"])
def test_what_is_no_alias_is_refused(name: str) -> None:
    with keyfold.in_memory() as store:
        with pytest.raises(keyfold.InvalidName):
            store.create_key(name)
        assert list(store.keys()) == []


@pytest.mark.parametrize("description", ["", "Kartennummern für Köln 💳", "x" * 8192])
def test_a_description_is_any_text(description: str) -> None:
    with keyfold.in_memory() as store:
        assert store.create_key("k", description=description).description == description


@pytest.mark.parametrize("name", [None, 7, b"cards", ["cards"]])
def test_a_name_of_another_type_is_a_type_error(name: Any) -> None:
    with keyfold.in_memory() as store:
        for call in [store.key, store.describe_key, store.rotate_key, store.delete_alias]:
            with pytest.raises(TypeError, match="must be str"):
                call(name)


def test_paths_may_be_of_any_text(root: keyfold.KeyFile, tmp_path: Path) -> None:
    folder = tmp_path / "größe 😀"
    folder.mkdir(mode=0o700)
    keyfold.init(folder / "schlüssel.db", root).close()
    keyfold.open(str(folder / "schlüssel.db"), root).close()
    with pytest.raises(TypeError):
        keyfold.open(b"keys.db", root)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="KeyFile or a Passphrase"):
        keyfold.open("keys.db", "root.key")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [-1, 9, 1 << 32, (1 << 32) + 1, 1.0, "1"])
def test_numbers_that_do_not_fit_are_refused_and_not_cut(key: keyfold.Key, value: Any) -> None:
    """ctypes takes 2**32 + 1 for 1."""
    with pytest.raises((TypeError, ValueError)):
        key.encrypt(b"m", free_cells=value)


@pytest.mark.parametrize(
    "choice", [{"fork": "maybe"}, {"refresh": -1}, {"busy_timeout": 1e12}, {"refresh": float("nan")}]
)
def test_options_of_no_meaning_are_refused(choice: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        keyfold.open("keys.db", keyfold.KeyFile("root.key"), **choice)


# Closed objects.


def test_calls_on_a_closed_object_are_value_errors(store: keyfold.Store) -> None:
    store.create_key("cards")
    key = store.key("cards")
    sealed = key.encrypt(b"m")
    key.close()
    key.close()
    assert key.closed and "closed" in repr(key)
    for call in [lambda: key.encrypt(b"m"), lambda: key.decrypt(sealed), lambda: key.id, key.__enter__]:
        with pytest.raises(ValueError, match="this key is closed"):
            call()
    with pytest.raises(ValueError, match="this key is closed"):
        store.decrypt(sealed, keys=[key])


def test_a_key_outlives_its_store() -> None:
    with keyfold.in_memory() as store:
        store.create_key("cards")
        key = store.key("cards")
    with pytest.raises(ValueError, match="this store is closed"):
        store.info()
    with key:
        assert key.decrypt(key.encrypt(b"m")) == b"m"


def test_a_handle_closed_behind_the_wrapper_s_back_is_an_error_and_no_crash(key: keyfold.Key) -> None:
    """What a thread sees whose key another thread closes between look-up and call."""
    raw = key._handle
    key.close()
    with pytest.raises(keyfold.InvalidHandle):
        _native.keyfold_encrypt(raw, b"m", 1, None, 0, None, None, 0, _native.ctypes.c_size_t())
    with pytest.raises(keyfold.InvalidHandle):
        _native.keyfold_key_close(raw)
    with pytest.raises(_native.ctypes.ArgumentError):
        _native.keyfold_store_close(raw)  # another kind: ctypes refuses it already


def test_what_is_left_open_warns_and_is_closed() -> None:
    before = keyfold.open_handles()
    store = keyfold.in_memory()
    store.create_key("cards")
    key = store.key("cards")
    assert keyfold.open_handles() == before + 2
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del key, store
        gc.collect()
    assert [w.category for w in caught] == [ResourceWarning, ResourceWarning]
    assert "unclosed <keyfold." in str(caught[0].message)
    assert keyfold.open_handles() == before


def test_objects_in_a_cycle_are_closed_too() -> None:
    before = keyfold.open_handles()
    cycle: list[Any] = [keyfold.in_memory()]
    cycle.append(cycle)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("always")
        del cycle
        gc.collect()
    assert keyfold.open_handles() == before


# Secrets.


def test_no_text_and_no_pickle_holds_a_secret(key: keyfold.Key) -> None:
    """T-73."""
    data_key = key.generate_data_key()
    secrets = [SECRET, bytes(data_key.plaintext)]
    with keyfold.in_memory() as store:
        store.create_key("k")
        with store.key("k") as other:
            opened = store.decrypt(other.encrypt(SECRET))
    passphrase = keyfold.Passphrase(SECRET)
    for thing in [key, data_key, opened, passphrase, store]:
        shown = f"{thing} {thing!r} {thing!s} {[thing]} {vars(thing) if thing is opened else ''}"
        if thing is opened:
            shown = f"{thing} {thing!r} {[thing]}"
        for secret in secrets:
            for form in [repr(secret)[2:-1], secret.hex(), repr(bytearray(secret))]:
                assert form not in shown
        for copying in [pickle.dumps, copy.copy, copy.deepcopy]:
            with pytest.raises(TypeError, match="cannot be pickled or copied"):
                copying(thing)
    passphrase.close()
    data_key.wipe()
    assert data_key.plaintext == bytes(32)


def test_an_error_of_the_library_holds_no_secret(key: keyfold.Key) -> None:
    sealed = bytearray(key.encrypt(SECRET))
    sealed[-1] ^= 1
    with pytest.raises(keyfold.AuthenticationError) as caught:
        key.decrypt(sealed)
    text = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert repr(SECRET)[2:-1] not in text


# The end of a process.


EXITS = {
    "open handles": "store = keyfold.in_memory(); store.create_key('k'); key = store.key('k')",
    "sys.exit": "store = keyfold.in_memory(); sys.exit(0)",
    "os._exit": "store = keyfold.in_memory(); os._exit(0)",
    "a module's global": "sys.modules['keep'] = keyfold.in_memory()",
    "an atexit handler": "import atexit; s = keyfold.in_memory(); atexit.register(lambda: s.create_key('late'))",
    "a cycle": "cycle = [keyfold.in_memory()]; cycle.append(cycle); del cycle",
    "daemon threads": (
        "import threading\n"
        "store = keyfold.in_memory(); store.create_key('k'); key = store.key('k')\n"
        "def work():\n"
        "    while True: key.decrypt(key.encrypt(bytes(1000)))\n"
        "for _ in range(4): threading.Thread(target=work, daemon=True).start()\n"
        "import time; time.sleep(0.05)"
    ),
}


@pytest.mark.parametrize("how", EXITS)
def test_a_process_ends_quietly_whatever_is_open(how: str) -> None:
    """T-69."""
    script = f"import os, sys, keyfold\n{EXITS[how]}\n"
    path = str(Path(keyfold.__file__).parents[1])
    for _ in range(3):
        done = subprocess.run(
            [
                sys.executable,
                "-W",
                "ignore::ResourceWarning",
                "-c",
                f"import sys; sys.path.insert(0, {path!r})\n{script}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
