"""Encrypted files: random access, files written whole or not at all, and long calls that are stopped."""

from __future__ import annotations

import csv
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import keyfold
from conftest import ROW
from test_streams import message, streamed


@pytest.fixture
def sealed(key: keyfold.Key, tmp_path: Path) -> Path:
    path = tmp_path / "sealed"
    path.write_bytes(streamed(key, message(100_000)))
    return path


def test_any_range_reads_as_of_a_plain_file(key: keyfold.Key, sealed: Path) -> None:
    data, draw = message(100_000), random.Random(7)
    with keyfold.open_encrypted(sealed, key, context=ROW) as file:
        assert (file.readable(), file.writable(), file.seekable()) == (True, False, True)
        assert file.size == len(data) and file.read() == data and file.read() == b"" and file.readall() == b""
        plain = io.BytesIO(data)
        for _ in range(300):
            kind = draw.randrange(4)
            if kind < 3:
                to = draw.randrange(-50_000, 120_000)
                base = [0, plain.tell(), len(data)][kind]
                if base + to < 0:
                    with pytest.raises(ValueError):
                        file.seek(to, kind)
                else:
                    assert file.seek(to, kind) == plain.seek(base + to) == file.tell()
            size = draw.choice([0, 1, 100, 16384, 16385, 50_000])
            assert file.read(size) == plain.read(size)
            offset = draw.randrange(0, 110_000)
            assert file.pread(size, offset) == data[offset : offset + size]
        assert file.pread(1 << 40, 99_990) == data[99_990:]
        assert file.pread(5, 1 << 62) == b""
        assert file.key_id == key.id and file.authenticated_context() == keyfold.Context(ROW)
        for wrong in (-1, 1 << 64):
            with pytest.raises(ValueError):
                file.pread(1, wrong)
        with pytest.raises(OSError):
            file.write(b"x")
    for call in (
        lambda: file.read(1),
        lambda: file.pread(1, 0),
        file.tell,
        lambda: file.seek(0),
        lambda: file.size,
    ):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_a_store_and_a_descriptor_open_a_file_too(store: keyfold.Store, tmp_path: Path) -> None:
    store.create_key("files")
    with store.key("files") as key:
        with keyfold.open_encrypted(tmp_path / "x", key, "wb") as out:
            out.write(b"abc")
        with keyfold.open_encrypted(tmp_path / "x", store) as file:
            assert file.read() == b"abc" and file.key_id == key.id
        with open(tmp_path / "x", "rb") as plain:
            file = key.reader(plain.fileno())
        with file:  # the descriptor was copied
            assert file.read() == b"abc"
    with pytest.raises(keyfold.StoreError, match="descriptor"):
        store.reader(0x7FFFFFFF)
    for number in (-1, 1 << 31):
        with pytest.raises(ValueError, match="descriptor"):
            store.reader(number)


def test_a_cut_or_grown_file_never_gives_its_size_or_its_end(key: keyfold.Key, sealed: Path) -> None:
    """T-32: inner chunks are valid, but nothing that meets the end is."""
    whole = sealed.read_bytes()
    head = len(whole) - 100_000 - 7 * 16
    for impossible in (whole[: head + 3 * 16400], whole[: head + 3 * 16400 + 15], whole[:head]):
        sealed.write_bytes(impossible)
        with pytest.raises(keyfold.InvalidCiphertext):
            keyfold.open_encrypted(sealed, key, context=ROW)
    for changed in (whole[: head + 3 * 16400 + 50], whole + b"\0" * 20, whole[:-1]):
        sealed.write_bytes(changed)
        with keyfold.open_encrypted(sealed, key, context=ROW) as file:
            assert file.pread(16384, 16384) == message(100_000)[16384:32768]
            for call in (
                lambda: file.size,
                lambda: file.seek(0, 2),
                lambda: file.read(),
                lambda: file.pread(200_000, 0),
            ):
                with pytest.raises(keyfold.AuthenticationError):
                    call()


