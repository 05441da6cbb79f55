"""Finds and loads the library, and makes each of its functions callable with the types the header gives."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any, NewType

_VARIABLE = "KEYFOLD_LIBRARY"

# What the generated functions take as text and as numbers of the caller's: only the two functions at this file's end
# make them, so that mypy sees a call that skips their checks.
Encoded = NewType("Encoded", bytes)
Unsigned = NewType("Unsigned", int)


class LibraryTooOld(ImportError):
    """The loaded library lacks a function that this version of the wrapper calls."""


def _load() -> ctypes.CDLL:
    """The library beside this file, or the one the environment names; never one found by name in the system."""
    named = os.environ.get(_VARIABLE)
    name = "libkeyfold.dylib" if sys.platform == "darwin" else "libkeyfold.so"
    path = Path(named) if named else Path(__file__).with_name(name)
    if named and not path.is_absolute():
        raise ImportError(f"{_VARIABLE} must be an absolute path, not {named!r}")
    try:
        return ctypes.CDLL(str(path))
    except OSError as reason:
        raise ImportError(
            f"cannot load the keyfold library: {reason}; install the wheel of this platform, or set {_VARIABLE} to"
            " the path of libkeyfold.so"
        ) from None


library = _load()


def require_abi(found: int, wanted: int) -> None:
    """Refuses a library of another ABI."""
    if found != wanted:
        raise ImportError(
            f"the keyfold library has ABI {found}, this wrapper needs ABI {wanted}; install both anew"
        )


def bind(name: str, result: Any, arguments: list[Any], check: Any) -> Any:
    """The function of this name with its types, or a stub that says that the library is too old for it."""
    try:
        function = getattr(library, name)
    except AttributeError:

        def missing(*_: object) -> Any:
            raise LibraryTooOld(f"the keyfold library has no {name}; install a later one")

        return missing
    function.restype = result
    function.argtypes = arguments
    if check is not None:
        function.errcheck = check
    return function


def encoded(text: str, what: str = "text") -> Encoded:
    """Text for C. A NUL in it would end it early, so that it named something else."""
    if not isinstance(text, str):
        raise TypeError(f"{what} must be str, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{what} must not contain NUL")
    return Encoded(text.encode("utf-8"))


def encoded_or_none(text: str | None, what: str = "text") -> Encoded | None:
    """The same, or NULL."""
    return None if text is None else encoded(text, what)


def checked_unsigned(name: str, value: int, bits: int = 64) -> Unsigned:
    """An integer that fits; ctypes would cut it."""
    if not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{name} must be from 0 to 2**{bits} - 1")
    return Unsigned(int(value))
