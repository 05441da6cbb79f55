"""Passes Python's memory to C and back without copying it.

In: `bytes` goes through as a pointer; anything else that exports one contiguous block (bytearray, memoryview, array,
numpy, mmap) is held by the buffer protocol for as long as the call runs, so that it cannot be resized or moved while
other threads run. Another thread may still write to it meanwhile: then what is encrypted is some mixture, and no more
than that. Out: a `bytes` that nothing else has seen is filled before it is returned, and wiped if the call fails.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Callable, Union

if TYPE_CHECKING:
    from typing_extensions import Buffer

    Data = Union[bytes, Buffer]
else:
    Data = Any

_SIMPLE, _WRITABLE = 0, 1

Pointer = Union[bytes, int]
Fill = Callable[[Pointer, int], int]
"""Writes at a pointer, at most so many bytes, and returns how many."""


class _View(ctypes.Structure):
    """CPython's Py_buffer."""

    _fields_ = [
        ("buf", ctypes.c_void_p),
        ("obj", ctypes.py_object),
        ("len", ctypes.c_ssize_t),
        ("itemsize", ctypes.c_ssize_t),
        ("readonly", ctypes.c_int),
        ("ndim", ctypes.c_int),
        ("format", ctypes.c_char_p),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("suboffsets", ctypes.c_void_p),
        ("internal", ctypes.c_void_p),
    ]


def _refuse(data: object, what: str) -> TypeError:
    if isinstance(data, str):
        return TypeError(f"{what} must be bytes, not str; encode it first")
    return TypeError(
        f"{what} must be bytes or another object with one contiguous block, not {type(data).__name__}"
    )


class _Held:
    """A block held by the buffer protocol: address and length while the `with` statement runs."""

    __slots__ = ("_data", "_flags", "_what", "_view")

    def __init__(self, data: Any, flags: int, what: str) -> None:
        self._data, self._flags, self._what, self._view = data, flags, what, _View()

    def __enter__(self) -> tuple[int | None, int]:
        if isinstance(self._data, str):
            raise _refuse(self._data, self._what)
        try:
            _get_buffer(self._data, ctypes.byref(self._view), self._flags)
        except (BufferError, TypeError, ValueError) as reason:
            if self._flags == _WRITABLE:
                raise TypeError(
                    f"{self._what} must be writable and contiguous, such as a bytearray: {reason}"
                ) from None
            raise _refuse(self._data, self._what) from None
        return self._view.buf, self._view.len

    def __exit__(self, *_: object) -> None:
        _release_buffer(ctypes.byref(self._view))


class _Plain:
    """`bytes`, which cannot move or change."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __enter__(self) -> tuple[bytes, int]:
        return self._data, len(self._data)

    def __exit__(self, *_: object) -> None:
        pass


class _Exported:
    """Without CPython's interface: ctypes' own view where the memory is writable, a copy where it is not."""

    __slots__ = ("_view", "_what", "_writable", "_keep")
    _keep: Any

    def __init__(self, data: Any, flags: int, what: str) -> None:
        try:
            self._view = memoryview(data)
        except TypeError:
            raise _refuse(data, what) from None
        self._what, self._writable, self._keep = what, flags == _WRITABLE, None
        if not self._view.contiguous or (self._writable and self._view.readonly):
            raise TypeError(f"{what} must be contiguous{' and writable' if self._writable else ''}")

    def __enter__(self) -> tuple[Any, int]:
        if self._view.readonly:
            return self._view.tobytes(), self._view.nbytes
        self._keep = (ctypes.c_char * self._view.nbytes).from_buffer(self._view.cast("B"))
        return ctypes.addressof(self._keep), self._view.nbytes

    def __exit__(self, *_: object) -> None:
        self._keep = None
        self._view.release()


def reading(data: Data, what: str = "data") -> Any:
    """A context manager that gives `(pointer, length)` of bytes to read."""
    if type(data) is bytes:
        return _Plain(data)
    return _hold(data, _SIMPLE, what)


def writing(data: Data, what: str = "out") -> Any:
    """A context manager that gives `(address, length)` of memory to write; read-only memory is a TypeError."""
    return _hold(data, _WRITABLE, what)


def _fresh_python(size: int, fill: Fill) -> bytes:
    """`bytes` of what `fill(pointer, size)` writes, by CPython's own allocation. ctypes takes the object's address."""
    made: bytes = _new_bytes(None, size)
    try:
        written = fill(made, size)
    except BaseException:
        ctypes.memset(made, 0, size)  # type: ignore[arg-type]  # the address of bytes is as good as an int
        raise
    return made if written == size else made[:written]


def _fresh_copied(size: int, fill: Fill) -> bytes:
    """The same by way of a ctypes array, for interpreters without CPython's interface."""
    made = (ctypes.c_char * max(size, 1))()
    try:
        written = fill(ctypes.addressof(made), size)
        return ctypes.string_at(ctypes.addressof(made), written)
    finally:
        ctypes.memset(ctypes.addressof(made), 0, len(made))


try:
    _get_buffer = ctypes.pythonapi.PyObject_GetBuffer
    _get_buffer.argtypes, _get_buffer.restype = [
        ctypes.py_object,
        ctypes.c_void_p,
        ctypes.c_int,
    ], ctypes.c_int
    _release_buffer = ctypes.pythonapi.PyBuffer_Release
    _release_buffer.argtypes, _release_buffer.restype = [ctypes.c_void_p], None
    _new_bytes = ctypes.pythonapi.PyBytes_FromStringAndSize
    _new_bytes.argtypes, _new_bytes.restype = [ctypes.c_char_p, ctypes.c_ssize_t], ctypes.py_object
    fresh: Callable[[int, Fill], bytes] = _fresh_python
    _hold: Callable[[Any, int, str], Any] = _Held
except AttributeError:  # PyPy
    fresh, _hold = _fresh_copied, _Exported
