"""What memory goes in and out: every buffer, read-only and strided ones, and none that could move or be seen early."""

from __future__ import annotations

import array
import gc
import io
import mmap
import threading
from typing import Any

import keyfold
import pytest
from keyfold import _buffers, _native

MESSAGE = bytes(range(64))


def _mapped(data: bytes) -> mmap.mmap:
    made = mmap.mmap(-1, len(data))
    made[:] = data
    return made


SOURCES: list[Any] = [
    MESSAGE,
    bytearray(MESSAGE),
    memoryview(MESSAGE),
    memoryview(bytearray(MESSAGE)),
    memoryview(bytearray(b"x" + MESSAGE + b"x"))[1:-1],
    array.array("B", MESSAGE),
    array.array("I", MESSAGE),
    memoryview(MESSAGE).cast("B", (8, 8)),
    io.BytesIO(MESSAGE).getbuffer(),
    _mapped(MESSAGE),
]


@pytest.mark.parametrize("source", SOURCES, ids=lambda s: type(s).__name__)
def test_every_contiguous_buffer_is_encrypted_as_its_bytes(key: keyfold.Key, source: Any) -> None:
    assert key.decrypt(key.encrypt(source)) == MESSAGE


def test_numpy_arrays_go_in_and_out(key: keyfold.Key) -> None:
    numpy = pytest.importorskip("numpy")
    source = numpy.arange(1000, dtype=numpy.float64).reshape(10, 100)
    sealed = key.encrypt(source)
    out = numpy.zeros((10, 100))
    assert key.decrypt_into(sealed, out) == source.nbytes
    assert (out == source).all()
    frozen = numpy.zeros(64, dtype=numpy.uint8)
    frozen.flags.writeable = False
    with pytest.raises(TypeError, match="writable"):
        key.decrypt_into(key.encrypt(MESSAGE), frozen)
    assert key.decrypt(key.encrypt(frozen)) == bytes(64), "read-only is enough to read"
    for strided in [source[:, ::2], source.T]:
        with pytest.raises(TypeError, match="contiguous"):
            key.encrypt(strided)
        with pytest.raises(TypeError, match="contiguous"):
            key.decrypt_into(sealed, strided)


@pytest.mark.parametrize(
    "out", [bytes(1000), memoryview(bytes(1000)), memoryview(bytearray(2000))[::2], "text", None, 1000]
)
def test_memory_that_cannot_be_written_is_refused_and_stays_as_it_is(key: keyfold.Key, out: Any) -> None:
    """T-65. Seen failing with _WRITABLE = 0 in _buffers.py: the constant `bytes` changed."""
    before = bytes(out) if isinstance(out, (bytes, memoryview)) else out
    with pytest.raises(TypeError):
        key.encrypt_into(MESSAGE, out)
    with pytest.raises(TypeError):
        key.decrypt_into(key.encrypt(MESSAGE), out)
    assert (bytes(out) if isinstance(out, (bytes, memoryview)) else out) == before


@pytest.mark.parametrize("data", ["text", None, 7, [1, 2], object(), memoryview(b"abcd")[::2]])
def test_what_is_no_contiguous_memory_is_a_type_error(key: keyfold.Key, data: Any) -> None:
    for call in [key.encrypt, key.decrypt, key.rewrap, key.decrypt_data_key, keyfold.inspect]:
        with pytest.raises(TypeError):
            call(data)


def test_empty_memory_of_every_kind_is_an_empty_message(key: keyfold.Key) -> None:
    for empty in [b"", bytearray(), memoryview(b""), array.array("B")]:
        sealed = key.encrypt(empty)
        assert key.decrypt(sealed) == b""
        assert key.decrypt_into(sealed, bytearray()) == 0


def test_overlapping_memory_is_refused(key: keyfold.Key) -> None:
    memory = bytearray(1000)
    with pytest.raises(keyfold.UsageError) as caught:
        key.encrypt_into(memoryview(memory)[:500], memoryview(memory)[100:900])
    assert caught.value.name == "BUFFERS_OVERLAP"


