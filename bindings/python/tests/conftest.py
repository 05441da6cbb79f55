"""What every test uses: stores of both kinds, a key, and a check that no handle stays open."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


def _choose_library() -> None:
    """Run from the source tree, the package has no library beside it: take the one that `make build` leaves."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    built = REPOSITORY / "build/lib/libkeyfold.so"
    if built.exists():
        os.environ.setdefault("KEYFOLD_LIBRARY", str(built))


_choose_library()

import keyfold  # noqa: E402

ROW = {"tenant": "acme", "table": "cards"}
MakeStore = Callable[[], "keyfold.Store"]


@pytest.fixture(autouse=True)
def no_handle_stays_open() -> Iterator[None]:
    gc.collect()
    before = keyfold.open_handles()
    yield
    gc.collect()
    assert keyfold.open_handles() == before


@pytest.fixture
def root(tmp_path: Path) -> keyfold.KeyFile:
    folder = tmp_path / "root"
    folder.mkdir(mode=0o700)
    return keyfold.KeyFile.create(folder / "root.key")


@pytest.fixture
def location(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    folder.mkdir(mode=0o700)
    return folder / "keys.db"


@pytest.fixture(params=["memory", "file"])
def store(request: pytest.FixtureRequest) -> Iterator[keyfold.Store]:
    """A store of either kind: the calls are the same."""
    if request.param == "memory":
        made = keyfold.in_memory()
    else:
        made = keyfold.init(request.getfixturevalue("location"), request.getfixturevalue("root"))
    with made:
        yield made


@pytest.fixture
def key() -> Iterator[keyfold.Key]:
    """A key of a store in memory, for what does not depend on the store."""
    with keyfold.in_memory() as made:
        made.create_key("cards")
        with made.key("cards") as opened:
            yield opened
