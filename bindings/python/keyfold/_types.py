"""What the library tells of keys, versions and stores."""

from __future__ import annotations

import ctypes
import dataclasses
import datetime
import json
import typing
import uuid
from dataclasses import dataclass
from typing import Any, Callable, NoReturn, TypeVar

from . import _native

Record = TypeVar("Record")


@dataclass(frozen=True)
class VersionMetadata:
    """One version of a key."""

    version: int
    material_id: str
    state: str
    origin: str
    created: datetime.datetime


@dataclass(frozen=True)
class KeyMetadata:
    """A key as the store describes it. Names and states are AWS KMS's where KMS has the thing."""

    key_id: str
    aliases: tuple[str, ...]
    description: str
    key_state: str
    key_usage: str
    key_spec: str
    origin: str
    created: datetime.datetime
    revision: int
    current_version: int
    versions: tuple[VersionMetadata, ...]


@dataclass(frozen=True)
class AliasMetadata:
    """An alias and its key."""

    alias: str
    key_id: str


@dataclass(frozen=True)
class RootSlot:
    """A root that can open a store."""

    slot_id: str
    kind: str
    fingerprint: str
    created: datetime.datetime
    in_use: bool


@dataclass(frozen=True)
class StoreInfo:
    """Identity and state of a store."""

    store_id: str
    incarnation: str
    fingerprint: str
    epoch: int
    keys: int
    backend: str
    path: str | None
    created: datetime.datetime
    read_only: bool
    development: bool
    refresh_millis: int
    sqlite_version: str | None


@dataclass(frozen=True)
class KeyVersion:
    """Names one version of a key."""

    key_id: str
    version: int
    material_id: str


@dataclass(frozen=True)
class Rewrapped:
    """What a rewrap did, in wrappings."""

    cells_rewrapped: int
    cells_current: int
    cells_skipped: int
    cells_freed: int


@dataclass(frozen=True)
class Protection:
    """How the secret memory of this process is really protected; all but `bytes` should be 0."""

    bytes: int
    unlocked_bytes: int
    dumpable_bytes: int
    not_wiped_bytes: int


@dataclass(frozen=True, repr=False)
class Opened:
    """A message, and the key that opened it."""

    plaintext: bytes
    key_id: str
    version: int

    def __repr__(self) -> str:
        return (
            f"Opened(plaintext=<{len(self.plaintext)} bytes>, key_id={self.key_id!r}, version={self.version})"
        )

    def __reduce__(self) -> NoReturn:
        raise TypeError("an opened message cannot be pickled or copied; take its plaintext where you mean to")


class DataKey:
    """A data key, and the blob from which it can be had again. Keep the blob, and wipe the key after use.

    `with` wipes it at the end of the block.
    """

    __slots__ = ("plaintext", "blob")

    def __init__(self, plaintext: bytearray, blob: bytes) -> None:
        self.plaintext = plaintext
        self.blob = blob

    def wipe(self) -> None:
        """Overwrites the key with zeros."""
        self.plaintext[:] = bytes(len(self.plaintext))

    def __enter__(self) -> DataKey:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return f"DataKey(<{len(self.plaintext)} bytes>, blob=<{len(self.blob)} bytes>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a data key cannot be pickled or copied; keep its blob")


def record(kind: type[Record], told: dict[str, Any]) -> Record:
    """A dataclass from JSON. What a later library tells besides is left out."""
    hints = typing.get_type_hints(kind)
    values = {}
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        value, hint = told.get(field.name), hints[field.name]
        if hint is datetime.datetime:
            value = datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
        elif hint == tuple[VersionMetadata, ...]:
            value = tuple(record(VersionMetadata, one) for one in value or ())
        elif hint == tuple[str, ...]:
            value = tuple(value or ())
        values[field.name] = value
    return kind(**values)


def taken(call: Callable[[_native.Buffer], None]) -> bytes:
    """What a call gives in a buffer of the library's, which is freed again."""
    buffer = _native.Buffer()
    call(buffer)
    try:
        return ctypes.string_at(buffer.data, buffer.len) if buffer.data else b""
    finally:
        _native.keyfold_buffer_free(buffer)


def told(call: Callable[[_native.Buffer], None]) -> Any:
    """The same, as JSON."""
    return json.loads(taken(call))


def key_id_text(raw: Any) -> str:
    """A key id as the library writes it."""
    return str(uuid.UUID(bytes=bytes(raw)))


def opened(plaintext: bytes, report: _native.Opened) -> Opened:
    """A message and what the library reports of its key."""
    return Opened(plaintext, key_id_text(report.key_id), report.version)


def rewrapped(report: _native.Rewrapped) -> Rewrapped:
    """What the library reports of a rewrap."""
    return Rewrapped(report.cells_rewrapped, report.cells_current, report.cells_skipped, report.cells_freed)
