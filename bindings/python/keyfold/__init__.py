"""Envelope encryption with named, versioned keys: AWS KMS in a library.

A root protects a store, a store keeps keys, and a key encrypts each message under a data key of its own.

>>> import keyfold
>>> with keyfold.in_memory() as store:
...     metadata = store.create_key("cards")
...     with store.key("cards") as cards:
...         sealed = cards.encrypt(b"4111 1111 1111 1111", context={"tenant": "acme"})
...         print(cards.decrypt(sealed, context={"tenant": "acme"}))
b'4111 1111 1111 1111'

A store in a file is made once with `init` and opened with `open`, under a root kept somewhere else::

    with keyfold.open("keys.db", root=keyfold.KeyFile("/run/secrets/root")) as store:
        ...

What must not be ignored raises: `KeyfoldError` and its subclasses, one for each hundred of the status numbers in
docs/ABI.md, and one for each status to which one reacts. No call returns False for "did not verify".
"""

from __future__ import annotations

import ctypes
import os
from typing import Any

from . import _native
from ._buffers import Data, reading, writing
from ._context import Context, ContextLike
from ._key import Key
from ._library import LibraryTooOld, checked_unsigned as _checked
from ._native import (
    AlreadyExists,
    AuthenticationError,
    BufferTooSmall,
    ContextRequired,
    Forked,
    InternalError,
    InvalidArgument,
    InvalidCiphertext,
    InvalidContext,
    InvalidHandle,
    InvalidName,
    KeyDisabled,
    KeyfoldError,
    KeyNotAllowed,
    KeyNotFound,
    KeyPolicyError,
    OutOfMemory,
    RootError,
    RootMismatch,
    RootNotFound,
    RootUnsafe,
    Status,
    StoreBusy,
    StoreError,
    StoreExists,
    StoreIntegrityError,
    StoreNotFound,
    StoreReadOnly,
    UsageError,
)
from ._options import StoreContext
from ._roots import KeyFile, Passphrase, Root, opened as _root_opened, path_encoded as _path
from ._store import Store
from ._types import (
    AliasMetadata,
    DataKey,
    KeyMetadata,
    KeyVersion,
    Opened,
    Protection,
    Rewrapped,
    RootSlot,
    StoreInfo,
    VersionMetadata,
    told as _told,
)
from ._version import __version__


def open(  # noqa: A001  (keyfold.open is what it is called)
    location: str | os.PathLike[str],
    root: Root,
    *,
    read_only: bool = False,
    fork: str = "wipe",
    refresh: float | None = None,
    busy_timeout: float | None = None,
    allow_network_file_system: bool = False,
    require_locked_memory: bool = False,
) -> Store:
    """Opens a key store that exists.

    :param location: a path, or ``sqlite:PATH``, or ``sqlite:PATH?fingerprint=HEX``
    :param root: a `KeyFile` or `Passphrase`
    :param read_only: opens without the right to write; works on a read-only file system
    :param fork: "wipe" (a forked child must open the store itself) or "inherit" (it goes on, keys included)
    :param refresh: seconds for which another process's change may go unseen; None is 0.25, 0 looks at every call
    :param busy_timeout: seconds to wait for another process's transaction; None is 5
    :param allow_network_file_system: accepts a place where file locks may not work
    :param require_locked_memory: fails when the system will not lock secret memory, instead of going on without
    :raises StoreNotFound: there is no store
    :raises RootMismatch: the root does not open it
    :raises RootUnsafe: the root's secret is not kept safely; the text says how to mend it
    :raises StoreIntegrityError: something in the store was changed without its root
    """
    flags = _native.OPEN_READ_ONLY if read_only else 0
    options = _options(flags, fork, refresh, busy_timeout, allow_network_file_system, require_locked_memory)
    handle = _native.StoreHandle()
    with _root_opened(root) as raw:
        _native.keyfold_store_open(_path(location), raw, options, handle)
    return Store(handle)


def init(
    location: str | os.PathLike[str],
    root: Root,
    *,
    development: bool = False,
    fork: str = "wipe",
    refresh: float | None = None,
    busy_timeout: float | None = None,
    allow_network_file_system: bool = False,
    require_locked_memory: bool = False,
) -> Store:
    """Makes a new key store and opens it; parameters as for `open`.

    :param development: marks the store for development, for ever
    :raises StoreExists: there is a file already
    """
    flags = _native.OPEN_DEVELOPMENT if development else 0
    options = _options(flags, fork, refresh, busy_timeout, allow_network_file_system, require_locked_memory)
    handle = _native.StoreHandle()
    with _root_opened(root) as raw:
        _native.keyfold_store_init(_path(location), raw, options, handle)
    return Store(handle)


def in_memory() -> Store:
    """Makes a store in memory with the same calls, for tests; gone when it and its keys are closed."""
    handle = _native.StoreHandle()
    _native.keyfold_store_open_in_memory(handle)
    return Store(handle)


