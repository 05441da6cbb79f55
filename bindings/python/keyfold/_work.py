"""Long calls: threads, progress, and what stops them (a flag, or an exception such as KeyboardInterrupt)."""

from __future__ import annotations

import ctypes
import sys
import threading
from typing import Any, Callable, TypeVar

from . import _native
from ._buffers import Fill
from ._library import checked_unsigned

T = TypeVar("T")
Progress = Callable[[int, int], object]
"""Told the bytes done and those of the whole (0 where it is not known), about once a MiB. False stops the call."""

LARGE: int = _native.LARGE

CALLED: set[Callable[..., int]] = set()
"""What C calls besides `progress` while a call runs: an interrupt before its first line stops the call too."""


class Cancel:
    """A flag that stops the calls it is given to, from any thread: they raise `Cancelled` within one chunk."""

    __slots__ = ("_flag",)

    def __init__(self) -> None:
        self._flag = ctypes.c_uint32()

    def set(self) -> None:
        """Stops every call that was given it, now and later."""
        self._flag.value = 1

    def is_set(self) -> bool:
        """Whether `set` has been called."""
        return bool(self._flag.value)


class Working:
    """How one call is done. Signals that arrive meanwhile are handled as Python does, and what they raise stops the call."""

    __slots__ = ("work", "_progress", "_cancel", "_raised", "_callback", "__weakref__")

    def __init__(
        self, threads: int = 0, progress: Progress | None = None, cancel: Cancel | None = None
    ) -> None:
        if progress is not None and not callable(progress):
            raise TypeError(f"progress must be callable, not {type(progress).__name__}")
        if cancel is not None and not isinstance(cancel, Cancel):
            raise TypeError(f"cancel must be a keyfold.Cancel, not {type(cancel).__name__}")
        self._progress, self._cancel = progress, cancel
        self._raised: BaseException | None = None
        self._callback: Any = self._told
        self.work = _native.Work(
            threads=checked_unsigned("threads", threads, 32),
            progress=_native.ProgressCallback(self._callback),
        )
        if cancel is not None:
            self.work.cancel = ctypes.addressof(cancel._flag)

    def _told(self, _: int | None, done: int, total: int) -> int:
        try:
            if self._raised is not None:
                return 0
            if self._progress is not None and self._progress(done, total) is False:
                return 0
            return _native.CALLBACK_OK
        except BaseException as raised:
            self._raised = raised
            return 0

    def run(self, call: Callable[[_native.Work], T]) -> T:
        """Makes the call; what a callback raised is raised here."""
        signals = threading.current_thread() is threading.main_thread()
        before = sys.unraisablehook
        if signals:
            # A signal's handler may raise before the first line of the callback: what Python would print is kept.
            sys.unraisablehook = lambda told: self._unraisable(told, before)
        try:
            made = call(self.work)
            # What ctypes answers for a callback whose first line was not reached is whatever lay there, OK too.
            if self._raised is None:
                return made
        except _native.KeyfoldError:
            if self._raised is None:
                raise
        finally:
            if signals:
                sys.unraisablehook = before
        try:
            raise self._raised
        finally:
            self._raised = None  # its traceback holds this frame

    def _unraisable(self, told: Any, before: Callable[[Any], object]) -> None:
        ours = told.object == self._callback or told.object in CALLED
        if ours and told.exc_value is not None:
            self._raised = told.exc_value
        else:
            before(told)


def watched(working: Working | None, fill: Fill) -> Fill:
    """The call, with what its callback raised."""
    return fill if working is None else lambda out, capacity: working.run(lambda _: fill(out, capacity))


def unwatched(threads: int, size: int) -> bool:
    """Whether a call of this size needs nothing of this: it is short, and the library may choose."""
    return threads == 0 and size < LARGE