def test_a_function_gives_the_bytes_of_an_envelope(key: keyfold.Key) -> None:
    data, sealed = message(100_000), streamed(key, message(100_000))
    asked: list[tuple[int, int]] = []

    def fetch(offset: int, size: int) -> bytes:
        asked.append((offset, size))
        return sealed[offset : offset + min(size, 9999)]  # short, as a network may

    with key.reader(fetch, size=len(sealed), context=ROW) as file:
        head = len(sealed) - 100_000 - 7 * 16
        asked.clear()
        assert file.pread(100, 40_000) == data[40_000:40_100]
        at, n = keyfold.ciphertext_range(sealed[:44], len(sealed), 40_000, 100)
        assert (at, n) == (head + 2 * 16400, 16400)
        assert (
            min(offset for offset, _ in asked) == at and max(offset + 9999 for offset, _ in asked) >= at + n
        )
        assert all(at <= offset < at + n for offset, _ in asked)
        assert file.read() == data
    with pytest.raises(TypeError, match="size"):
        key.reader(fetch, context=ROW)
    with pytest.raises(TypeError):
        key.reader(3.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "bad", [OSError("down"), KeyboardInterrupt(), "raise later", None, "text", b"x" * 100_000]
)
def test_what_a_function_raises_or_gives_wrongly_reaches_the_caller(key: keyfold.Key, bad: Any) -> None:
    sealed, broken = streamed(key, message(100_000)), False

    def fetch(offset: int, size: int) -> Any:
        if not broken:
            return sealed[offset : offset + size]
        if isinstance(bad, BaseException):
            raise bad
        return bad

    with key.reader(fetch, size=len(sealed), context=ROW) as file:
        broken = True
        with pytest.raises(type(bad) if isinstance(bad, BaseException) else (TypeError, ValueError)):
            file.pread(10, 50_000)
        broken = False
        assert file.pread(10, 50_000) == message(100_000)[50_000:50_010]
    broken = True
    with pytest.raises((BaseException,)) as raised:
        key.reader(fetch, size=len(sealed), context=ROW)
    assert not isinstance(raised.value, keyfold.KeyfoldError)


