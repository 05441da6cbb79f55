"""Threads on one handle, and forks while they work."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Callable, Iterator

import keyfold
import pytest
from conftest import ROW

THREADS = 16


def _in_threads(count: int, work: Callable[[int], None]) -> None:
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:  # reported by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def test_sixteen_threads_use_one_key(key: keyfold.Key) -> None:
    row = keyfold.Context(ROW)

    def work(number: int) -> None:
        for i in range(100):
            message = f"{number} {i}".encode() * (i % 50 + 1)
            assert key.decrypt(key.encrypt(message, context=row), context=ROW) == message

    _in_threads(THREADS, work)


def test_threads_that_fail_each_see_their_own_error(key: keyfold.Key) -> None:
    """The detail is the thread's: another thread's failure never shows in it."""
    with keyfold.in_memory() as store:

        def work(number: int) -> None:
            for i in range(200):
                with pytest.raises(keyfold.KeyNotFound, match=f'"k-{number}-{i}"'):
                    store.key(f"k-{number}-{i}")

        _in_threads(THREADS, work)


def test_keys_are_rotated_and_disabled_while_others_use_them(store: keyfold.Store) -> None:
    store.create_key("cards")
    stop = threading.Event()
    with store.key("cards") as key:
        old = key.encrypt(b"old", context=ROW)

        def work(number: int) -> None:
            if number == 0:
                for _ in range(20):
                    store.rotate_key("cards")
                store.disable_key("cards")
                store.enable_key("cards")
                stop.set()
                return
            while not stop.is_set():
                try:
                    assert key.decrypt(key.encrypt(b"new", context=ROW), context=ROW) == b"new"
                    assert key.decrypt(old, context=ROW) == b"old"
                except keyfold.KeyDisabled:
                    pass

        _in_threads(8, work)
        assert key.decrypt(old, context=ROW) == b"old"
    assert store.describe_key("cards").current_version == 21


def test_a_key_closed_under_its_users_gives_an_error_and_no_crash() -> None:
    with keyfold.in_memory() as store:
        store.create_key("cards")
        for _ in range(20):
            key = store.key("cards")
            started = threading.Barrier(5)

            def work(number: int, key: keyfold.Key = key, started: threading.Barrier = started) -> None:
                started.wait()
                if number == 0:
                    key.close()
                    return
                try:
                    while True:
                        key.encrypt(bytes(5000))
                except ValueError:  # closed; InvalidHandle is one too
                    pass

            _in_threads(5, work)


# Forks. A child that hangs is killed by its alarm, which fails the test; nothing is measured.

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")


def _child(work: Callable[[], None]) -> None:
    """Runs `work` in a forked child and fails where it fails or hangs."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            signal.alarm(60)
            work()
            status = 0
        except BaseException:
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    assert status == 0, f"the child ended with {status:#x}"


@contextlib.contextmanager
def _busy(key: keyfold.Key, count: int) -> Iterator[None]:
    """So many threads that encrypt and decrypt while the block runs."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            key.decrypt(key.encrypt(b"busy" * 100))

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("fork", ["wipe", "inherit"])
def test_a_child_forked_under_eight_busy_threads_works_as_embedding_md_says(
    location: Path, root: keyfold.KeyFile, fork: str
) -> None:
    """T-75."""
    with keyfold.init(location, root, fork=fork) as store:
        store.create_key("cards")
        with store.key("cards") as key:
            sealed = key.encrypt(b"parent's", context=ROW)

            def by_inheritance() -> None:
                assert key.decrypt(sealed, context=ROW) == b"parent's"
                assert key.decrypt(key.encrypt(b"child's", context=ROW), context=ROW) == b"child's"
                store.rotate_key("cards")
                assert key.decrypt(sealed, context=ROW) == b"parent's"

            def by_opening() -> None:
                for call in [
                    lambda: key.encrypt(b"m"),
                    lambda: key.decrypt(sealed, context=ROW),
                    lambda: store.rotate_key("cards"),
                    lambda: store.key("cards"),
                ]:
                    with pytest.raises(keyfold.Forked):
                        call()
                with keyfold.open(location, root) as mine, mine.key("cards") as again:
                    assert again.decrypt(sealed, context=ROW) == b"parent's"
                    assert again.decrypt(again.encrypt(b"child's")) == b"child's"
                    mine.rotate_key("cards")

            with _busy(key, 8):
                for _ in range(25):
                    _child(by_inheritance if fork == "inherit" else by_opening)
            assert key.decrypt(sealed, context=ROW) == b"parent's"
            assert store.describe_key("cards").current_version == 26
            assert store.verify() == 1


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_parent_and_children_never_draw_the_same(location: Path, root: keyfold.KeyFile) -> None:
    with keyfold.init(location, root, fork="inherit") as store:
        store.create_key("cards")
        with store.key("cards") as key:
            key.encrypt(b"warm")
            seen = []
            for _ in range(10):
                reader, writer = os.pipe()

                def work(writer: int = writer) -> None:
                    os.write(writer, bytes(keyfold.random_bytes(32)) + key.encrypt(b"")[12:44])

                _child(work)
                seen.append(os.read(reader, 64))
                seen.append(bytes(keyfold.random_bytes(32)) + key.encrypt(b"")[12:44])
                os.close(reader)
                os.close(writer)
            halves = [half for one in seen for half in (one[:32], one[32:])]
            assert len(set(halves)) == len(halves) == 40


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_closing_in_the_child_leaves_the_parent_s_handles_alone(
    location: Path, root: keyfold.KeyFile
) -> None:
    with keyfold.init(location, root) as store:
        store.create_key("cards")
        with store.key("cards") as key:

            def work() -> None:
                key.close()
                store.close()

            _child(work)
            assert key.decrypt(key.encrypt(b"m")) == b"m"
            store.rotate_key("cards")


def _pool_worker(arguments: tuple[str, str, bytes]) -> bytes:
    location, root, sealed = arguments
    with keyfold.open(location, keyfold.KeyFile(root)) as store, store.key("cards") as key:
        return key.encrypt(key.decrypt(sealed, context=ROW), context=ROW)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_multiprocessing_by_every_start_method(location: Path, root: keyfold.KeyFile, method: str) -> None:
    with keyfold.init(location, root) as store:
        store.create_key("cards")
        with store.key("cards") as key:
            sealed = key.encrypt(b"m", context=ROW)
            with multiprocessing.get_context(method).Pool(2) as pool:
                made = pool.map(_pool_worker, [(str(location), root.path, sealed)] * 6)
                pool.close()
                pool.join()
            assert [key.decrypt(one, context=ROW) for one in made] == [b"m"] * 6
