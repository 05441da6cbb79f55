"""Streams: envelopes of any size, written and read as Python's files are."""

from __future__ import annotations

import ctypes
import io
import sys
import warnings
from typing import Any, Callable, NoReturn, Protocol, Sequence

from . import _native
from ._buffers import Data, reading, writing
from ._context import Context, ContextLike, length, packed
from ._library import checked_unsigned
from ._options import StoreContext, decrypt_options, stored
from ._types import key_id_text, taken
from ._work import LARGE, Working

CHUNK = 16384
_SLACK = CHUNK + 64
"""What a piece that is pushed may make ready beside its own size."""
_PIECE = 65536
NO_SOURCE: tuple[Any, int | None, Any] = (
    _native.SourceCallback(),
    None,
    _native.SourceRelease(),
)


class Sink(Protocol):
    """What an envelope is written to: anything with a `write` for bytes."""

    def write(self, data: Any, /) -> Any: ...


class Source(Protocol):
    """What an envelope is read from: anything with a `read` of so many bytes."""

    def read(self, size: int, /) -> bytes | None: ...


class _Stream(io.RawIOBase):
    """What both directions have: a handle, and an end that must have been reached."""

    _what = "stream"

    def __init__(self, handle: Any, working: Working) -> None:
        self._stream, self._open = handle, True
        self._working = working
        self._failed: BaseException | None = None
        self._size = ctypes.c_size_t()

    def _check(self) -> None:
        if not self._open:
            raise ValueError(f"this {self._what} is closed")
        if self._failed is not None:
            raise self._failed

    def _needed(self, size: int) -> int:
        _native.keyfold_stream_update_size(self._stream, checked_unsigned("size", size), self._size)
        return self._size.value

    def _update(self, pointer: Any, size: int, out: int, capacity: int) -> int:
        def call(work: _native.Work) -> int:
            _native.keyfold_stream_update(self._stream, pointer, size, work, out, capacity, self._size)
            return self._size.value

        return self._working.run(call)

    def _rest(self) -> bytearray:
        """The end: what `finish` gives."""
        _native.keyfold_stream_finish_size(self._stream, self._size)
        made = bytearray(self._size.value)
        with writing(made) as (address, capacity):
            _native.keyfold_stream_finish(self._stream, address, capacity, self._size)
        del made[self._size.value :]
        return made

    def abandon(self) -> None:
        """Closes it without its end, on purpose: nothing is raised, and what it gave is not whole."""
        if self._open:
            self._open = False
            super().close()
            _native.keyfold_stream_cancel(self._stream)
            _native.keyfold_stream_close(self._stream)

    def _end(self) -> None:
        """Closes the handle; `StreamUnfinished` where the end was not reached."""
        if self._open:
            self._open = False
            super().close()
            _native.keyfold_stream_close(self._stream)

    def __del__(self) -> None:
        # Never finishes: io's own would, by close().
        if sys.is_finalizing() or not getattr(self, "_open", False):
            return
        warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        try:
            self.abandon()
        except _native.KeyfoldError:
            pass  # in a forked child the handle may be the parent's

    def __repr__(self) -> str:
        return f"<keyfold.{type(self).__name__}{'' if self._open else ' (closed)'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {self._what} cannot be pickled or copied")


