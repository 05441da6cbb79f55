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

import contextlib
import ctypes
import os
from typing import Any, Iterator, Sequence

from . import _native
from ._buffers import Data, reading, writing
from ._context import Context, ContextLike
from ._files import ciphertext_range, open_encrypted
from ._key import Key, seal, sealing
from ._library import LibraryTooOld, checked_unsigned as _checked
from ._native import (
    AccessDenied,
    AlreadyExists,
    AnchorUnavailable,
    ApprovalRequired,
    AuthenticationError,
    BackupInvalid,
    BufferTooSmall,
    Busy,
    CallbackFailed,
    Cancelled,
    ContextRequired,
    CryptoperiodEnded,
    ExpiredImportToken,
    Forked,
    GrantNotFound,
    IncorrectKeyMaterial,
    InternalError,
    InvalidArgument,
    InvalidCiphertext,
    InvalidContext,
    InvalidHandle,
    InvalidKeyState,
    InvalidKeyUsage,
    InvalidMac,
    InvalidName,
    KeyDestroyed,
    KeyDisabled,
    KeyfoldError,
    KeyNotAllowed,
    KeyNotFound,
    KeyPolicyError,
    KeyStopped,
    OutOfMemory,
    RootError,
    RootMismatch,
    RootNotFound,
    RootUnsafe,
    Status,
    StoreBusy,
    StoreError,
    StoreExists,
    StoreForked,
    StoreIntegrityError,
    StoreNotFound,
    StoreReadOnly,
    StoreRolledBack,
    StreamEnded,
    StreamUnfinished,
    TrailInvalid,
    TrailUnavailable,
    UnsupportedOperation,
    UsageError,
)
from ._manage import root_handles as _root_handles
from ._options import StoreContext, store_options as _options
from ._roots import KeyFile, Passphrase, Root, opened as _root_opened, path_encoded as _path
from ._reader import EncryptedFile, EncryptedReader
from ._store import Store
from ._streams import DecryptingReader, EncryptingWriter
from ._trail import Trail, verify_jsonl, verify_tiles
from ._types import (
    AliasMetadata,
    Approval,
    BackupReport,
    BadEntry,
    DataKey,
    Destroyed,
    GrantMetadata,
    ImportParameters,
    KeyLastUsage,
    KeyMetadata,
    KeyPolicy,
    KeyVersion,
    Opened,
    Protection,
    RepairReport,
    RootChangeReport,
    Rewrapped,
    RootSlot,
    RotationStatus,
    SinkStatus,
    StoreInfo,
    StoreSettings,
    TrailReport,
    VersionCounts,
    VersionMetadata,
    record as _record,
    told as _told,
)
from ._version import __version__
from ._work import Cancel


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
    principal: str | None = None,
    source: str | None = None,
    user_agent: str | None = None,
    anchor: str | os.PathLike[str] | None | bool = None,
    trail: bool = True,
    trail_interval: float | None = None,
    recovery: bool = False,
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
    :param principal: who opens the store, 1 to 128 characters; None is "default". Where the root's slot bears a
        principal, that one and no other
    :param source: `sourceIPAddress` in the trail; None is the host's name
    :param user_agent: `userAgent` in the trail
    :param anchor: the file outside the store that remembers its highest epoch; None is one in the user's or the
        host's state folder, False none
    :param trail: whether uses of keys are recorded; changes are in any case
    :param trail_interval: seconds after which uses under ready keys become an event; None is 60
    :param recovery: opens versions past their recipient period and compromised keys; every such use is an event
    :raises StoreNotFound: there is no store
    :raises AccessDenied: the root's slot bears another principal
    :raises RootMismatch: the root does not open it
    :raises RootUnsafe: the root's secret is not kept safely; the text says how to mend it
    :raises StoreIntegrityError: something in the store was changed without its root
    """
    flags = _native.OPEN_READ_ONLY if read_only else 0
    options = _options(
        flags,
        fork=fork,
        refresh=refresh,
        busy_timeout=busy_timeout,
        allow_network_file_system=allow_network_file_system,
        require_locked_memory=require_locked_memory,
        principal=principal,
        source=source,
        user_agent=user_agent,
        anchor=anchor,
        trail=trail,
        trail_interval=trail_interval,
        recovery=recovery,
    )
    handle = _native.StoreHandle()
    with _root_opened(root) as raw:
        _native.keyfold_store_open(_path(location), raw, options, handle)
    return Store(handle)


def init(
    location: str | os.PathLike[str],
    root: Root,
    *,
    development: bool = False,
    bind_principal: bool = False,
    admin_root: bool = False,
    fork: str = "wipe",
    refresh: float | None = None,
    busy_timeout: float | None = None,
    allow_network_file_system: bool = False,
    require_locked_memory: bool = False,
    principal: str | None = None,
    source: str | None = None,
    user_agent: str | None = None,
    anchor: str | os.PathLike[str] | None | bool = None,
    trail: bool = True,
    trail_interval: float | None = None,
) -> Store:
    """Makes a new key store and opens it; parameters as for `open`.

    :param development: marks the store for development, for ever
    :param bind_principal: the root's slot bears `principal`
    :param admin_root: the root's slot holds the admin seed: only admin roots change the store
    :raises StoreExists: there is a file already
    """
    flags = _native.OPEN_DEVELOPMENT if development else 0
    flags |= _native.OPEN_BIND_PRINCIPAL if bind_principal else 0
    flags |= _native.OPEN_ADMIN_ROOT if admin_root else 0
    options = _options(
        flags,
        fork=fork,
        refresh=refresh,
        busy_timeout=busy_timeout,
        allow_network_file_system=allow_network_file_system,
        require_locked_memory=require_locked_memory,
        principal=principal,
        source=source,
        user_agent=user_agent,
        anchor=anchor,
        trail=trail,
        trail_interval=trail_interval,
    )
    handle = _native.StoreHandle()
    with _root_opened(root) as raw:
        _native.keyfold_store_init(_path(location), raw, options, handle)
    return Store(handle)


def verify_backup(path: str | os.PathLike[str], root: Root) -> BackupReport:
    """Verifies a backup that `Store.back_up` wrote, without restoring it.

    :raises BackupInvalid: it is damaged, or no backup
    """
    text = _path(path)
    with _root_opened(root) as raw:
        return _record(BackupReport, _told(lambda out: _native.keyfold_backup_verify(text, raw, out)))


def restore(
    backup: str | os.PathLike[str],
    location: str | os.PathLike[str],
    roots: Sequence[Root],
    *,
    principal: str | None = None,
    anchor: str | os.PathLike[str] | None | bool = None,
) -> Store:
    """Makes a store from a backup where none is, as a new incarnation of it, and opens it.

    :param roots: one; or two with different principals, where the store's settings put it under dual control
    """
    handle, options = _native.StoreHandle(), _whole_store_options(principal, anchor)
    with _opened_roots(roots) as raw:
        _native.keyfold_store_restore(_path(backup), _path(location), raw, len(raw), options, handle)
    return Store(handle)


def repair(
    location: str | os.PathLike[str],
    roots: Sequence[Root],
    *,
    principal: str | None = None,
    anchor: str | os.PathLike[str] | None | bool = None,
) -> RepairReport:
    """Mends a store whose manifest or tree is damaged, from what verifies, as a new incarnation of it."""
    options, text = _whole_store_options(principal, anchor), _path(location)
    with _opened_roots(roots) as raw:
        return _record(
            RepairReport,
            _told(lambda out: _native.keyfold_store_repair(text, raw, len(raw), options, out)),
        )


def change_compromised_root(
    location: str | os.PathLike[str],
    roots: Sequence[Root],
    new_root: Root,
    *,
    keep: Sequence[Root] = (),
    principal: str | None = None,
    anchor: str | os.PathLike[str] | None | bool = None,
) -> RootChangeReport:
    """Gives a store whose root was compromised a new store secret, wraps all material anew, and rotates every key whose
    material the store draws. Nobody may have the store open.

    :param roots: one that opens the store; or two with different principals, where the settings put ChangeRoot under
        dual control
    :param new_root: takes the place of the slot that the first of them opens
    :param keep: roots whose slots stay; all others are no more
    """
    options, text = _whole_store_options(principal, anchor), _path(location)
    with _opened_roots(roots) as raw, _opened_roots(keep) as kept, _root_opened(new_root) as new:
        return _record(
            RootChangeReport,
            _told(
                lambda out: _native.keyfold_store_change_compromised_root(
                    text, raw, len(raw), new, kept, len(kept), options, out
                )
            ),
        )


def _whole_store_options(
    principal: str | None, anchor: str | os.PathLike[str] | None | bool
) -> _native.StoreOptions:
    return _options(
        0,
        fork="wipe",
        refresh=None,
        busy_timeout=None,
        allow_network_file_system=False,
        require_locked_memory=False,
        principal=principal,
        source=None,
        user_agent=None,
        anchor=anchor,
        trail=True,
        trail_interval=None,
    )


@contextlib.contextmanager
def _opened_roots(roots: Sequence[Root]) -> Iterator[Any]:
    if isinstance(roots, (KeyFile, Passphrase)):
        raise TypeError("roots is a sequence of roots, not one")
    with contextlib.ExitStack() as open_:
        yield _root_handles([open_.enter_context(_root_opened(root)) for root in roots])


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


__all__ = [
    "AccessDenied",
    "AliasMetadata",
    "AlreadyExists",
    "AnchorUnavailable",
    "Approval",
    "ApprovalRequired",
    "AuthenticationError",
    "BackupInvalid",
    "BackupReport",
    "BadEntry",
    "BufferTooSmall",
    "Busy",
    "CallbackFailed",
    "Cancel",
    "Cancelled",
    "Context",
    "ContextLike",
    "ContextRequired",
    "CryptoperiodEnded",
    "DataKey",
    "DecryptingReader",
    "Destroyed",
    "EncryptedFile",
    "EncryptedReader",
    "EncryptingWriter",
    "ExpiredImportToken",
    "Forked",
    "GrantMetadata",
    "GrantNotFound",
    "ImportParameters",
    "IncorrectKeyMaterial",
    "InternalError",
    "InvalidArgument",
    "InvalidCiphertext",
    "InvalidContext",
    "InvalidHandle",
    "InvalidKeyState",
    "InvalidKeyUsage",
    "InvalidMac",
    "InvalidName",
    "Key",
    "KeyDestroyed",
    "KeyDisabled",
    "KeyFile",
    "KeyLastUsage",
    "KeyMetadata",
    "KeyNotAllowed",
    "KeyNotFound",
    "KeyPolicy",
    "KeyPolicyError",
    "KeyStopped",
    "KeyVersion",
    "KeyfoldError",
    "LibraryTooOld",
    "Opened",
    "OutOfMemory",
    "Passphrase",
    "Protection",
    "RepairReport",
    "RootChangeReport",
    "Rewrapped",
    "Root",
    "RootError",
    "RootMismatch",
    "RootNotFound",
    "RootSlot",
    "RootUnsafe",
    "RotationStatus",
    "SinkStatus",
    "Status",
    "Store",
    "StoreBusy",
    "StoreContext",
    "StoreError",
    "StoreExists",
    "StoreForked",
    "StoreInfo",
    "StoreIntegrityError",
    "StoreNotFound",
    "StoreReadOnly",
    "StoreRolledBack",
    "StoreSettings",
    "StreamEnded",
    "StreamUnfinished",
    "Trail",
    "TrailInvalid",
    "TrailReport",
    "TrailUnavailable",
    "UnsupportedOperation",
    "UsageError",
    "VersionCounts",
    "VersionMetadata",
    "__version__",
    "ciphertext_range",
    "decrypted_size",
    "engine",
    "in_memory",
    "init",
    "inspect",
    "library_version",
    "open",
    "open_encrypted",
    "open_handles",
    "protection",
    "random_bytes",
    "repair",
    "reseed",
    "restore",
    "seal",
    "sealing",
    "self_test",
    "verify_backup",
    "verify_jsonl",
    "verify_tiles",
]
