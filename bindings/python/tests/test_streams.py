"""Streams and encrypted files: what comes out, what a cut-off envelope does, and what is not finished."""

from __future__ import annotations

import gc
import io
import os
import random
import shutil
import warnings
from pathlib import Path
from typing import Any

import pytest

import keyfold
from conftest import ROW

SIZES = [0, 1, 100, 16383, 16384, 16385, 32768, 70000, 300_001]


def message(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def streamed(key: keyfold.Key, data: bytes, piece: int = 0, **options: Any) -> bytes:
    sink = io.BytesIO()
    with key.encrypting(sink, context=ROW, **options) as out:
        for at in range(0, len(data), piece or max(len(data), 1)):
            out.write(data[at : at + (piece or len(data))])
    return sink.getvalue()


class Trickle(io.RawIOBase):
    """A source that gives a few bytes at a time, by read alone."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._random = data, 0, random.Random(1)

    def read(self, size: int = -1) -> bytes:
        n = min(size, self._random.randrange(1, 20_000))
        made = self._data[self._at : self._at + n]
        self._at += len(made)
        return made

    readinto = None  # type: ignore[assignment]


@pytest.mark.parametrize("size", SIZES)
def test_what_is_streamed_in_any_pieces_opens_in_every_way(key: keyfold.Key, size: int) -> None:
    data = message(size)
    for piece in (0, 7777, 16384):
        sealed = streamed(key, data, piece)
        assert len(sealed) == key.encrypted_size(size, context=ROW)
        assert key.decrypt(sealed, context=ROW) == data
        with key.decrypting(io.BytesIO(sealed), context=ROW) as reader:
            assert reader.read() == data
            assert reader.read(1) == b""
        with key.decrypting(Trickle(sealed), context=ROW) as reader:
            into = bytearray(5000)
            got = b"".join(bytes(into[:n]) for n in iter(lambda: reader.readinto(into), 0))
            assert got == data
    with key.decrypting(io.BytesIO(key.encrypt(data, context=ROW)), context=ROW) as reader:
        copy = io.BytesIO()
        shutil.copyfileobj(reader, copy)
        assert copy.getvalue() == data
        assert (reader.key_id, reader.version) == (key.id, 1)
        assert reader.authenticated_context() == keyfold.Context(ROW)


def test_a_large_read_is_decrypted_straight_into_the_callers_memory(key: keyfold.Key) -> None:
    data = message(9_000_000)
    sealed = streamed(key, data)
    out = bytearray(len(data) + 100_000)
    with key.decrypting(io.BytesIO(sealed), context=ROW, threads=2) as reader:
        at = 0
        with memoryview(out) as view:
            while n := reader.readinto(view[at:]):
                at += n
                assert reader._ready.nbytes == 0  # no copy was made
                if at > 8_000_000:
                    break
            while n := reader.readinto(view[at:]):
                at += n
    assert out[:at] == data


# T-31. Fails with `_over = True` set without `_rest()`.
@pytest.mark.parametrize("size", [0, 1, 16384, 40_000, 70_000])
def test_a_cut_off_envelope_raises_at_the_read_that_meets_its_end(key: keyfold.Key, size: int) -> None:
    data, sealed = message(size), streamed(key, message(size))
    head = len(sealed) - size - 16 * (size // 16384 + 1)
    cuts = {0, 1, 10, head - 1, head, len(sealed) - 1, len(sealed) - 16}
    cuts |= {head + 16400 * n + d for n in range(1, 5) for d in (-1, 0, 1)}
    for cut in sorted(c for c in cuts if 0 <= c < len(sealed)):
        for copy in (shutil.copyfileobj, lambda source, sink: sink.write(source.read())):
            out = io.BytesIO()
            with key.decrypting(io.BytesIO(sealed[:cut]), context=ROW) as reader:
                with pytest.raises(keyfold.InvalidCiphertext):
                    copy(reader, out)
                with pytest.raises(keyfold.InvalidCiphertext):  # and ever after
                    reader.read(1)
            assert data.startswith(out.getvalue())
    for changed in (sealed + b"\0", sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with (
            key.decrypting(io.BytesIO(changed), context=ROW) as reader,
            pytest.raises(keyfold.AuthenticationError),
        ):
            reader.read()


def test_only_authentic_chunks_come_out_before_a_changed_one(key: keyfold.Key) -> None:
    """T-29: a bit in each chunk's last byte; what comes out is what lies before that chunk."""
    data, sealed = message(70_000), streamed(key, message(70_000))
    head = len(sealed) - len(data) - 5 * 16
    for chunk in range(5):
        changed = bytearray(sealed)
        changed[min(head + (chunk + 1) * 16400, len(sealed)) - 1] ^= 4
        with key.decrypting(io.BytesIO(changed), context=ROW) as reader:
            got = bytearray()
            with pytest.raises(keyfold.AuthenticationError):
                while piece := reader.read(1000):
                    got += piece
        assert got == data[: len(got)] and len(got) <= chunk * 16384


def test_a_with_block_left_by_an_exception_leaves_no_valid_envelope(key: keyfold.Key) -> None:
    sink = io.BytesIO()
    with pytest.raises(RuntimeError, match="mine"):
        with key.encrypting(sink, context=ROW) as out:
            out.write(message(40_000))
            raise RuntimeError("mine")
    assert out.closed and len(sink.getvalue()) > 32768
    with pytest.raises(keyfold.InvalidCiphertext):
        key.decrypt(sink.getvalue(), context=ROW)
    with pytest.raises(ValueError, match="closed"):
        out.write(b"x")
    out.close()


def test_closing_a_message_before_its_end_says_so(key: keyfold.Key) -> None:
    sealed = streamed(key, message(40_000))
    reader = key.decrypting(io.BytesIO(sealed), context=ROW)
    assert reader.read(40_000) == message(40_000)[:40_000]
    with pytest.raises(keyfold.StreamUnfinished):
        with key.decrypting(io.BytesIO(sealed), context=ROW) as early:
            early.read(10)
    assert early.closed
    with pytest.raises(RuntimeError):  # of two, the one that came first
        with key.decrypting(io.BytesIO(sealed), context=ROW) as early:
            early.read(10)
            raise RuntimeError
    early = key.decrypting(io.BytesIO(sealed), context=ROW)
    early.abandon()
    early.close()
    assert reader.read(1) == b""
    reader.close()


def test_what_is_collected_unfinished_warns_and_is_no_envelope(key: keyfold.Key) -> None:
    sink = io.BytesIO()
    out = key.encrypting(sink, context=ROW)
    out.write(b"x" * 20_000)
    with pytest.warns(ResourceWarning, match="unclosed"):
        del out
        gc.collect()
    with pytest.raises(keyfold.InvalidCiphertext):
        key.decrypt(sink.getvalue(), context=ROW)


class Failing(io.RawIOBase):
    def __init__(self, after: int) -> None:
        self.left = after

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        if self.left <= 0:
            raise OSError("full")
        n = min(len(data), 999)  # short, as raw files may
        self.left -= n
        return n


def test_a_sink_that_fails_fails_the_write_and_the_close(key: keyfold.Key) -> None:
    out = key.encrypting(Failing(20_000), context=ROW)
    with pytest.raises(OSError, match="full"):
        for _ in range(10):
            out.write(b"x" * 10_000)
    with pytest.raises(OSError, match="full"):
        out.write(b"more")
    with pytest.raises(keyfold.StreamUnfinished):
        out.close()
    assert out.closed
    out = key.encrypting(Failing(0), context=ROW)
    with pytest.raises(OSError, match="full"):
        out.close()
    assert out.closed


def test_a_source_that_fails_is_not_the_end(key: keyfold.Key) -> None:
    class Broken:
        def read(self, size: int) -> bytes:
            raise ConnectionResetError("gone")

    with key.decrypting(Broken(), context=ROW) as reader:
        for _ in range(2):
            with pytest.raises(ConnectionResetError):
                reader.read(1)


def test_streams_are_honest_of_what_they_are(key: keyfold.Key) -> None:
    with key.encrypting(io.BytesIO(), context=ROW) as out:
        assert (out.readable(), out.writable(), out.seekable()) == (False, True, False)
        for call in (out.tell, lambda: out.seek(0), lambda: out.read(1)):
            with pytest.raises(OSError):
                call()
        assert out.write(memoryview(b"abc")) == 3 and out.write(bytearray(b"de")) == 2
        for wrong in ("text", None, 5):
            with pytest.raises(TypeError):
                out.write(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            __import__("pickle").dumps(out)
    sealed = key.encrypt(b"x", context=ROW)
    with key.decrypting(io.BytesIO(sealed), context=ROW) as reader:
        assert (reader.readable(), reader.writable(), reader.seekable()) == (True, False, False)
        with pytest.raises(OSError):
            reader.seek(0)
        with pytest.raises(TypeError):
            reader.readinto(b"read-only")  # type: ignore[arg-type]
        with pytest.raises(OSError):
            reader.write(b"x")
        reader.read()
    for wrong in (5, None, "x"):
        with pytest.raises(TypeError):
            key.encrypting(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            key.decrypting(wrong)  # type: ignore[arg-type]


def test_a_stream_is_opened_by_any_key_of_a_store_or_by_those_named(store: keyfold.Store) -> None:
    store.create_key("a")
    store.create_key("b")
    with store.key("a") as a, store.key("b") as b:
        sealed = streamed(a, message(20_000), also=[b], store_context="all", free_cells=1)
        with store.decrypting(io.BytesIO(sealed), context=ROW) as reader:
            assert reader.read() == message(20_000) and reader.key_id in (a.id, b.id)
        with store.decrypting(io.BytesIO(sealed), keys=[b], accept_stored_context=True) as reader:
            assert reader.read() == message(20_000) and reader.key_id == b.id
            assert reader.authenticated_context() == keyfold.Context(ROW)
        alone = streamed(a, b"x")
        with b.decrypting(io.BytesIO(alone), context=ROW) as reader, pytest.raises(keyfold.KeyNotAllowed):
            reader.read()
        with a.decrypting(io.BytesIO(alone)) as reader, pytest.raises(keyfold.AuthenticationError):
            reader.read()


def test_a_stream_goes_on_when_its_key_is_closed(key: keyfold.Key) -> None:
    with keyfold.in_memory() as store:
        store.create_key("short")
        mine = store.key("short")
        sink = io.BytesIO()
        out = mine.encrypting(sink)
        mine.close()
        out.write(b"still")
        out.close()
        with store.decrypting(io.BytesIO(sink.getvalue())) as reader:
            assert reader.read() == b"still"


def test_text_and_buffered_layers_of_io_work_on_top(key: keyfold.Key) -> None:
    sink = io.BytesIO()
    with key.encrypting(sink, context=ROW) as raw, io.TextIOWrapper(io.BufferedWriter(raw)) as text:
        text.write("line one\nline two\n" * 3000)
    with key.decrypting(io.BytesIO(sink.getvalue()), context=ROW) as raw:
        lines = io.TextIOWrapper(io.BufferedReader(raw)).readlines()
    assert len(lines) == 6000 and lines[-1] == "line two\n"


def test_no_warning_is_left_by_streams_that_are_closed(key: keyfold.Key, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with open(tmp_path / "sealed", "wb") as file, key.encrypting(file, context=ROW) as out:
            out.write(os.urandom(100))
        with open(tmp_path / "sealed", "rb") as file, key.decrypting(file, context=ROW) as reader:
            reader.read()
        gc.collect()


def test_a_stream_is_sealed_to_public_halves(store: keyfold.Store) -> None:
    store.create_key("box", spec="HPKE_X25519")
    store.create_key("other", spec="HPKE_X_WING")
    with store.key("box") as box, store.key("other") as other:
        sink = io.BytesIO()
        with keyfold.sealing([box.public_key(), other.public_key()], sink, context=ROW, threads=1) as out:
            out.write(message(40_000))
        for key in (box, other):
            with key.decrypting(io.BytesIO(sink.getvalue()), context=ROW) as reader:
                assert reader.read() == message(40_000) and reader.key_id == key.id
        with pytest.raises(keyfold.KeyfoldError):
            keyfold.sealing(b"no key", sink)
