"""Options of the data path, as C takes them."""

from __future__ import annotations

import ctypes
import os
from typing import Callable, Collection, Union

from . import _native
from ._context import names_only
from ._roots import path_text
from ._work import Working

StoreContext = Union[str, Collection[str]]
"""What of a context is written into the envelope, readable by anyone: "none", "names", "all", or the names whose
values are stored besides all names."""

_STORED = {
    "none": _native.StoreContext.NONE,
    "names": _native.StoreContext.NAMES,
    "all": _native.StoreContext.ALL,
}


def store_options(
    flags: int,
    *,
    fork: str,
    refresh: float | None,
    busy_timeout: float | None,
    allow_network_file_system: bool,
    require_locked_memory: bool,
    principal: str | None,
    source: str | None,
    user_agent: str | None,
    anchor: str | os.PathLike[str] | None | bool,
    trail: bool,
    trail_interval: float | None,
    recovery: bool = False,
) -> _native.StoreOptions:
    """Options of opening and making a store, as C takes them."""
    kinds = {"wipe": _native.Fork.WIPE, "inherit": _native.Fork.INHERIT}
    if fork not in kinds:
        raise ValueError(f'fork is "wipe" or "inherit", not {fork!r}')
    if anchor is True:
        raise TypeError("anchor is a path, None for the usual place, or False for none")
    flags |= _native.OPEN_ALLOW_NETWORK_FILE_SYSTEM if allow_network_file_system else 0
    flags |= _native.OPEN_REQUIRE_LOCKED_MEMORY if require_locked_memory else 0
    flags |= _native.OPEN_REFRESH_EVERY_CALL if refresh == 0 else 0
    flags |= _native.OPEN_NO_WAIT if busy_timeout == 0 else 0
    flags |= _native.OPEN_NO_ANCHOR if anchor is False else 0
    flags |= 0 if trail else _native.OPEN_NO_TRAIL
    flags |= _native.OPEN_RECOVERY if recovery else 0
    return _native.StoreOptions(
        flags=flags,
        fork=int(kinds[fork]),
        refresh_millis=millis("refresh", refresh),
        busy_timeout_millis=millis("busy_timeout", busy_timeout),
        trail_interval_millis=millis("trail_interval", trail_interval),
        principal=principal,
        source=source,
        user_agent=user_agent,
        anchor=None if anchor is None or anchor is False else path_text(anchor),
    )


def millis(name: str, seconds: float | None) -> int:
    """Seconds as milliseconds, a short time not rounded to the default; None is the default."""
    if seconds is None or seconds == 0:
        return 0
    if not 0 < seconds < 4_000_000:
        raise ValueError(f"{name} is a number of seconds, not {seconds!r}")
    return max(1, round(seconds * 1000))


def stored(store_context: StoreContext) -> tuple[int, bytes | None]:
    """The option, and the block of chosen names."""
    if isinstance(store_context, str):
        try:
            return int(_STORED[store_context]), None
        except KeyError:
            raise ValueError(
                f'store_context is "none", "names", "all" or a collection of names, not {store_context!r}'
            ) from None
    return int(_native.StoreContext.CHOSEN), names_only(store_context)


def one_of_three(store_context: StoreContext) -> int:
    """The option, for calls that do not take a collection of names."""
    kind, chosen = stored(store_context)
    if chosen is not None:
        raise ValueError('here store_context is "none", "names" or "all"')
    return kind


def decrypt_options(
    accept_stored_context: bool, working: Working | None = None
) -> _native.DecryptOptions | None:
    """None is the default, and costs nothing."""
    flags = _native.DECRYPT_ACCEPT_STORED_CONTEXT if accept_stored_context else 0
    if not flags and working is None:
        return None
    return _native.DecryptOptions(flags=flags, work=None if working is None else working.work)


def reencrypt_options(
    store_context: StoreContext, accept_stored_context: bool, drop_unreachable: bool, free_cells: int
) -> tuple[_native.ReencryptOptions, bytes | None]:
    """Options and chosen names of the two calls that re-encrypt."""
    kind, chosen = stored(store_context)
    flags = _native.REENCRYPT_ACCEPT_STORED_CONTEXT if accept_stored_context else 0
    flags |= _native.REENCRYPT_DROP_UNREACHABLE if drop_unreachable else 0
    return _native.ReencryptOptions(flags=flags, store_context=kind, free_cells=free_cells), chosen


def size_asked(n: ctypes.c_size_t, call: Callable[[], object]) -> int:
    """The size that a call without an output buffer says it needs, by way of `n`."""
    try:
        call()
    except _native.BufferTooSmall:
        pass
    return n.value