class EncryptingWriter(_Stream):
    """A file-like object that encrypts what is written to it into a sink. Made by `Key.encrypting`.

    `close` writes the end, without which the sink holds no envelope; the sink itself stays open. A `with` block that an
    exception leaves closes it without that end, so that what was written so far does not open: it is not taken for
    a whole message.
    """

    _what = "encrypting stream"

    def __init__(self, handle: Any, sink: Sink, working: Working) -> None:
        super().__init__(handle, working)
        self._sink = sink
        self._out = bytearray()

    def writable(self) -> bool:
        """True."""
        return True

    def readinto(self, _: Data, /) -> NoReturn:
        """Not of a stream that is written."""
        raise io.UnsupportedOperation("not readable")

    def write(self, data: Data, /) -> int:
        """Encrypts all of it, and writes to the sink what is ready of the envelope."""
        self._check()
        with reading(data) as (pointer, size):
            try:
                # In pieces of what is worth several threads, so that memory stays bounded.
                for at in range(0, size, LARGE):
                    self._write(_at(pointer, at), min(size - at, LARGE))
            except BaseException as failed:
                self._failed = failed
                raise
            return int(size)

    def _write(self, pointer: Any, size: int) -> None:
        needed = self._needed(size)
        if len(self._out) < needed:
            self._out = bytearray(needed)
        with writing(self._out) as (address, capacity):
            n = self._update(pointer, size, address, capacity)
        self._give(self._out, n)

    def _give(self, made: bytearray, size: int) -> None:
        with memoryview(made) as whole, whole[:size] as view:
            at = 0
            while at < size:
                with view[at:] as rest:
                    taken = self._sink.write(rest)
                if (
                    taken is None
                ):  # a file that does not block, or an object that takes all and does not say so
                    if isinstance(self._sink, io.RawIOBase):
                        raise BlockingIOError("the sink does not block; give one that does")
                    taken = len(view) - at
                if not 0 < taken <= size - at:
                    raise OSError(f"the sink took {taken} of {size - at} bytes")
                at += taken

    def close(self) -> None:
        """Writes the end of the envelope. A second call does nothing.

        :raises StreamUnfinished: a write failed before; what is in the sink does not open
        """
        if not self._open:
            return
        if self._failed is None:
            try:
                rest = self._rest()
                self._give(rest, len(rest))
            except BaseException:
                self.abandon()
                raise
            self._end()
            return
        self.abandon()
        raise _native.StreamUnfinished(
            int(_native.Status.STREAM_UNFINISHED),
            "a write failed before, so that the envelope has no end; encrypt again",
        )

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


class DecryptingReader(_Stream):
    """A file-like object that reads the message of an envelope from a source. Made by `Key.decrypting`.

    It gives only what has been authenticated. The read that meets the source's end is the one that tells whether the
    envelope was whole: it raises where it was cut off, and never gives the empty bytes of an end. So `read`, `readall` and
    `shutil.copyfileobj` raise on a truncated envelope. `close` before the end was reached raises `StreamUnfinished`;
    `abandon` does not.
    """

    _what = "decrypting stream"

    def __init__(self, handle: Any, source: Source, working: Working) -> None:
        super().__init__(handle, working)
        self._source = source
        self._ready = memoryview(b"")
        self._in = bytearray()
        self._over = False

    def readable(self) -> bool:
        """True."""
        return True

    def write(self, _: Data, /) -> NoReturn:
        """Not of a stream that is read."""
        raise io.UnsupportedOperation("not writable")

    def readinto(self, buffer: Data, /) -> int:
        """Reads into memory of the caller's, without a copy where it is large: how many bytes; fewer than it holds only at
        the end, or before a failure that the next call raises; 0 at the end of a whole message.

        :raises AuthenticationError: the envelope was changed, or cut off
        """
        self._check()
        with writing(buffer, "buffer") as (address, capacity):
            at = 0
            while at < capacity and (self._ready.nbytes or not self._over):
                try:
                    at += self._step(address + at, capacity - at)
                except BaseException as failed:
                    self._failed = failed
                    if at and isinstance(failed, Exception):
                        break  # what came before is authentic; the next read raises
                    raise
            return at

    def _step(self, address: int, capacity: int) -> int:
        """What lies ready, or one read of the source: bytes written to the caller's memory, 0 where they lie ready now."""
        if self._ready.nbytes:
            n: int = min(capacity, self._ready.nbytes)
            ctypes.memmove(address, (ctypes.c_char * n).from_buffer(self._ready), n)
            self._ready = self._ready[n:]
            return n
        wanted = min(capacity - _SLACK, LARGE) if capacity >= _SLACK + CHUNK else _PIECE
        sealed = self._fetch(wanted)
        if not sealed.nbytes:
            self._ready, self._over = memoryview(self._rest()), True
            return 0
        with reading(sealed, "source") as (pointer, size):
            needed = self._needed(size)
            if needed <= capacity:
                return self._update(pointer, size, address, capacity)
            made = bytearray(needed)
            with writing(made) as (own, own_capacity):
                n = self._update(pointer, size, own, own_capacity)
        self._ready = memoryview(made)[:n]
        return 0

    def _fetch(self, wanted: int) -> memoryview:
        into = getattr(self._source, "readinto", None)
        if into is None:
            got = self._source.read(wanted)
            if got is None:
                raise BlockingIOError("the source does not block; give one that does")
            return memoryview(got).cast("B")
        if len(self._in) < wanted:
            self._in = bytearray(wanted)
        with memoryview(self._in) as whole, whole[:wanted] as view:
            n = into(view)
        if n is None:
            raise BlockingIOError("the source does not block; give one that does")
        return memoryview(self._in)[:n]

    @property
    def key_id(self) -> str:
        """The id of the key that opens it, once the head has been read."""
        return key_id_text(self._opened().key_id)

    @property
    def version(self) -> int:
        """That key's version."""
        return self._opened().version

    def _opened(self) -> _native.Opened:
        self._check()
        report = _native.Opened()
        _native.keyfold_stream_opened(self._stream, report)
        return report

    def authenticated_context(self) -> Context:
        """The whole context of the envelope, once the head has been read."""
        self._check()
        return Context.unpack(taken(lambda out: _native.keyfold_stream_context(self._stream, out)))

    def close(self) -> None:
        """Closes it. A second call does nothing, nor does one after a read that failed.

        :raises StreamUnfinished: the end was not reached: what was read is only the front of a message
        """
        if self._failed is not None:
            self.abandon()
        self._end()

    def __exit__(self, kind: Any, *_: Any) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()