def inspect(data: Data, *, total_len: int | None = None) -> dict[str, Any]:
    """What can be read of an envelope or blob without any key. Nothing in it is authenticated.

    :param total_len: the whole size, where `data` is only its first 64 KiB
    """
    with reading(data) as (pointer, size):
        report: dict[str, Any] = _told(
            lambda out: _native.keyfold_inspect(pointer, size, _checked("total_len", total_len or 0), out)
        )
    return report


def decrypted_size(envelope: Data) -> int:
    """The exact size of the message in an envelope, from its head and length. Not authenticated."""
    n = ctypes.c_size_t()
    with reading(envelope, "envelope") as (pointer, size):
        _native.keyfold_decrypted_size(pointer, size, n)
    return n.value


def random_bytes(size: int) -> bytearray:
    """Random bytes that are fit for keys, in memory that can be overwritten."""
    out = bytearray(size)
    with writing(out) as (address, capacity):
        _native.keyfold_generate_random(address, capacity)
    return out


def library_version() -> str:
    """The version of the library that is loaded."""
    return (_native.keyfold_version() or b"").decode()


def engine() -> str:
    """The engine that does AES-256-GCM: "aws-lc" or "aes-gcm". Both give the same bytes."""
    return (_native.keyfold_engine() or b"").decode()


def self_test() -> None:
    """Runs the library's self-test unless it has run; raises when it failed. Every call does so by itself."""
    _native.keyfold_self_test()


def reseed() -> None:
    """Makes every generator take fresh entropy; for after a snapshot was restored or a machine was cloned."""
    _native.keyfold_reseed()


def protection() -> Protection:
    """How the secret memory of this process is really protected."""
    is_ = _native.Protection()
    _native.keyfold_protection_status(is_)
    return Protection(is_.bytes, is_.unlocked_bytes, is_.dumpable_bytes, is_.not_wiped_bytes)


def open_handles() -> int:
    """Counts the roots, stores and keys that are open; 0 at the end of a program that closes all it opens."""
    return _native.keyfold_open_handles()


def _options(
    flags: int,
    fork: str,
    refresh: float | None,
    busy_timeout: float | None,
    allow_network_file_system: bool,
    require_locked_memory: bool,
) -> _native.StoreOptions:
    kinds = {"wipe": _native.Fork.WIPE, "inherit": _native.Fork.INHERIT}
    if fork not in kinds:
        raise ValueError(f'fork is "wipe" or "inherit", not {fork!r}')
    flags |= _native.OPEN_ALLOW_NETWORK_FILE_SYSTEM if allow_network_file_system else 0
    flags |= _native.OPEN_REQUIRE_LOCKED_MEMORY if require_locked_memory else 0
    flags |= _native.OPEN_REFRESH_EVERY_CALL if refresh == 0 else 0
    flags |= _native.OPEN_NO_WAIT if busy_timeout == 0 else 0
    return _native.StoreOptions(
        flags=flags,
        fork=int(kinds[fork]),
        refresh_millis=_millis("refresh", refresh),
        busy_timeout_millis=_millis("busy_timeout", busy_timeout),
    )


def _millis(name: str, seconds: float | None) -> int:
    if seconds is None or seconds == 0:
        return 0
    if not 0 < seconds < 4_000_000:
        raise ValueError(f"{name} is a number of seconds, not {seconds!r}")
    return max(1, round(seconds * 1000))


__all__ = [
    "AliasMetadata",
    "AlreadyExists",
    "AuthenticationError",
    "BufferTooSmall",
    "Context",
    "ContextLike",
    "ContextRequired",
    "DataKey",
    "Forked",
    "InternalError",
    "InvalidArgument",
    "InvalidCiphertext",
    "InvalidContext",
    "InvalidHandle",
    "InvalidName",
    "Key",
    "KeyDisabled",
    "KeyFile",
    "KeyMetadata",
    "KeyNotAllowed",
    "KeyNotFound",
    "KeyPolicyError",
    "KeyVersion",
    "KeyfoldError",
    "LibraryTooOld",
    "Opened",
    "OutOfMemory",
    "Passphrase",
    "Protection",
    "Rewrapped",
    "Root",
    "RootError",
    "RootMismatch",
    "RootNotFound",
    "RootSlot",
    "RootUnsafe",
    "Status",
    "Store",
    "StoreBusy",
    "StoreContext",
    "StoreError",
    "StoreExists",
    "StoreInfo",
    "StoreIntegrityError",
    "StoreNotFound",
    "StoreReadOnly",
    "UsageError",
    "VersionMetadata",
    "__version__",
    "decrypted_size",
    "engine",
    "in_memory",
    "init",
    "inspect",
    "library_version",
    "open",
    "open_handles",
    "protection",
    "random_bytes",
    "reseed",
    "self_test",
]
