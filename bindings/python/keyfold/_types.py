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
    rotation_type: str
    created_by: str
    originator_end: datetime.datetime | None
    recipient_end: datetime.datetime | None
    valid_to: datetime.datetime | None


@dataclass(frozen=True)
class KeyPolicy:
    """What holds for one key; None and False are the defaults.

    :ivar rotation_period_days: rotates by itself after so many days, 90 to 2,560
    :ivar rotation_messages: rotates before a version has wrapped so many data keys
    :ivar rotation_bytes: rotates before a version's messages together have so many bytes
    :ivar on_demand_limit: rotations on demand in the key's life; None is 25, 0 none
    :ivar originator_days: days in which a version may seal; after that it only opens
    :ivar recipient_days: days in which a version may open
    :ivar audit_each_use: an event for every single use instead of one an interval
    :ivar audit_fail_closed: no event, no operation; implies `audit_each_use`
    :ivar audit_redact: names of the context whose values stand in the trail as a keyed hash
    :ivar stop_after_failures: stops the key after so many failed decrypts …
    :ivar stop_window_seconds: … within so many seconds; None is 60
    :ivar warn_percent: an event at so many per cent of a limit; None is 80
    """

    rotation_period_days: int | None = None
    rotation_messages: int | None = None
    rotation_bytes: int | None = None
    on_demand_limit: int | None = None
    originator_days: int | None = None
    recipient_days: int | None = None
    audit_each_use: bool = False
    audit_fail_closed: bool = False
    audit_redact: tuple[str, ...] = ()
    stop_after_failures: int | None = None
    stop_window_seconds: int | None = None
    warn_percent: int | None = None


@dataclass(frozen=True)
class KeyMetadata:
    """A key as the store describes it. Names and states are AWS KMS's where KMS has the thing."""

    key_id: str
    aliases: tuple[str, ...]
    description: str
    key_state: str
    state_reason: str | None
    key_usage: str
    key_spec: str
    origin: str
    created: datetime.datetime
    owner: str
    tags: dict[str, str]
    policy: KeyPolicy
    next_rotation: datetime.datetime | None
    deletion_date: datetime.datetime | None
    grants: int
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
    principal: str | None
    admin: bool


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
    principal: str
    principal_verified: bool
    admin_root: bool
    is_admin: bool
    anchor: str
    trail_events: int
    trail_key: str
    sqlite_version: str | None


@dataclass(frozen=True)
class RotationStatus:
    """Whether and when a key rotates."""

    key_id: str
    key_rotation_enabled: bool
    rotation_period_in_days: int | None
    next_rotation_date: datetime.datetime | None
    due: bool
    on_demand_rotations: int
    on_demand_limit: int


@dataclass(frozen=True)
class Destroyed:
    """A key that was destroyed; not scrubbed: a reader holds old pages, and the next call tries again."""

    key_id: str
    scrubbed: bool


@dataclass(frozen=True)
class VersionCounts:
    """What one version of a key has done, over all processes."""

    version: int
    messages: int
    bytes: int
    opened: int
    failures: int
    last_used: datetime.datetime | None


@dataclass(frozen=True)
class KeyLastUsage:
    """When a key was used last. Not enough alone to delete it: disable it first, and watch for refusals."""

    key_id: str
    operation: str | None
    timestamp: datetime.datetime | None
    last_failure: datetime.datetime | None
    tracking_start_date: datetime.datetime
    key_creation_date: datetime.datetime


@dataclass(frozen=True)
class ImportParameters:
    """What a person who brings key material needs: wrap it under `public_key`, give it back with `import_token`."""

    key_id: str
    import_token: bytes
    public_key: bytes
    wrapping_algorithm: str
    info: bytes
    parameters_valid_to: datetime.datetime


@dataclass(frozen=True)
class GrantMetadata:
    """A grant: what a key's owner lets another principal do."""

    grant_id: str
    key_id: str
    name: str | None
    creation_date: datetime.datetime
    issuing_principal: str
    grantee_principal: str
    retiring_principal: str | None
    operations: tuple[str, ...]
    encryption_context_equals: dict[str, str] | None
    encryption_context_subset: dict[str, str] | None
    expires: datetime.datetime | None
    uses: int | None
    uses_left: int | None


