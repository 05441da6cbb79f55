"""Finds and loads the library, and makes each of its functions callable with the types the header gives."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path
from typing import Any

_VARIABLE = "KEYFOLD_LIBRARY"


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


def encoded(text: str) -> bytes:
    """Text for C. A NUL in it would end it early, so that it named something else."""
    if not isinstance(text, str):
        raise TypeError(f"str is needed, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError("text for the keyfold library must not contain NUL")
    return text.encode("utf-8")


def checked_unsigned(name: str, value: int, bits: int) -> int:
    """An integer that fits; ctypes would cut it."""
    if not isinstance(value, int):
        raise TypeError(f"{name} must be an int, not {type(value).__name__}")
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{name} must be from 0 to 2**{bits} - 1")
    return int(value)


class Text:
    """UTF-8 that ends in NUL."""

    @classmethod
    def from_param(cls, text: str) -> Any:
        """What ctypes passes."""
        return ctypes.c_char_p.from_param(encoded(text))


class OptionalText(Text):
    """The same, or NULL."""

    @classmethod
    def from_param(cls, text: str | None) -> Any:
        """What ctypes passes."""
        return None if text is None else super().from_param(text)


class Unsigned32:
    """A uint32_t that is refused, not cut, when it does not fit."""

    @classmethod
    def from_param(cls, value: int) -> Any:
        """What ctypes passes."""
        return ctypes.c_uint32(checked_unsigned("argument", value, 32))


class Size:
    """A size_t or uint64_t that is refused, not cut, when it does not fit."""

    @classmethod
    def from_param(cls, value: int) -> Any:
        """What ctypes passes."""
        return ctypes.c_size_t(checked_unsigned("argument", value, 64))
