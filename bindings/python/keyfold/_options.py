"""Options of the data path, as C takes them."""

from __future__ import annotations

import ctypes
from typing import Callable, Collection, Union

from . import _native
from ._context import names_only

StoreContext = Union[str, Collection[str]]
"""What of a context is written into the envelope, readable by anyone: "none", "names", "all", or the names whose
values are stored besides all names."""

_STORED = {
    "none": _native.StoreContext.NONE,
    "names": _native.StoreContext.NAMES,
    "all": _native.StoreContext.ALL,
}


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


def decrypt_options(accept_stored_context: bool) -> _native.DecryptOptions | None:
    """None is the default, and costs nothing."""
    return (
        _native.DecryptOptions(flags=_native.DECRYPT_ACCEPT_STORED_CONTEXT) if accept_stored_context else None
    )


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
