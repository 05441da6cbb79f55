"""Random access to the message of an envelope, and encrypted files that are opened as others are."""

from __future__ import annotations

import ctypes
import io
import itertools
import os
import secrets
import stat
import sys
import threading
import warnings
from typing import Any, Callable, NoReturn, Sequence, Union

from . import _native
from ._buffers import Data, fresh, reading, writing
from ._context import Context, ContextLike, length, packed
from ._library import checked_unsigned
from ._options import decrypt_options
from ._roots import path_text
from ._streams import EncryptingWriter
from ._types import key_id_text, taken
from ._work import CALLED, Cancel, Progress, Working

Fetch = Callable[[int, int], Any]
"""Gives at most so many bytes (the second number) of an envelope from an offset (the first) on; none only at its end."""
Readable = Union[int, str, "os.PathLike[str]", Fetch]


class EncryptedReader(io.RawIOBase):
    """A file-like object that reads the message of an envelope at any place. Made by `open_encrypted` and `Key.reader`.

    `pread` and `pread_into` may be called by any number of threads at once; the others move one position. Every byte
    that comes out has been authenticated; `size`, seeks from the end, and reads that meet the end authenticate the last chunk first.
    """

    def __init__(self, handle: Any, number: int | None, threads: int) -> None:
        self._reader, self._number, self._threads = handle, number, threads
        self._position, self._open = 0, True
        self._lock = threading.Lock()

    def _check(self) -> None:
        if not self._open:
            raise ValueError("this encrypted file is closed")

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def write(self, _: Data, /) -> NoReturn:
        """Not of what is read."""
        raise io.UnsupportedOperation("not writable")

    @property
    def size(self) -> int:
        """Bytes of the message."""
        self._check()
        n = ctypes.c_uint64()
        self._call(lambda: _native.keyfold_reader_size(self._reader, n))
        return n.value

    def pread_into(
        self,
        buffer: Data,
        offset: int,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> int:
        """Reads from an offset on into memory of the caller's: fewer bytes than it holds only at the end."""
        self._check()
        at, n = checked_unsigned("offset", offset), ctypes.c_size_t()
        working = Working(self._threads, progress, cancel)
        with writing(buffer, "buffer") as (address, capacity):
            self._call(
                lambda: working.run(
                    lambda work: _native.keyfold_reader_pread(self._reader, at, work, address, capacity, n)
                )
            )
        return n.value

    def pread(self, size: int, offset: int) -> bytes:
        """At most `size` bytes from an offset on, as `os.pread`."""
        self._check()
        if size < 0:
            raise ValueError("size is 0 or more")
        at, n, working = checked_unsigned("offset", offset), ctypes.c_size_t(), Working(self._threads)

        def call(out: Any, capacity: int) -> int:
            self._call(
                lambda: working.run(
                    lambda work: _native.keyfold_reader_pread(self._reader, at, work, out, capacity, n)
                )
            )
            return n.value

        # No more memory than there is message.
        return fresh(size if size <= _TRUSTED else min(size, max(0, self.size - offset)), call)

    def readinto(self, buffer: Data, /) -> int:
        """Reads from the position on, and moves it."""
        with self._lock:
            n = self.pread_into(buffer, self._position)
            self._position += n
        return n

    def readall(self) -> bytes:
        """All that follows the position."""
        with self._lock:
            made = self.pread(max(0, self.size - self._position), self._position)
            self._position += len(made)
        return made

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Moves the position; it may lie beyond the end."""
        self._check()
        with self._lock:
            if whence == os.SEEK_SET:
                to = offset
            elif whence == os.SEEK_CUR:
                to = self._position + offset
            elif whence == os.SEEK_END:
                to = self.size + offset
            else:
                raise ValueError(f"whence is 0, 1 or 2, not {whence}")
            if not 0 <= to < 1 << 63:
                raise ValueError(f"position {to} is before the beginning, or too large")
            self._position = to
        return to

    def tell(self) -> int:
        """The position."""
        self._check()
        return self._position

    @property
    def key_id(self) -> str:
        """The id of the key that opened it."""
        return key_id_text(self._opened().key_id)

    @property
    def version(self) -> int:
        """That key's version."""
        return self._opened().version

    def _opened(self) -> _native.Opened:
        self._check()
        report = _native.Opened()
        _native.keyfold_reader_opened(self._reader, report)
        return report

    def authenticated_context(self) -> Context:
        """The whole context of the envelope."""
        self._check()
        return Context.unpack(taken(lambda out: _native.keyfold_reader_context(self._reader, out)))

    def _call(self, call: Callable[[], object]) -> None:
        """Makes a call; what the source raised in this thread is raised here."""
        try:
            call()
        except _native.KeyfoldError:
            failed = _raised()
            if failed is None:
                raise
            raise failed

    def close(self) -> None:
        """Closes it. Calls under way in other threads finish first."""
        if self._open:
            self._open = False
            super().close()
            _native.keyfold_reader_close(self._reader)

    def __del__(self) -> None:
        if sys.is_finalizing() or not getattr(self, "_open", False):
            return
        warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        try:
            self.close()
        except _native.KeyfoldError:
            pass

    def __repr__(self) -> str:
        return f"<keyfold.EncryptedReader{'' if self._open else ' (closed)'}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("an encrypted file cannot be pickled or copied; open it where it is needed")


_TRUSTED = 1 << 20
"""So much is allocated before the size is known to be true."""

# Sources that C holds, by number, and what they raised, by thread: C calls them from the thread whose call needs them.
_SOURCES: dict[int, Fetch] = {}
_NUMBERS = itertools.count(1)
_LOCAL = threading.local()


def _raised() -> BaseException | None:
    raised: BaseException | None = getattr(_LOCAL, "raised", None)
    _LOCAL.raised = None
    return raised


def _fetch(number: int, offset: int, into: int, capacity: int, out_len: int) -> int:
    try:
        got = _SOURCES[number](offset, capacity)
        with reading(got, "what the source gave") as (pointer, size):
            if size > capacity:
                raise ValueError(f"the source gave {size} bytes where {capacity} were asked for")
            ctypes.memmove(into, pointer, size)
        ctypes.c_size_t.from_address(out_len).value = size
        return _native.CALLBACK_OK
    except BaseException as raised:
        _LOCAL.raised = raised
        return 0


def _release(number: int) -> None:
    _SOURCES.pop(number, None)


CALLED.add(_fetch)
_FETCH, _RELEASE = _native.PreadCallback(_fetch), _native.SourceRelease(_release)


def reader(
    by_descriptor: Callable[..., None],
    by_callback: Callable[..., None],
    first: Sequence[Any],
    source: Readable,
    size: int | None,
    context: ContextLike,
    accept_stored_context: bool,
    threads: int,
) -> EncryptedReader:
    """Opens a reader of a path, a descriptor or a function."""
    options, block, handle = decrypt_options(accept_stored_context), packed(context), _native.ReaderHandle()
    given = (*first, block, length(block), options)
    threads_ = checked_unsigned("threads", threads, 32)
    if isinstance(source, (str, os.PathLike)):
        descriptor = os.open(path_text(source), os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
        try:
            by_descriptor(*given, descriptor, handle)
        finally:
            os.close(descriptor)
        return EncryptedReader(handle, None, threads_)
    if isinstance(source, int):
        if not 0 <= source < 1 << 31:
            raise ValueError(f"{source} is no file descriptor")
        by_descriptor(*given, source, handle)
        return EncryptedReader(handle, None, threads_)
    if not callable(source):
        raise TypeError(
            f"the source is a path, a file descriptor, or a function of offset and size, not {type(source).__name__}"
        )
    if size is None:
        raise TypeError("a function needs size: the bytes of the whole envelope")
    whole, number = checked_unsigned("size", size), next(_NUMBERS)
    _SOURCES[number] = source
    try:
        by_callback(*given, whole, _FETCH, number, _RELEASE, handle)
    except _native.KeyfoldError:
        failed = _raised()
        if failed is None:
            raise
        raise failed
    return EncryptedReader(handle, number, threads_)


class EncryptedFile(EncryptingWriter):
    """A file that is written encrypted, and takes its name's place when it is closed. Made by `open_encrypted`.

    Until then, and for good where a `with` block is left by an exception, a file of that name is as it was.
    """

    _what = "encrypted file"

    def __init__(self, target: str, begin: Callable[[Any], EncryptingWriter]) -> None:
        self._target = os.path.realpath(target)
        folder, name = os.path.split(self._target)
        try:
            there = os.stat(self._target)
        except FileNotFoundError:
            there = None
        if there is not None and not stat.S_ISREG(there.st_mode):
            raise ValueError(f"{target!r} is not a regular file; encrypt to a path that is one, or none yet")
        self._temporary = os.path.join(folder, f".{name[:100]}.{secrets.token_hex(8)}.keyfold")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        self._file = io.FileIO(os.open(self._temporary, flags, 0o666), "w")
        try:
            if there is not None:
                os.fchmod(self._file.fileno(), stat.S_IMODE(there.st_mode))
            made = begin(self._file)
        except BaseException:
            self._discard()
            raise
        super().__init__(made._stream, self._file, made._working)
        made._open = False  # this has its handle now

    def close(self) -> None:
        """Writes the end, and puts the file in its place, on disk. A second call does nothing."""
        if not self._open:
            return
        try:
            super().close()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._temporary, self._target)
        except BaseException:
            self._discard()
            raise
        folder = os.open(os.path.dirname(self._target), os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def abandon(self) -> None:
        """Closes it and leaves a file of that name as it was."""
        was_open = self._open
        super().abandon()
        if was_open:
            self._discard()

    def _discard(self) -> None:
        self._file.close()
        try:
            os.unlink(self._temporary)
        except FileNotFoundError:
            pass