@dataclass(frozen=True)
class StoreSettings:
    """What holds for a whole store.

    :ivar dual_control: operations that need the approval of a second principal
    :ivar approval_seconds: seconds for which an approval counts; given as 0 it is 3,600, and is told so
    :ivar administrators: principals who manage every key and the store
    """

    dual_control: tuple[str, ...] = ()
    approval_seconds: int = 0
    administrators: tuple[str, ...] = ()


@dataclass(frozen=True)
class Approval:
    """An approval that waits for its use."""

    approval_id: str
    operation: str
    request: dict[str, Any]
    principal: str
    created: datetime.datetime
    expires: datetime.datetime


@dataclass(frozen=True)
class BadEntry:
    """The first entry of a trail that is wrong."""

    seq: int
    kind: str
    detail: str


@dataclass(frozen=True)
class TrailReport:
    """What a verification of a trail found.

    :ivar first: the sequence number of the first event there is: 0 but for a copy whose older files are gone
    :ivar uncovered: events after the newest checkpoint
    :ivar gaps: the trail's own word that events are missing, so many times
    :ivar clock_steps: sequence numbers before which the clock went back
    :ivar bad_segments: stretches in which something is wrong: the first number and the one after the last
    """

    ok: bool
    first: int
    events: int
    checkpoints: int
    last_good_checkpoint: int | None
    uncovered: int
    unverified: int
    gaps: int
    clock_steps: tuple[int, ...]
    first_bad: BadEntry | None
    bad_segments: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class SinkStatus:
    """How a sink of the trail stands."""

    sink: str
    delivered: int
    waiting: int
    dropped: int
    last_error: str | None


@dataclass(frozen=True)
class BackupReport:
    """What a backup holds."""

    path: str
    store_id: str
    incarnation: str
    epoch: int
    keys: int
    trail_events: int
    bytes: int


@dataclass(frozen=True)
class RepairReport:
    """What was done to a store that was damaged: `dropped` is what did not verify, each with why, `doubtful` what may be
    missing or older than the last and cannot be known, `kept_as` the damaged file's name from now on."""

    keys_kept: int
    dropped: tuple[str, ...]
    doubtful: tuple[str, ...]
    kept_as: str
    epoch: int


@dataclass(frozen=True)
class RootChangeReport:
    """What became of a store whose root was compromised: `rotated` keys have a version that nobody knows who had the old
    root, `known_keys` (ids) are in use and have none; `fingerprint` and `verifier_key` are the store's from now on."""

    keys: int
    rotated: int
    known_keys: tuple[str, ...]
    slots: tuple[RootSlot, ...]
    dropped_slots: tuple[str, ...]
    fingerprint: str
    verifier_key: str
    incarnation: str
    epoch: int


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
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    return kind(**{f.name: _value(hints[f.name], told.get(f.name)) for f in fields})


def _value(hint: Any, value: Any) -> Any:
    parts = [part for part in typing.get_args(hint) if part not in (type(None), ...)]
    origin = typing.get_origin(hint)
    if origin is tuple:
        return tuple(_value(parts[0], one) for one in value or ())
    if value is None:
        return {} if origin is dict else False if hint is bool else None
    if origin is not dict and len(parts) == 1:  # X | None
        hint = parts[0]
    if hint is datetime.datetime:
        return datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    if hint is bytes:
        return bytes.fromhex(value)
    if dataclasses.is_dataclass(hint):
        return record(typing.cast("type[Any]", hint), value)
    return value


def json_text(value: Any) -> str:
    """JSON for the library: a dataclass without what is at its default, a mapping or a sequence as it is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {
            f.name: getattr(value, f.name)
            for f in dataclasses.fields(value)
            if getattr(value, f.name) not in (None, False, ())
        }
    return json.dumps(value, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return moment(value)
    if isinstance(value, typing.Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


def moment(value: datetime.datetime | str | None) -> str | None:
    """A date as the library reads it: RFC 3339 in UTC. One without a zone is ambiguous, so refused."""
    if value is None or isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError("a datetime needs a time zone; use datetime.now(timezone.utc)")
    return value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


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