def test_memory_cannot_be_resized_while_a_call_runs(
    key: keyfold.Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-67. Seen failing with the address taken and the view released before the call."""
    data, out, seen = bytearray(MESSAGE), bytearray(1000), []
    original = _native.keyfold_encrypt

    def meanwhile(*arguments: Any) -> None:
        for memory in [data, out]:
            with pytest.raises(BufferError):
                memory.append(0)
            seen.append(len(memory))
        original(*arguments)

    monkeypatch.setattr(_native, "keyfold_encrypt", meanwhile)
    n = key.encrypt_into(data, out)
    assert seen == [64, 1000]
    data.append(0)
    del out[n:]
    assert key.decrypt(out) == MESSAGE


def test_another_thread_that_writes_meanwhile_does_no_harm(key: keyfold.Key) -> None:
    data, stop, refused = bytearray(4 << 20), threading.Event(), []

    def disturb() -> None:
        while not stop.is_set():
            data[:4096] = b"\xff" * 4096
            try:
                data.append(0)
                del data[-1:]
            except BufferError:
                refused.append(1)

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for _ in range(5):
            assert len(key.decrypt(key.encrypt(data))) in (len(data), len(data) + 1, len(data) - 1)
    finally:
        stop.set()
        thread.join()


def test_a_result_is_seen_by_nobody_before_it_is_whole(
    key: keyfold.Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """T-66: while C fills it, no object that the collector knows refers to it, and it has one owner."""
    made: list[bytes] = []
    original = _buffers._new_bytes

    def watched(text: None, size: int) -> bytes:
        fresh: bytes = original(text, size)
        made.append(fresh)
        return fresh

    monkeypatch.setattr(_buffers, "_new_bytes", watched)
    sealed = key.encrypt(MESSAGE)
    assert made[0] is sealed
    referrers = [r for r in gc.get_referrers(sealed) if r is not made and not hasattr(r, "f_code")]
    assert all(r is not sealed for r in gc.get_objects())
    assert len(referrers) <= 1, "this test's own frame"


def test_a_result_is_wiped_when_its_call_fails(key: keyfold.Key, monkeypatch: pytest.MonkeyPatch) -> None:
    """T-66. Seen failing with the memset taken out of `_fresh_python`."""
    made: list[bytes] = []
    original = _buffers._new_bytes
    monkeypatch.setattr(
        _buffers, "_new_bytes", lambda text, size: made.append(original(text, size)) or made[-1]
    )

    def fill(address: Any, size: int) -> int:
        _buffers.ctypes.memset(address, 0xA5, size)
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        _buffers._fresh_python(100, fill)
    assert made == [bytes(100)]

    del made[:]
    sealed = bytearray(key.encrypt(MESSAGE))
    del made[:]
    sealed[-1] ^= 1
    with pytest.raises(keyfold.AuthenticationError):
        key.decrypt(sealed)
    assert made == [bytes(len(MESSAGE))]


def test_without_cpython_s_interface_the_same_comes_out(
    key: keyfold.Key, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way PyPy takes."""
    from keyfold import _context, _key, _store

    for module in [_context, _key, _store]:
        monkeypatch.setattr(module, "fresh", _buffers._fresh_copied)
    monkeypatch.setattr(_buffers, "_hold", _buffers._Exported)
    for source in SOURCES:
        assert key.decrypt(key.encrypt(source, context={"a": "b"}), context={"a": "b"}) == MESSAGE
    out = bytearray(1000)
    n = key.encrypt_into(bytearray(MESSAGE), out)
    assert key.decrypt(memoryview(out)[:n]) == MESSAGE
    out.append(0)  # released
    with pytest.raises(TypeError, match="writable"):
        key.encrypt_into(MESSAGE, bytes(1000))
    with pytest.raises(TypeError, match="contiguous"):
        key.encrypt(memoryview(b"abcd")[::2])