def _at(pointer: Any, offset: int) -> Any:
    """An address so many bytes further on."""
    if not offset:
        return pointer
    if isinstance(pointer, bytes):
        base = ctypes.cast(ctypes.c_char_p(pointer), ctypes.c_void_p).value or 0
        return base + offset
    return pointer + offset


def writer(begin: Callable[[Any], None], sink: Sink, threads: int) -> EncryptingWriter:
    """Opens an encrypting stream by a call that puts out its handle."""
    if not callable(getattr(sink, "write", None)):
        raise TypeError(f"the sink must have a write, which {type(sink).__name__} has not")
    handle, working = _native.StreamHandle(), Working(threads)
    begin(handle)
    return EncryptingWriter(handle, sink, working)


def encrypting(
    keys: Any,
    sink: Sink,
    context: ContextLike,
    store_context: StoreContext,
    free_cells: int,
    threads: int,
) -> EncryptingWriter:
    """Opens an encrypting stream under these handles."""
    kind, chosen = stored(store_context)
    options, block = _native.EncryptOptions(store_context=kind, free_cells=free_cells), packed(context)
    given = (keys, len(keys), block, length(block), chosen, length(chosen), options)
    return writer(lambda out: _native.keyfold_stream_encrypt(*given, *NO_SOURCE, out), sink, threads)


def decrypting(
    begin: Callable[..., None],
    first: Sequence[Any],
    source: Source,
    context: ContextLike,
    accept_stored_context: bool,
    threads: int,
) -> DecryptingReader:
    """Opens a decrypting stream by one of the two calls that do."""
    if not callable(getattr(source, "read", None)) and not callable(getattr(source, "readinto", None)):
        raise TypeError(f"the source must have a read, which {type(source).__name__} has not")
    options, block = decrypt_options(accept_stored_context), packed(context)
    handle, working = _native.StreamHandle(), Working(threads)
    begin(*first, block, length(block), options, *NO_SOURCE, handle)
    return DecryptingReader(handle, source, working)
