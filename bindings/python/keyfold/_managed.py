"""What owns a handle of the library."""

from __future__ import annotations

import sys
import warnings
from typing import Any, NoReturn, TypeVar

from . import _native

Self = TypeVar("Self", bound="Managed")


class Managed:
    """An object that owns a handle: closed by `close()`, by `with`, or, with a warning, when it is collected."""

    __slots__ = ("_owned", "__weakref__")

    _what = "object"
    _warns = True

    def __init__(self, handle: Any) -> None:
        self._owned = [handle]

    @staticmethod
    def _end(handle: Any) -> None:
        raise NotImplementedError

    @property
    def _handle(self) -> Any:
        try:
            return self._owned[0]
        except IndexError:
            raise ValueError(f"this {self._what} is closed") from None

    @property
    def closed(self) -> bool:
        """Whether `close()` has been called."""
        return not self._owned

    def close(self) -> None:
        """Gives the handle back. Calls under way in other threads finish first; a second `close()` does nothing."""
        try:
            handle = self._owned.pop()
        except IndexError:
            return
        self._end(handle)

    def __enter__(self: Self) -> Self:
        self._handle
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        # At the interpreter's end modules may be gone already, and the system takes the memory back in any case.
        if sys.is_finalizing() or not getattr(self, "_owned", None):
            return
        if self._warns:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, stacklevel=2, source=self)
        try:
            self.close()
        except _native.KeyfoldError:
            pass  # in a forked child the handle may be the parent's

    def __repr__(self) -> str:
        return f"<keyfold.{type(self).__name__}{' (closed)' if self.closed else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"a {self._what} cannot be pickled or copied; open it where it is needed")
