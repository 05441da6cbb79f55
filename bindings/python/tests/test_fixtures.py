"""The committed envelopes, which every later version opens."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Iterator

import keyfold
import pytest
from conftest import REPOSITORY

FIXTURES = REPOSITORY / "tests/fixtures"
RELEASES = sorted(path.parent for path in FIXTURES.glob("*/store.db"))
SIDECARS = [path for release in RELEASES for path in sorted((release / "envelopes").glob("*.json"))]


def _name(path: Path) -> str:
    return path.name if path in RELEASES else f"{path.parts[-3]}-{path.stem}"


@contextmanager
def _store(release: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[keyfold.Store]:
    """A release's committed store and its root, copied to where their modes are as they must be."""
    places = []
    for name in ["store.db", "root.key"]:
        folder = tmp_path_factory.mktemp(name.split(".")[0])
        folder.chmod(0o700)
        shutil.copyfile(release / name, folder / name)
        (folder / name).chmod(0o600)
        places.append(folder / name)
    # A copy: the anchor of another copy may know more of the store than this one has.
    with keyfold.open(places[0], keyfold.KeyFile(places[1]), anchor=False) as store:
        yield store


@pytest.fixture(scope="module")
def fixture_stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Path, keyfold.Store]]:
    with ExitStack() as stack:
        yield {r: stack.enter_context(_store(r, tmp_path_factory)) for r in RELEASES}


def _opened(store: keyfold.Store, told: dict[str, Any], data: bytes) -> bytes:
    options = {"context": told["context"], "accept_stored_context": told["accept_stored_context"]}
    keys = [] if told["keys"] == "*" else [store.key(name) for name in told["keys"]]
    try:
        if told["kind"] == "datakey":
            opener = keys[0] if keys else store
            return bytes(opener.decrypt_data_key(data, **options))
        return store.decrypt(data, keys=keys or None, **options).plaintext
    finally:
        for key in keys:
            key.close()


def test_there_are_fixtures() -> None:
    assert RELEASES
    for release in RELEASES:
        assert len([path for path in SIDECARS if path.parents[1] == release]) >= 20, release


@pytest.mark.parametrize("sidecar", SIDECARS, ids=_name)
def test_a_committed_envelope_opens_to_what_is_written_beside_it(
    fixture_stores: dict[Path, keyfold.Store], sidecar: Path
) -> None:
    told = json.loads(sidecar.read_text())
    data = sidecar.with_suffix(".kfe").read_bytes()
    assert _opened(fixture_stores[sidecar.parents[1]], told, data) == bytes.fromhex(told["plaintext_hex"])


@pytest.mark.parametrize("sidecar", SIDECARS[:5], ids=_name)
def test_a_committed_envelope_is_refused_when_its_last_byte_is_changed(
    fixture_stores: dict[Path, keyfold.Store], sidecar: Path
) -> None:
    told = json.loads(sidecar.read_text())
    data = bytearray(sidecar.with_suffix(".kfe").read_bytes())
    data[-1] ^= 1
    with pytest.raises((keyfold.InvalidCiphertext, keyfold.KeyPolicyError)):
        _opened(fixture_stores[sidecar.parents[1]], told, bytes(data))


@pytest.mark.parametrize("release", RELEASES, ids=_name)
def test_the_committed_store_verifies_and_its_passphrase_opens_it(
    fixture_stores: dict[Path, keyfold.Store], release: Path, tmp_path: Path
) -> None:
    fixture_store = fixture_stores[release]
    assert fixture_store.verify() == 3
    assert {alias.alias for alias in fixture_store.aliases()} >= {"cards", "invoices", "imported"}
    copied = tmp_path / "store.db"
    tmp_path.chmod(0o700)
    shutil.copyfile(release / "store.db", copied)
    copied.chmod(0o600)
    with keyfold.Passphrase(b"correct horse battery staple") as passphrase:
        keyfold.open(copied, passphrase).close()