def test_many_threads_read_one_file_at_once(key: keyfold.Key) -> None:
    data, sealed = message(400_000), streamed(key, message(400_000))
    failed: list[object] = []
    with key.reader(
        lambda offset, size: sealed[offset : offset + size], size=len(sealed), context=ROW
    ) as file:

        def read(seed: int) -> None:
            draw = random.Random(seed)
            for _ in range(40):
                offset, size = draw.randrange(400_000), draw.randrange(40_000)
                if file.pread(size, offset) != data[offset : offset + size]:
                    failed.append((offset, size))

        threads = [threading.Thread(target=read, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not failed


def test_what_takes_files_takes_encrypted_ones(key: keyfold.Key, tmp_path: Path) -> None:
    path, plain = tmp_path / "rows.csv", tmp_path / "plain.csv"
    rows = [[str(n), f"name {n}", 'with "quotes", and\nlines'] for n in range(3000)]
    with keyfold.open_encrypted(path, key, "wb", context=ROW) as raw:
        with io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", newline="") as text:
            csv.writer(text).writerows(rows)
    with keyfold.open_encrypted(path, key, context=ROW) as raw:
        assert list(csv.reader(io.TextIOWrapper(raw, "utf-8", newline=""))) == rows
    with keyfold.open_encrypted(path, key, context=ROW) as source, open(plain, "wb") as target:
        shutil.copyfileobj(source, target)
    with keyfold.open_encrypted(path, key, context=ROW) as raw, open(plain, "rb") as same:
        buffered = io.BufferedReader(raw, 5000)
        assert buffered.peek(10)[:10] == same.peek(10)[:10]
        for offset, whence in ((60_000, 0), (-20, 2), (-30_000, 1), (3, 0)):
            assert buffered.seek(offset, whence) == same.seek(offset, whence) == buffered.tell()
            assert buffered.readline() == same.readline() and buffered.read(9) == same.read(9)
    with plain.open("rb") as source, keyfold.open_encrypted(path, key, "wb", context=ROW) as target:
        shutil.copyfileobj(source, target, 1000)
    assert key.decrypt(path.read_bytes(), context=ROW) == plain.read_bytes()


def test_a_file_is_written_whole_or_not_at_all(key: keyfold.Key, tmp_path: Path) -> None:
    path = tmp_path / "target"
    with keyfold.open_encrypted(path, key, "wb", context=ROW) as out:
        out.write(message(50_000))
        assert not path.exists()
    assert os.listdir(tmp_path) == ["target"]
    os.chmod(path, 0o640)
    old = path.read_bytes()
    with pytest.raises(RuntimeError):
        with keyfold.open_encrypted(path, key, "wb", context=ROW) as out:
            out.write(message(50_000))
            raise RuntimeError
    assert path.read_bytes() == old and os.listdir(tmp_path) == ["target"]
    with keyfold.open_encrypted(path, key, "wb", context=ROW) as out:
        out.write(b"new")
    assert key.decrypt(path.read_bytes(), context=ROW) == b"new" and path.stat().st_mode & 0o777 == 0o640
    link = tmp_path / "link"
    link.symlink_to("target")
    with keyfold.open_encrypted(link, key, "wb", context=ROW) as out:
        out.write(b"through")
    assert link.is_symlink() and key.decrypt(path.read_bytes(), context=ROW) == b"through"
    with pytest.raises(ValueError, match="regular"):
        keyfold.open_encrypted(tmp_path, key, "wb")
    for wrong in ("r", "w", "ab", "rb+", ""):
        with pytest.raises(ValueError):
            keyfold.open_encrypted(path, key, wrong)  # type: ignore[call-overload]
    assert sorted(os.listdir(tmp_path)) == ["link", "target"]


def test_threads_make_the_same_message(key: keyfold.Key) -> None:
    data = message(5_000_000)
    for threads in (0, 1, 2, 5):
        sealed = key.encrypt(data, threads=threads)
        out = bytearray(len(data))
        assert key.decrypt_into(sealed, out, threads=threads) == len(data) and out == data
        assert key.decrypt(sealed, threads=threads) == data
    for wrong in (-1, 1025, 1 << 32):
        with pytest.raises((ValueError, keyfold.UsageError)):
            key.encrypt(data, threads=wrong)


def test_files_are_encrypted_with_progress_and_stopped(key: keyfold.Key, tmp_path: Path) -> None:
    plain, sealed, back = tmp_path / "plain", tmp_path / "sealed", tmp_path / "back"
    plain.write_bytes(message(9_000_000))
    told: list[tuple[int, int]] = []
    n = key.encrypt_file(plain, sealed, context=ROW, progress=lambda *at: told.append(at), threads=2)
    assert n == sealed.stat().st_size == key.encrypted_size(9_000_000, context=ROW)
    assert told == sorted(told) and told[-1] == (9_000_000, 9_000_000) and len(told) >= 5
    assert (
        key.decrypt_file(sealed, back, context=ROW) == 9_000_000 and back.read_bytes() == plain.read_bytes()
    )
    assert back.stat().st_mode & 0o077 == 0
    back.unlink()

    cancel = keyfold.Cancel()
    cancel.set()
    for stop in ({"cancel": cancel}, {"progress": lambda done, total: done < 3_000_000}):
        with pytest.raises(keyfold.Cancelled):
            key.decrypt_file(sealed, back, context=ROW, **stop)  # type: ignore[arg-type]
        assert not back.exists()

    class Mine(Exception):
        pass

    def fail(done: int, total: int) -> None:
        raise Mine

    with pytest.raises(Mine):
        key.decrypt_file(sealed, back, context=ROW, progress=fail)
    with pytest.raises(keyfold.AuthenticationError):
        key.decrypt_file(sealed, back)
    assert sorted(os.listdir(tmp_path)) == ["plain", "sealed"]
    with pytest.raises(keyfold.StoreError):
        key.encrypt_file(tmp_path / "none", back)
    for wrong in ({"progress": 5}, {"cancel": 5}):
        with pytest.raises(TypeError):
            key.encrypt_file(plain, back, **wrong)  # type: ignore[arg-type]


CHILD = """
import os, signal, sys, threading, time
# Also where whoever runs the suite had it ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {package!r})
import keyfold
with keyfold.in_memory() as store:
    store.create_key("k")
    with store.key("k") as key:
        data = bytearray(64 << 20)
        print("ready", flush=True)
        try:
            while True:
                {call}
        except KeyboardInterrupt:
            print("interrupted in", sys.exc_info()[2].tb_lineno, flush=True)
        print(key.decrypt(key.encrypt(b"still works")).decode(), flush=True)
"""


@pytest.mark.parametrize(
    "call",
    ["key.encrypt(data, threads=1)", "key.encrypt(data)", "key.encrypt_file('/dev/zero', {target!r})"],
)
def test_an_interrupt_reaches_long_calls(call: str, tmp_path: Path) -> None:
    package = str(Path(keyfold.__file__).parents[1])
    call = call.format(target=str(tmp_path / "target"))
    with subprocess.Popen(
        [sys.executable, "-c", CHILD.format(package=package, call=call)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as child:
        assert child.stdout is not None and child.stdout.readline() == "ready\n"
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        try:
            out, errors = child.communicate(timeout=30)
        finally:
            child.kill()
    assert "interrupted in" in out and "still works" in out and errors == "", (out, errors)
    assert child.returncode == 0 and os.listdir(tmp_path) == []
