# Written by bindings/generate from include/keyfold.h; do not edit.
"""The C interface of Keyfold as ctypes sees it; for `keyfold/__init__.py` alone."""

from __future__ import annotations

import ctypes
import enum
from typing import Any, Callable

from ._library import Encoded, Unsigned, bind, checked_unsigned, encoded, require_abi

VERSION_MAJOR = 0
VERSION_MINOR = 1
VERSION_PATCH = 0
ABI_VERSION = 1
"""The version of this ABI; compare it with keyfold_abi_version() after loading the library.

It changes only when something is taken away or changes its meaning; additions are told by each item's
"since".
"""
ERROR_SIZE = 512
"""Bytes that hold the longest detail of keyfold_last_error with its NUL."""
KEY_ID_SIZE = 16
"""Bytes of a key id."""
MATERIAL_ID_SIZE = 8
"""Bytes of a material id."""
CONTEXT_MAX_SIZE = 8192
"""The greatest size of a packed encryption context, so that a buffer of it always fits."""
MAC_MAX_SIZE = 70
"""The greatest size of a message authentication code, so that a buffer of it always fits."""
KEY_FILE_ALLOW_READABLE = 1
"""Accepts a key file, or a folder of it, that other users can read."""
KEY_FILE_ALLOW_BESIDE_STORE = 2
"""Accepts a key file that lies in the folder of the key store it opens, or below it."""
OPEN_READ_ONLY = 1
"""Opens a store without the right to write; works on a read-only file system.

Not for keyfold_store_init.
"""
OPEN_ALLOW_NETWORK_FILE_SYSTEM = 2
"""Accepts a store on a network file system, where file locks may not work."""
OPEN_REQUIRE_LOCKED_MEMORY = 4
"""Refuses to open when the system will not lock secret memory, instead of going on without."""
OPEN_REFRESH_EVERY_CALL = 8
"""Looks for other processes' changes at every call, whatever refresh_millis says."""
OPEN_NO_WAIT = 16
"""Does not wait for other processes' transactions, whatever busy_timeout_millis says."""
OPEN_DEVELOPMENT = 32
"""Marks a new store for development, for ever.

For keyfold_store_init only.
"""
OPEN_NO_ANCHOR = 64
"""Keeps no anchor: that the whole store is an older one is then not seen by a new process."""
OPEN_NO_TRAIL = 128
"""Records no uses of keys in the trail; changes of the store are recorded all the same."""
OPEN_RECOVERY = 256
"""For recovery: opens versions past their recipient period, and compromised keys.

Every such use is an event.
"""
OPEN_BIND_PRINCIPAL = 512
"""The new store's root slot bears the principal that the options name.

For keyfold_store_init only.
"""
OPEN_ADMIN_ROOT = 1024
"""The new store's root slot holds the admin seed: only admin roots change the store.

For keyfold_store_init only.
"""
KEY_EXTERNAL = 1
"""Makes a key without material, for one that is to be imported.

Not for keyfold_key_import_material.
"""
SLOT_ADMIN = 1
"""A root slot that also holds the admin seed.

The first such slot makes the store one that only admin roots change.
"""
DECRYPT_ACCEPT_STORED_CONTEXT = 1
"""Accepts context values that only the envelope itself gives, instead of asking the caller for every pair.

An envelope moved to another row then vouches for itself: read the authenticated context and judge it.
"""
REENCRYPT_ACCEPT_STORED_CONTEXT = 1
"""As KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT, for the envelope that is re-encrypted."""
REENCRYPT_DROP_UNREACHABLE = 2
"""Drops wrappings under keys out of reach; without it they make keyfold_reencrypt fail with KEY_NOT_FOUND."""
CALLBACK_OK = 1
"""What a callback of keyfold_work, of a stream or of a reader answers when all is well; anything else
stops the call.

It is not 0, so that a callback that a language ends early (an exception in Python, say) never looks
like success.
"""
LARGE = 4194304
"""From so many bytes on, a call works on several threads where keyfold_work names no number."""


class Status(enum.IntEnum):
    """What a call came to.

    0 is success; every other value is an error whose hundreds name its category: 1xx the caller's
    mistake, 2xx a key's state or policy, 3xx the data, 4xx roots, 5xx the store and input/output, 9xx
    internal. Numbers never change their meaning.
    """

    OK = 0
    """The call did what it says."""

    NULL_ARGUMENT = 100
    """A required pointer is NULL."""

    INVALID_HANDLE = 101
    """The handle is NULL, closed, of another kind, or from another copy of the library."""

    INVALID_ARGUMENT = 102
    """An argument has a value that the call does not take."""

    BUFFER_TOO_SMALL = 103
    """The output buffer is too small; the size needed has been reported and nothing was done."""

    INVALID_UTF8 = 104
    """Text is not valid UTF-8."""

    BUFFERS_OVERLAP = 105
    """Input and output buffers overlap."""

    UNSUPPORTED_OPTION = 106
    """An option was set that this version of the library does not know."""

    BUSY = 107
    """Another thread is using an object that serves one at a time.

    Trying again may help.
    """

    FORKED = 108
    """The call was made in a forked child that may not make it."""

    INVALID_CONTEXT = 109
    """The encryption context is not in the canonical encoding, or breaks one of its limits."""

    TOO_LARGE = 110
    """A size is over the documented limit."""

    CANCELLED = 111
    """The caller stopped the call, by its flag or its callback."""

    STREAM_ENDED = 112
    """The stream has ended, well or not: no more can be pushed or pulled."""

    STREAM_UNFINISHED = 113
    """The stream was closed before its end: what it gave is worth nothing (encrypting) or a front only
    (decrypting).
    """

    CALLBACK_FAILED = 114
    """A callback of the caller's reported a failure."""

    KEY_NOT_FOUND = 200
    """The key, alias or version is not in the store, or no cell of the envelope names one that is."""

    KEY_DISABLED = 201
    """The key is disabled."""

    ALREADY_EXISTS = 202
    """A key or alias of this name, or a key of this id, exists already."""

    KEY_NOT_ALLOWED = 203
    """The envelope is under a key other than the one named."""

    INVALID_NAME = 204
    """The name is not a well-formed key id or alias."""

    INVALID_KEY_MATERIAL = 205
    """Key material or an exported key is not acceptable."""

    CONTEXT_REQUIRED = 206
    """A name in the stored encryption context was not given by the caller."""

    LIMIT_EXCEEDED = 207
    """A limit on a key or store has been reached."""

    INVALID_KEY_STATE = 208
    """The key's state does not permit the operation."""

    ACCESS_DENIED = 209
    """The principal may not do this with the key."""

    KEY_DESTROYED = 210
    """The key, or the version that the data is under, was destroyed."""

    CRYPTOPERIOD_ENDED = 211
    """The version's recipient period is over; it opens nothing unless that is overridden for recovery."""

    INVALID_KEY_USAGE = 212
    """The key's usage or spec does not fit the operation."""

    INCORRECT_KEY_MATERIAL = 213
    """The material is not the one that this key had."""

    INVALID_IMPORT_TOKEN = 214
    """The import token is not one of this key, or is damaged."""

    EXPIRED_IMPORT_TOKEN = 215
    """The import token is over."""

    INVALID_MAC = 216
    """The message authentication code is not that of the message under this key."""

    UNSUPPORTED_OPERATION = 217
    """The operation is not one that this key or store can do."""

    GRANT_NOT_FOUND = 218
    """The key has no such grant."""

    APPROVAL_REQUIRED = 219
    """The operation needs the approval of another principal."""

    KEY_STOPPED = 220
    """The key was stopped after a burst of failed decrypts."""

    NOT_AN_ENVELOPE = 300
    """The data is not a Keyfold envelope, data key blob or exported key."""

    UNSUPPORTED_FORMAT = 301
    """The data is in a later format or suite than this library knows."""

    MALFORMED = 302
    """The head of the data is damaged: sizes, cells or stored context do not fit together."""

    AUTH = 303
    """The data could not be authenticated: wrong key, wrong context, or changed data."""

    ROOT_NOT_FOUND = 400
    """The root is not where it was said to be."""

    ROOT_MISMATCH = 401
    """The root does not open this store: wrong passphrase or wrong key file."""

    ROOT_UNSAFE = 402
    """The root's secret is not kept safely: others can read it, or it lies beside the store."""

    ROOT_INVALID = 403
    """The root's file or parameters are not valid."""

    LAST_ROOT = 404
    """The last root of a store cannot be removed."""

    ROOT_UNAVAILABLE = 405
    """The root could not be reached.

    Trying again may help.
    """

    STORE_NOT_FOUND = 500
    """There is no key store at this place."""

    STORE_EXISTS = 501
    """There is a file at this place already."""

    NOT_A_STORE = 502
    """The file is not a key store."""

    STORE_TOO_NEW = 503
    """The store, or a key in it, was written by a later version of the library."""

    STORE_INTEGRITY = 504
    """Something in the store was changed by someone without its root, or is missing."""

    STORE_ROLLED_BACK = 505
    """The store is older than a state this process has already seen."""

    SCHEMA_CHANGED = 506
    """The store's tables are not the ones the library made."""

    STORE_BUSY = 507
    """Another process holds the store for longer than the call may wait.

    Trying again may help.
    """

    STORE_IO = 508
    """Reading or writing the store failed."""

    STORE_READ_ONLY = 509
    """The store was opened read-only, or the file system is."""

    STORE_FULL = 510
    """The disk is full."""

    FINGERPRINT_MISMATCH = 511
    """The store is not the one whose fingerprint was given."""

    STORE_POISONED = 512
    """An earlier write failed in a way that leaves the file's state unknown; close the store and open it
    again.
    """

    STORE_UNSAFE = 513
    """The store cannot be used from here: a network file system, or another copy of SQLite holds it in
    this process.
    """

    IO = 514
    """Reading or writing a file failed."""

    FILE_EXISTS = 515
    """A file that should be made exists already."""

    STORE_FORKED = 516
    """The store's present state and one seen before exclude each other."""

    ANCHOR_UNAVAILABLE = 517
    """The anchor cannot be read or written, so what must wait for it was not done."""

    TRAIL_UNAVAILABLE = 518
    """The trail cannot take the event, and the key permits no use without one.

    Trying again may help.
    """

    TRAIL_INVALID = 519
    """The trail was changed, or is not whole."""

    BACKUP_INVALID = 520
    """The file is not a backup, is damaged, or is not of a store that the root opens."""

    INTERNAL = 900
    """The library met a defect of its own."""

    SELF_TEST = 901
    """The start-up self-test failed; no call works."""

    RANDOM = 902
    """The system gives no random bytes.

    Trying again may help.
    """

    OUT_OF_MEMORY = 903
    """There is not enough memory, or not enough of it may be locked."""


class Fork(enum.IntEnum):
    """What handles of a store do in a forked child."""

    WIPE = 0
    """The child finds the secrets wiped; its calls answer FORKED, and it opens the store itself."""

    INHERIT = 1
    """The child goes on using the handles, keys included."""


class StoreContext(enum.IntEnum):
    """What of the encryption context is written into the envelope, readable by anyone."""

    NONE = 0
    """Nothing."""

    NAMES = 1
    """All names, no value."""

    ALL = 2
    """All names and all values."""

    CHOSEN = 3
    """All names, and the values of the names chosen by the call's stored block."""


class KeyfoldError(Exception):
    """What a call came to when it did not do what it says."""

    index: int | None = None
    """Of a batch, the message at which it failed; None where it was not one message."""

    def __init__(self, status: int, detail: str = "") -> None:
        self.status: int = Status(status) if status in _STATUSES else status
        self.detail = detail
        super().__init__(detail or _text(keyfold_status_text, status))

    @property
    def name(self) -> str:
        """The stable name of the status, such as `KEY_DISABLED`; for logs and for programs."""
        return _text(keyfold_status_name, int(self.status))

    @property
    def hint(self) -> str:
        """A sentence that says what the status means and what to do."""
        return _text(keyfold_status_text, int(self.status))

    @property
    def retryable(self) -> bool:
        """Whether the same call may succeed later without anything being mended."""
        return bool(keyfold_status_retryable(int(self.status)))

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (int(self.status), self.detail))


class UsageError(KeyfoldError):
    """Statuses 1xx: the caller's mistake."""


class KeyPolicyError(KeyfoldError):
    """Statuses 2xx: a key's state or policy."""


class InvalidCiphertext(KeyfoldError):
    """Statuses 3xx: the data."""


class RootError(KeyfoldError):
    """Statuses 4xx: a root."""


class StoreError(KeyfoldError):
    """Statuses 5xx: the store, or a file."""


class InternalError(KeyfoldError):
    """Statuses 9xx: the library or the system."""


class InvalidHandle(UsageError, ValueError):
    """INVALID_HANDLE: The handle is NULL, closed, of another kind, or from another copy of the library."""


class InvalidArgument(UsageError, ValueError):
    """INVALID_ARGUMENT: An argument has a value that the call does not take."""


class BufferTooSmall(UsageError, ValueError):
    """BUFFER_TOO_SMALL: The output buffer is too small; the size needed has been reported and nothing was
    done.
    """


class Busy(UsageError):
    """BUSY: Another thread is using an object that serves one at a time."""


class Forked(UsageError):
    """FORKED: The call was made in a forked child that may not make it."""


class InvalidContext(UsageError, ValueError):
    """INVALID_CONTEXT: The encryption context is not in the canonical encoding, or breaks one of its
    limits.
    """


class Cancelled(UsageError):
    """CANCELLED: The caller stopped the call, by its flag or its callback."""


class StreamEnded(UsageError, ValueError):
    """STREAM_ENDED: The stream has ended, well or not: no more can be pushed or pulled."""


class StreamUnfinished(UsageError):
    """STREAM_UNFINISHED: The stream was closed before its end: what it gave is worth nothing (encrypting)
    or a front only (decrypting).
    """


class CallbackFailed(UsageError):
    """CALLBACK_FAILED: A callback of the caller's reported a failure."""


class KeyNotFound(KeyPolicyError):
    """KEY_NOT_FOUND: The key, alias or version is not in the store, or no cell of the envelope names one
    that is.
    """


class KeyDisabled(KeyPolicyError):
    """KEY_DISABLED: The key is disabled."""


class AlreadyExists(KeyPolicyError):
    """ALREADY_EXISTS: A key or alias of this name, or a key of this id, exists already."""


class KeyNotAllowed(KeyPolicyError):
    """KEY_NOT_ALLOWED: The envelope is under a key other than the one named."""


class InvalidName(KeyPolicyError, ValueError):
    """INVALID_NAME: The name is not a well-formed key id or alias."""


class ContextRequired(KeyPolicyError):
    """CONTEXT_REQUIRED: A name in the stored encryption context was not given by the caller."""


class InvalidKeyState(KeyPolicyError):
    """INVALID_KEY_STATE: The key's state does not permit the operation."""


class AccessDenied(KeyPolicyError):
    """ACCESS_DENIED: The principal may not do this with the key."""


class KeyDestroyed(KeyPolicyError):
    """KEY_DESTROYED: The key, or the version that the data is under, was destroyed."""


class CryptoperiodEnded(KeyPolicyError):
    """CRYPTOPERIOD_ENDED: The version's recipient period is over; it opens nothing unless that is
    overridden for recovery.
    """


class InvalidKeyUsage(KeyPolicyError):
    """INVALID_KEY_USAGE: The key's usage or spec does not fit the operation."""


class IncorrectKeyMaterial(KeyPolicyError):
    """INCORRECT_KEY_MATERIAL: The material is not the one that this key had."""


class ExpiredImportToken(KeyPolicyError):
    """EXPIRED_IMPORT_TOKEN: The import token is over."""


class InvalidMac(KeyPolicyError):
    """INVALID_MAC: The message authentication code is not that of the message under this key."""


class UnsupportedOperation(KeyPolicyError):
    """UNSUPPORTED_OPERATION: The operation is not one that this key or store can do."""


class GrantNotFound(KeyPolicyError):
    """GRANT_NOT_FOUND: The key has no such grant."""


class ApprovalRequired(KeyPolicyError):
    """APPROVAL_REQUIRED: The operation needs the approval of another principal."""


class KeyStopped(KeyPolicyError):
    """KEY_STOPPED: The key was stopped after a burst of failed decrypts."""


class AuthenticationError(InvalidCiphertext):
    """AUTH: The data could not be authenticated: wrong key, wrong context, or changed data."""


class RootNotFound(RootError):
    """ROOT_NOT_FOUND: The root is not where it was said to be."""


class RootMismatch(RootError):
    """ROOT_MISMATCH: The root does not open this store: wrong passphrase or wrong key file."""


class RootUnsafe(RootError):
    """ROOT_UNSAFE: The root's secret is not kept safely: others can read it, or it lies beside the store."""


class StoreNotFound(StoreError):
    """STORE_NOT_FOUND: There is no key store at this place."""


class StoreExists(StoreError):
    """STORE_EXISTS: There is a file at this place already."""


class StoreIntegrityError(StoreError):
    """STORE_INTEGRITY: Something in the store was changed by someone without its root, or is missing."""


class StoreRolledBack(StoreError):
    """STORE_ROLLED_BACK: The store is older than a state this process has already seen."""


class StoreBusy(StoreError):
    """STORE_BUSY: Another process holds the store for longer than the call may wait."""


class StoreReadOnly(StoreError):
    """STORE_READ_ONLY: The store was opened read-only, or the file system is."""


class StoreForked(StoreError):
    """STORE_FORKED: The store's present state and one seen before exclude each other."""


class AnchorUnavailable(StoreError):
    """ANCHOR_UNAVAILABLE: The anchor cannot be read or written, so what must wait for it was not done."""


class TrailUnavailable(StoreError):
    """TRAIL_UNAVAILABLE: The trail cannot take the event, and the key permits no use without one."""


class TrailInvalid(StoreError):
    """TRAIL_INVALID: The trail was changed, or is not whole."""


class BackupInvalid(StoreError):
    """BACKUP_INVALID: The file is not a backup, is damaged, or is not of a store that the root opens."""


class OutOfMemory(InternalError, MemoryError):
    """OUT_OF_MEMORY: There is not enough memory, or not enough of it may be locked."""


_CLASSES: dict[int, type[KeyfoldError]] = {
    101: InvalidHandle,
    102: InvalidArgument,
    103: BufferTooSmall,
    107: Busy,
    108: Forked,
    109: InvalidContext,
    111: Cancelled,
    112: StreamEnded,
    113: StreamUnfinished,
    114: CallbackFailed,
    200: KeyNotFound,
    201: KeyDisabled,
    202: AlreadyExists,
    203: KeyNotAllowed,
    204: InvalidName,
    206: ContextRequired,
    208: InvalidKeyState,
    209: AccessDenied,
    210: KeyDestroyed,
    211: CryptoperiodEnded,
    212: InvalidKeyUsage,
    213: IncorrectKeyMaterial,
    215: ExpiredImportToken,
    216: InvalidMac,
    217: UnsupportedOperation,
    218: GrantNotFound,
    219: ApprovalRequired,
    220: KeyStopped,
    303: AuthenticationError,
    400: RootNotFound,
    401: RootMismatch,
    402: RootUnsafe,
    500: StoreNotFound,
    501: StoreExists,
    504: StoreIntegrityError,
    505: StoreRolledBack,
    507: StoreBusy,
    509: StoreReadOnly,
    516: StoreForked,
    517: AnchorUnavailable,
    518: TrailUnavailable,
    519: TrailInvalid,
    520: BackupInvalid,
    903: OutOfMemory,
}
_CATEGORIES: dict[int, type[KeyfoldError]] = {
    1: UsageError,
    2: KeyPolicyError,
    3: InvalidCiphertext,
    4: RootError,
    5: StoreError,
    9: InternalError,
}


class Key(ctypes.Structure):
    """A key of a store, ready for use.

    Made by keyfold_key_open, ended by keyfold_key_close. Any number of threads may use one at once. It
    follows rotation and disabling by itself.
    """


KeyHandle = ctypes.POINTER(Key)
KeyRef = "ctypes._Pointer[Key]"


class Reader(ctypes.Structure):
    """The message of an envelope that is read at any place.

    Made by keyfold_reader_open and its kin, ended by keyfold_reader_close. Any number of threads may
    use one at once. The key may be closed as soon as the call that took it has returned.
    """


ReaderHandle = ctypes.POINTER(Reader)
ReaderRef = "ctypes._Pointer[Reader]"


class Root(ctypes.Structure):
    """A root of trust: what protects a store's secret.

    Made by keyfold_root_open_*, ended by keyfold_root_close. Any number of threads may use one at once.
    It may be closed as soon as the call that took it has returned.
    """


RootHandle = ctypes.POINTER(Root)
RootRef = "ctypes._Pointer[Root]"


class Store(ctypes.Structure):
    """An open key store.

    Made by keyfold_store_open and its kin, ended by keyfold_store_close. Any number of threads may use
    one at once. Keys opened from it stay usable after it is closed.
    """


StoreHandle = ctypes.POINTER(Store)
StoreRef = "ctypes._Pointer[Store]"


class Stream(ctypes.Structure):
    """An envelope that is made or opened a piece at a time.

    Made by keyfold_stream_encrypt, _seal, _decrypt and _decrypt_any, ended by keyfold_stream_close. One
    thread at a time may use one, from one thread after another; a second at once gets BUSY. The key may
    be closed as soon as the call that took it has returned.
    """


StreamHandle = ctypes.POINTER(Stream)
StreamRef = "ctypes._Pointer[Stream]"


ProgressCallback = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_uint64)
"""Told how far a call is, about once a MiB: bytes done, and those of the whole, 0 where they are not
known.

Answers KEYFOLD_CALLBACK_OK to go on; anything else stops the call with CANCELLED.

It is called from the thread that made the call. It may call into the library, but not with the buffers,
the stream or the files of the call it is called from, and must not throw or jump out.
"""


SourceCallback = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
)
"""Gives a stream its input: writes at most into_cap bytes at into and puts how many into *out_len.

0 bytes, and nothing else, say that the end has come. Answers KEYFOLD_CALLBACK_OK; anything else, an
*out_len that was not set, or one over into_cap ends the stream with CALLBACK_FAILED.

It is called by keyfold_stream_read, from its thread, and must not use the same stream, throw or jump
out. into may hold bytes of before; they mean nothing.
"""


SourceRelease = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
"""Gives back what a source or pread callback needed; called exactly once, after the callback's last call."""


PreadCallback = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
)
"""Gives a reader bytes of its envelope: writes at most into_cap bytes from offset on at into and puts how
many into *out_len; fewer than asked may come, none only at the end.

Answers KEYFOLD_CALLBACK_OK; anything else, an *out_len that was not set, or one over into_cap fails the
call with CALLBACK_FAILED.

It is called by calls on the reader, from their threads, so from several at once where several use the
reader. It must not use the same reader, throw or jump out.
"""


TrailCallback = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t)
"""A host's own sink of the trail: given one event at a time, in order, as one line of JSON without a line
end, which stays there for the length of the call alone.

It gets events alone, never checkpoints. 0: taken; anything else: it failed, which is told in the trail,
and gets the same event again at a later flush; one that it failed at three times is dropped and
counted, and the next one follows.

It is called from the thread whose call writes the trail down (any call on a store or key of it, closing
them included), outside every lock and transaction. It must not call back into the same store or its
keys, must not throw or jump out, and should be quick.
"""


TrailRelease = ctypes.CFUNCTYPE(None, ctypes.c_void_p)
"""Gives back what a callback needed; called exactly once, after the callback's last call."""


class Protection(ctypes.Structure):
    """How the secret memory of this process is really protected.

    All but bytes should be 0.
    """

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("bytes", ctypes.c_uint64),
        ("unlocked_bytes", ctypes.c_uint64),
        ("dumpable_bytes", ctypes.c_uint64),
        ("not_wiped_bytes", ctypes.c_uint64),
    ]

    size: int
    """sizeof(keyfold_protection), set by the caller before the call."""

    reserved: int
    """Zero."""

    bytes: int
    """Bytes of secret memory."""

    unlocked_bytes: int
    """Of these, bytes that the system refused to lock; they can reach swap."""

    dumpable_bytes: int
    """Of these, bytes that the system would not keep out of core dumps."""

    not_wiped_bytes: int
    """Of these, bytes that the system would not wipe in forked children though they should be."""

    def __init__(
        self,
        *,
        bytes: int = 0,
        unlocked_bytes: int = 0,
        dumpable_bytes: int = 0,
        not_wiped_bytes: int = 0,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.bytes = checked_unsigned("bytes", bytes, 64)
        self.unlocked_bytes = checked_unsigned("unlocked_bytes", unlocked_bytes, 64)
        self.dumpable_bytes = checked_unsigned("dumpable_bytes", dumpable_bytes, 64)
        self.not_wiped_bytes = checked_unsigned("not_wiped_bytes", not_wiped_bytes, 64)


class Buffer(ctypes.Structure):
    """Bytes that the library made and the caller owns; given back with keyfold_buffer_free, which wipes
    them.

    Text (JSON) in it is UTF-8 without a NUL at its end.
    """

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("len", ctypes.c_size_t),
    ]

    data: int | None
    """The bytes, or NULL."""

    len: int
    """How many."""


class Pair(ctypes.Structure):
    """One pair of an encryption context, for keyfold_context_pack.

    KEYFOLD_PAIR makes one of two C strings.
    """

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_len", ctypes.c_size_t),
        ("value", ctypes.c_void_p),
        ("value_len", ctypes.c_size_t),
    ]

    name: int | None
    """The name: 1 to 256 bytes of UTF-8 without control characters."""

    name_len: int
    """Bytes of the name."""

    value: int | None
    """The value: 0 to 8,192 bytes of UTF-8; NULL with 0 is an empty value."""

    value_len: int
    """Bytes of the value."""


class KeyFileOptions(ctypes.Structure):
    """Options of keyfold_root_open_key_file."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
    ]

    size: int
    """sizeof(keyfold_key_file_options)."""

    flags: int
    """Any of KEYFOLD_KEY_FILE_*."""

    def __init__(
        self,
        *,
        flags: int = 0,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)


class StoreOptions(ctypes.Structure):
    """Options of keyfold_store_open and keyfold_store_init."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("fork", ctypes.c_uint32),
        ("refresh_millis", ctypes.c_uint32),
        ("busy_timeout_millis", ctypes.c_uint32),
        ("trail_interval_millis", ctypes.c_uint32),
        ("principal", ctypes.c_char_p),
        ("source", ctypes.c_char_p),
        ("user_agent", ctypes.c_char_p),
        ("anchor", ctypes.c_char_p),
    ]

    size: int
    """sizeof(keyfold_store_options)."""

    flags: int
    """Any of KEYFOLD_OPEN_*."""

    fork: int
    """One of KEYFOLD_FORK_*."""

    refresh_millis: int
    """Milliseconds for which another process's change may go unseen; 0 means 250."""

    busy_timeout_millis: int
    """Milliseconds to wait for another process's transaction; 0 means 5,000."""

    trail_interval_millis: int
    """Milliseconds after which uses under ready keys become an event in the trail; 0 means 60,000."""

    principal: bytes | None
    """Who opens the store: 1 to 128 characters, NUL-ended UTF-8; NULL means "default".

    Where the root's slot bears a principal, that one and no other (ACCESS_DENIED).
    """

    source: bytes | None
    """sourceIPAddress in the trail; NULL means the host's name."""

    user_agent: bytes | None
    """userAgent in the trail, before the library's version and the process id; NULL means only these."""

    anchor: bytes | None
    """The file outside the store that remembers its highest epoch; NULL means one in the state folder of
    the user or the host, where there is one.

    Not with KEYFOLD_OPEN_NO_ANCHOR.
    """

    def __init__(
        self,
        *,
        flags: int = 0,
        fork: int = 0,
        refresh_millis: int = 0,
        busy_timeout_millis: int = 0,
        trail_interval_millis: int = 0,
        principal: str | None = None,
        source: str | None = None,
        user_agent: str | None = None,
        anchor: str | None = None,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)
        self.fork = checked_unsigned("fork", fork, 32)
        self.refresh_millis = checked_unsigned("refresh_millis", refresh_millis, 32)
        self.busy_timeout_millis = checked_unsigned("busy_timeout_millis", busy_timeout_millis, 32)
        self.trail_interval_millis = checked_unsigned("trail_interval_millis", trail_interval_millis, 32)
        self.principal = None if principal is None else encoded(principal)
        self.source = None if source is None else encoded(source)
        self.user_agent = None if user_agent is None else encoded(user_agent)
        self.anchor = None if anchor is None else encoded(anchor)


class SlotOptions(ctypes.Structure):
    """Options of keyfold_store_add_root_as."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("principal", ctypes.c_char_p),
    ]

    size: int
    """sizeof(keyfold_slot_options)."""

    flags: int
    """KEYFOLD_SLOT_ADMIN or 0."""

    principal: bytes | None
    """Whoever opens the store through this slot is this principal and can be no other: 1 to 128
    characters, NUL-ended UTF-8; NULL means that the caller says who it is.
    """

    def __init__(
        self,
        *,
        flags: int = 0,
        principal: str | None = None,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)
        self.principal = None if principal is None else encoded(principal)


class KeyOptions(ctypes.Structure):
    """Options of keyfold_key_create and keyfold_key_import_material."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("description", ctypes.c_char_p),
        ("spec", ctypes.c_char_p),
        ("tags", ctypes.c_char_p),
        ("policy", ctypes.c_char_p),
    ]

    size: int
    """sizeof(keyfold_key_options)."""

    flags: int
    """KEYFOLD_KEY_EXTERNAL or 0."""

    description: bytes | None
    """Free text about the key, NUL-ended UTF-8, up to 8,192 bytes, or NULL.

    It is not secret.
    """

    spec: bytes | None
    """What its material is, and so what the key is for: "SYMMETRIC_DEFAULT" (NULL means this), "HMAC_256",
    "HMAC_384", "HMAC_512", "HPKE_X25519" or "HPKE_X_WING".
    """

    tags: bytes | None
    """Tags, as a JSON object of text to text, or NULL.

    They are not secret.
    """

    policy: bytes | None
    """The key's policy, as JSON: KeyPolicy in docs/ABI.md; NULL means all defaults."""

    def __init__(
        self,
        *,
        flags: int = 0,
        description: str | None = None,
        spec: str | None = None,
        tags: str | None = None,
        policy: str | None = None,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)
        self.description = None if description is None else encoded(description)
        self.spec = None if spec is None else encoded(spec)
        self.tags = None if tags is None else encoded(tags)
        self.policy = None if policy is None else encoded(policy)


class KeyVersion(ctypes.Structure):
    """One version of a key."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("version", ctypes.c_uint32),
        ("key_id", ctypes.c_uint8 * 16),
        ("material_id", ctypes.c_uint8 * 8),
    ]

    size: int
    """sizeof(keyfold_key_version), set by the caller before the call."""

    version: int
    """The version, from 1."""

    key_id: ctypes.Array[ctypes.c_uint8]
    """The key's id."""

    material_id: ctypes.Array[ctypes.c_uint8]
    """Names the version's bytes without telling them."""

    def __init__(
        self,
        *,
        version: int = 0,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.version = checked_unsigned("version", version, 32)


class Narrowing(ctypes.Structure):
    """What a key handle is narrowed to, beside its context: all of it holds together, and with what it was
    narrowed to before.
    """

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("operations", ctypes.c_char_p),
        ("uses", ctypes.c_uint64),
        ("millis", ctypes.c_uint64),
    ]

    size: int
    """sizeof(keyfold_narrowing)."""

    flags: int
    """Zero."""

    operations: bytes | None
    """Names of the operations that stay allowed, with commas between them and nothing else, such as
    "Encrypt,GenerateDataKey"; NULL means all.
    """

    uses: int
    """So many uses at most, refused ones not counted; 0 means any number."""

    millis: int
    """Milliseconds from now until it ends; 0 means never."""

    def __init__(
        self,
        *,
        flags: int = 0,
        operations: str | None = None,
        uses: int = 0,
        millis: int = 0,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)
        self.operations = None if operations is None else encoded(operations)
        self.uses = checked_unsigned("uses", uses, 64)
        self.millis = checked_unsigned("millis", millis, 64)


class Work(ctypes.Structure):
    """How a call that may take long goes about it.

    It, its flag and what its callback needs must stay until the call returns.
    """

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("threads", ctypes.c_uint32),
        ("reserved", ctypes.c_uint32),
        ("cancel", ctypes.c_void_p),
        ("progress", ProgressCallback),
        ("user_data", ctypes.c_void_p),
    ]

    size: int
    """sizeof(keyfold_work)."""

    flags: int
    """Zero."""

    threads: int
    """Threads that seal or open, the calling one among them: 1 is the calling thread only; 0 lets the
    library choose (the calling thread only below KEYFOLD_LARGE bytes, then one for each processor, 8 at
    most).

    1,024 at most. All have ended when the call returns, and none takes a signal; where the system gives
    none the others do its work.
    """

    reserved: int
    """Zero."""

    cancel: int | None
    """Anything but 0 at it stops the call within one chunk, with CANCELLED; NULL: nothing does.

    Any thread, or a signal's handler, may set it, as one atomic store.
    """

    progress: Any
    """Told how far the call is; NULL: nothing."""

    user_data: int | None
    """Given to the progress callback."""

    def __init__(
        self,
        *,
        flags: int = 0,
        threads: int = 0,
        cancel: int | None = None,
        progress: Any = None,
        user_data: int | None = None,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)
        self.threads = checked_unsigned("threads", threads, 32)
        self.cancel = cancel
        if progress is not None:
            self.progress = progress
        self.user_data = user_data


class EncryptOptions(ctypes.Structure):
    """Options of encryption and of making data keys."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("store_context", ctypes.c_uint32),
        ("free_cells", ctypes.c_uint32),
        ("work", ctypes.POINTER(Work)),
    ]

    size: int
    """sizeof(keyfold_encrypt_options)."""

    flags: int
    """Zero."""

    store_context: int
    """One of KEYFOLD_STORE_CONTEXT_*; CHOSEN only where the call takes a stored block."""

    free_cells: int
    """Room for so many later wrappings (104 bytes each), 0 to 8; one lets a file be rewrapped in place.

    Not for data keys.
    """

    work: "ctypes._Pointer[Work]"
    """Threads, cancellation and progress; NULL means all defaults.

    Looked at by keyfold_encrypt, keyfold_encrypt_to, keyfold_seal and keyfold_encrypt_file. Calls in
    place stay on the calling thread and are not stopped; streams are given it with each of their calls.
    """

    def __init__(
        self,
        *,
        flags: int = 0,
        store_context: int = 0,
        free_cells: int = 0,
        work: Work | None = None,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)
        self.store_context = checked_unsigned("store_context", store_context, 32)
        self.free_cells = checked_unsigned("free_cells", free_cells, 32)
        if work is not None:
            self.work = ctypes.pointer(work)


class DecryptOptions(ctypes.Structure):
    """Options of decryption."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("work", ctypes.POINTER(Work)),
    ]

    size: int
    """sizeof(keyfold_decrypt_options)."""

    flags: int
    """Any of KEYFOLD_DECRYPT_*."""

    work: "ctypes._Pointer[Work]"
    """Threads, cancellation and progress; NULL means all defaults.

    Looked at by keyfold_decrypt, _with_keys, _any and keyfold_decrypt_file. Calls in place stay on the
    calling thread and are not stopped; streams and readers are given it with each of their calls.
    """

    def __init__(
        self,
        *,
        flags: int = 0,
        work: Work | None = None,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)
        if work is not None:
            self.work = ctypes.pointer(work)


class Opened(ctypes.Structure):
    """Which key a decryption used."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("version", ctypes.c_uint32),
        ("key_id", ctypes.c_uint8 * 16),
    ]

    size: int
    """sizeof(keyfold_opened), set by the caller before the call."""

    version: int
    """The key's version, from 1."""

    key_id: ctypes.Array[ctypes.c_uint8]
    """The key's id."""

    def __init__(
        self,
        *,
        version: int = 0,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.version = checked_unsigned("version", version, 32)


class Rewrapped(ctypes.Structure):
    """What a rewrap did."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("cells_rewrapped", ctypes.c_uint32),
        ("cells_current", ctypes.c_uint32),
        ("cells_skipped", ctypes.c_uint32),
        ("cells_freed", ctypes.c_uint32),
    ]

    size: int
    """sizeof(keyfold_rewrapped), set by the caller before the call."""

    cells_rewrapped: int
    """Wrappings made new, under the current version of their key."""

    cells_current: int
    """Wrappings that were current already."""

    cells_skipped: int
    """Wrappings left as they were: of keys out of reach, of unknown kinds, or that did not authenticate."""

    cells_freed: int
    """Old wrappings that were only removed, since an interrupted rewrap had made the new one already."""

    def __init__(
        self,
        *,
        cells_rewrapped: int = 0,
        cells_current: int = 0,
        cells_skipped: int = 0,
        cells_freed: int = 0,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.cells_rewrapped = checked_unsigned("cells_rewrapped", cells_rewrapped, 32)
        self.cells_current = checked_unsigned("cells_current", cells_current, 32)
        self.cells_skipped = checked_unsigned("cells_skipped", cells_skipped, 32)
        self.cells_freed = checked_unsigned("cells_freed", cells_freed, 32)


class ReencryptOptions(ctypes.Structure):
    """Options of keyfold_reencrypt."""

    _fields_ = [
        ("size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("store_context", ctypes.c_uint32),
        ("free_cells", ctypes.c_uint32),
    ]

    size: int
    """sizeof(keyfold_reencrypt_options)."""

    flags: int
    """Any of KEYFOLD_REENCRYPT_*."""

    store_context: int
    """One of KEYFOLD_STORE_CONTEXT_*, for the new envelope."""

    free_cells: int
    """As in keyfold_encrypt_options, for the new envelope."""

    def __init__(
        self,
        *,
        flags: int = 0,
        store_context: int = 0,
        free_cells: int = 0,
    ) -> None:
        super().__init__(ctypes.sizeof(type(self)))
        self.flags = checked_unsigned("flags", flags, 32)
        self.store_context = checked_unsigned("store_context", store_context, 32)
        self.free_cells = checked_unsigned("free_cells", free_cells, 32)


_STATUSES = frozenset(int(status) for status in Status)


def error(status: int) -> KeyfoldError:
    """The exception for a status, with the detail that this thread's last call left."""
    buffer = ctypes.create_string_buffer(ERROR_SIZE)
    keyfold_last_error(ctypes.addressof(buffer), ERROR_SIZE, ctypes.c_size_t())
    kind = _CLASSES.get(status) or _CATEGORIES.get(status // 100, KeyfoldError)
    return kind(status, buffer.value.decode("utf-8", "replace"))


def _text(call: Callable[[int], bytes | None], status: int) -> str:
    return (call(status) or b"").decode("utf-8")


def _check(status: int, _function: Any, _arguments: Any) -> None:
    if status:
        raise error(status)


keyfold_abi_version: Callable[
    [],
    int,
] = bind(
    "keyfold_abi_version",
    ctypes.c_uint32,
    [],
    None,
)
"""Tells the version of the ABI that the library was built with.

Programs compare it with KEYFOLD_ABI_VERSION when they load the library.

Threads: any. Since 0.1.
"""

keyfold_version: Callable[
    [],
    bytes | None,
] = bind(
    "keyfold_version",
    ctypes.c_char_p,
    [],
    None,
)
"""Tells the version of the library, such as "0.1.0".

Threads: any. Since 0.1.
"""

keyfold_engine: Callable[
    [],
    bytes | None,
] = bind(
    "keyfold_engine",
    ctypes.c_char_p,
    [],
    None,
)
"""Names the engine that does AES-256-GCM in this build: "aws-lc" or "aes-gcm".

Both give the same bytes.

Threads: any. Since 0.1.
"""

keyfold_status_name: Callable[
    [
        int,
    ],
    bytes | None,
] = bind(
    "keyfold_status_name",
    ctypes.c_char_p,
    [
        ctypes.c_int32,
    ],
    None,
)
"""Names a status, such as "KEY_DISABLED"; for logs and for programs.

Names never change.

- status [in]: any number
Threads: any. Since 0.1.
"""

keyfold_status_text: Callable[
    [
        int,
    ],
    bytes | None,
] = bind(
    "keyfold_status_text",
    ctypes.c_char_p,
    [
        ctypes.c_int32,
    ],
    None,
)
"""Tells in a sentence what a status means and what to do about it.

Sentences may change.

- status [in]: any number
Threads: any. Since 0.1.
"""

keyfold_status_retryable: Callable[
    [
        int,
    ],
    int,
] = bind(
    "keyfold_status_retryable",
    ctypes.c_uint32,
    [
        ctypes.c_int32,
    ],
    None,
)
"""Tells whether the same call may succeed later without anything being mended.

- status [in]: any number
Threads: any. Since 0.1.
"""

keyfold_last_error: Callable[
    [
        bytes | int | None,
        int,
        "ctypes.c_size_t | None",
    ],
    None,
] = bind(
    "keyfold_last_error",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Copies the detail of the last failure in this thread: a sentence that names what was given and says what
to do.

Every call that returns a status forgets the detail first, so it is never stale; a close that succeeds
leaves it alone, so that one may clean up before reporting. It carries no secret.

- out [out, nullable-if-0, text]: NUL-ended; cut at a character when it does not fit. KEYFOLD_ERROR_SIZE bytes
  always suffice
- out_len [out, nullable]: bytes of the whole sentence without its NUL; 0 when nothing failed

Raises for: NULL_ARGUMENT.
Threads: any. Since 0.1.
"""

keyfold_open_handles: Callable[
    [],
    int,
] = bind(
    "keyfold_open_handles",
    ctypes.c_size_t,
    [],
    None,
)
"""Counts the handles (roots, stores, keys) that are open in this copy of the library; 0 at the end of a
program that closes all it opens.

Threads: any. Since 0.1.
"""

keyfold_self_test: Callable[
    [],
    None,
] = bind(
    "keyfold_self_test",
    ctypes.c_int32,
    [],
    _check,
)
"""Runs the self-test unless it has run, and tells how it came out: known answers on both engines, one
against the other; then those of HMAC, HPKE, Ed25519 and RSA-OAEP.

Every call asks for what it uses by itself, those four at their first use; this one is for programs that
want to know at their start.

Raises for: SELF_TEST.
Threads: any. Since 0.1.
"""

keyfold_protection_status: Callable[
    [
        "Protection",
    ],
    None,
] = bind(
    "keyfold_protection_status",
    ctypes.c_int32,
    [
        ctypes.POINTER(Protection),
    ],
    _check,
)
"""Reports how the secret memory of this process is really protected.

- out [out, result]

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT.
Threads: any. Since 0.1.
"""

keyfold_reseed: Callable[
    [],
    None,
] = bind(
    "keyfold_reseed",
    ctypes.c_int32,
    [],
    _check,
)
"""Makes every generator of this process take fresh entropy from the kernel before its next output.

Call it when a machine or container has been restored from a snapshot or cloned while running.

Raises for: SELF_TEST.
Threads: any. Since 0.1.
"""

keyfold_generate_random: Callable[
    [
        bytes | int | None,
        int,
    ],
    None,
] = bind(
    "keyfold_generate_random",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
    ],
    _check,
)
"""Fills a buffer with random bytes that are fit for keys.

- out [out, bytes, nullable-if-0]: zeroed if the call fails

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_buffer_free: Callable[
    [
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_buffer_free",
    None,
    [
        ctypes.POINTER(Buffer),
    ],
    None,
)
"""Wipes and frees bytes that the library made, and sets the buffer to NULL and 0.

NULL, and a buffer that is already so, are left alone.

- buffer [inout, nullable]
Threads: one. Since 0.1.
"""

keyfold_context_pack: Callable[
    [
        "ctypes.Array[Pair] | None",
        int,
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_context_pack",
    ctypes.c_int32,
    [
        ctypes.POINTER(Pair),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Writes the canonical encoding of an encryption context: pairs sorted by name, with their lengths.

The block can be kept and used for any number of calls.

- pairs [in, array, nullable-if-0]: in any order; 0 to 64
- out [out, bytes, nullable-if-0]: KEYFOLD_CONTEXT_MAX_SIZE bytes always suffice
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, BUFFER_TOO_SMALL, INVALID_UTF8, INVALID_CONTEXT, BUFFERS_OVERLAP.
Threads: any. Since 0.1.
"""

keyfold_context_check: Callable[
    [
        bytes | int | None,
        int,
    ],
    None,
] = bind(
    "keyfold_context_check",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
    ],
    _check,
)
"""Checks that a block is the canonical encoding of an encryption context.

- context [in, bytes, nullable-if-0]: NULL with 0 is the empty context

Raises for: NULL_ARGUMENT, INVALID_CONTEXT.
Threads: any. Since 0.1.
"""

keyfold_context_require: Callable[
    [
        bytes | int | None,
        int,
        bytes | int | None,
        int,
    ],
    None,
] = bind(
    "keyfold_context_require",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ],
    _check,
)
"""Checks that a context gives a value for each of the names that the program never goes without, such as
the column and the tenant.

Call it before decrypting: an envelope that was encrypted without a name opens without it.

- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- names [in, bytes, nullable-if-0]: a packed context, of which only the names count

Raises for: NULL_ARGUMENT, INVALID_CONTEXT, CONTEXT_REQUIRED.
Threads: any. Since 0.1.
"""

keyfold_root_create_key_file: Callable[
    [
        Encoded,
    ],
    None,
] = bind(
    "keyfold_root_create_key_file",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
    ],
    _check,
)
"""Makes a new key file: 32 random bytes in a small text format, readable by its owner alone, synced to
disk.

Keep it, and a copy of it, apart from the store; without it the store cannot be opened.

- path [in, text]: of a file that does not exist

Raises for: NULL_ARGUMENT, INVALID_UTF8, FILE_EXISTS, ROOT_UNSAFE, IO, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_root_open_key_file: Callable[
    [
        Encoded,
        "KeyFileOptions | None",
        "ctypes._Pointer[Root]",
    ],
    None,
] = bind(
    "keyfold_root_open_key_file",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        ctypes.POINTER(KeyFileOptions),
        ctypes.POINTER(RootHandle),
    ],
    _check,
)
"""Names a key file as a root.

The file is read, and its protection checked, by the calls that take the root.

- path [in, text]
- options [in, nullable]
- out_root [out, handle]: closed with keyfold_root_close

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8.
Threads: any. Since 0.1.
"""

keyfold_root_open_passphrase: Callable[
    [
        bytes | int | None,
        int,
        "ctypes._Pointer[Root]",
    ],
    None,
] = bind(
    "keyfold_root_open_passphrase",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(RootHandle),
    ],
    _check,
)
"""Takes a passphrase as a root, into locked memory.

The caller wipes its own copy.

- passphrase [in, bytes]: 1 to 1,024 bytes, taken as they are
- out_root [out, handle]: closed with keyfold_root_close

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, OUT_OF_MEMORY.
Threads: any. Since 0.1.
"""

keyfold_root_close: Callable[
    [
        "ctypes._Pointer[Root] | None",
    ],
    None,
] = bind(
    "keyfold_root_close",
    ctypes.c_int32,
    [
        RootHandle,
    ],
    _check,
)
"""Closes a root and wipes what it held.

Stores opened with it stay open.

- root [in, closes, nullable]: NULL is OK; a second close is INVALID_HANDLE

Raises for: INVALID_HANDLE.
Threads: any. Since 0.1.
"""

keyfold_store_init: Callable[
    [
        Encoded,
        "ctypes._Pointer[Root]",
        "StoreOptions | None",
        "ctypes._Pointer[Store]",
    ],
    None,
] = bind(
    "keyfold_store_init",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        RootHandle,
        ctypes.POINTER(StoreOptions),
        ctypes.POINTER(StoreHandle),
    ],
    _check,
)
"""Makes a new key store, protected by a root, and opens it.

- location [in, text]: a path, or a URL: "sqlite:PATH"
- root [in, shared]
- options [in, nullable]
- out_store [out, handle]: closed with keyfold_store_close

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, STORE_EXISTS,
STORE_UNSAFE, STORE_IO, STORE_FULL, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY.
Threads: any. Since 0.1.
"""

keyfold_store_open: Callable[
    [
        Encoded,
        "ctypes._Pointer[Root]",
        "StoreOptions | None",
        "ctypes._Pointer[Store]",
    ],
    None,
] = bind(
    "keyfold_store_open",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        RootHandle,
        ctypes.POINTER(StoreOptions),
        ctypes.POINTER(StoreHandle),
    ],
    _check,
)
"""Opens a key store that exists.

- location [in, text]: a path, or a URL: "sqlite:PATH", "sqlite:PATH?fingerprint=HEX"
- root [in, shared]
- options [in, nullable]
- out_store [out, handle]: closed with keyfold_store_close

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8,
STORE_NOT_FOUND, NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY, SCHEMA_CHANGED, STORE_BUSY, STORE_IO,
STORE_UNSAFE, FINGERPRINT_MISMATCH, ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY.
Threads: any. Since 0.1.
"""

keyfold_store_open_in_memory: Callable[
    [
        "ctypes._Pointer[Store]",
    ],
    None,
] = bind(
    "keyfold_store_open_in_memory",
    ctypes.c_int32,
    [
        ctypes.POINTER(StoreHandle),
    ],
    _check,
)
"""Makes a store in memory with the same calls, for tests.

It is gone when it and all keys opened from it are closed.

- out_store [out, handle]: closed with keyfold_store_close

Raises for: NULL_ARGUMENT, OUT_OF_MEMORY, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_store_close: Callable[
    [
        "ctypes._Pointer[Store] | None",
    ],
    None,
] = bind(
    "keyfold_store_close",
    ctypes.c_int32,
    [
        StoreHandle,
    ],
    _check,
)
"""Closes a store.

Keys opened from it go on working.

- store [in, closes, nullable]: NULL is OK; a second close is INVALID_HANDLE

Raises for: INVALID_HANDLE.
Threads: any. Since 0.1.
"""

keyfold_store_info: Callable[
    [
        "ctypes._Pointer[Store]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_store_info",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Tells identity and state of a store, as JSON: StoreInfo in docs/ABI.md.

- store [in, shared]
- out_json [out, buffer]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_store_verify: Callable[
    [
        "ctypes._Pointer[Store]",
        "ctypes.c_uint64 | None",
    ],
    None,
] = bind(
    "keyfold_store_verify",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(ctypes.c_uint64),
    ],
    _check,
)
"""Reads everything in a store and verifies it.

- store [in, shared]
- out_keys [out, nullable]: number of keys verified

Raises for: INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_ROLLED_BACK, SCHEMA_CHANGED, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_store_list_roots: Callable[
    [
        "ctypes._Pointer[Store]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_store_list_roots",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lists the roots that can open a store, as JSON: an array of RootSlot in docs/ABI.md.

- store [in, shared]
- out_json [out, buffer]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, FORKED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_store_add_root: Callable[
    [
        "ctypes._Pointer[Store]",
        "ctypes._Pointer[Root]",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_add_root",
    ctypes.c_int32,
    [
        StoreHandle,
        RootHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Adds a root that can open a store, beside those there are.

- store [in, shared]
- root [in, shared]
- out_json [out, buffer, nullable]: the new RootSlot

Raises for: INVALID_HANDLE, FORKED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, ALREADY_EXISTS,
STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_store_add_root_as: Callable[
    [
        "ctypes._Pointer[Store]",
        "ctypes._Pointer[Root]",
        "SlotOptions | None",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_add_root_as",
    ctypes.c_int32,
    [
        StoreHandle,
        RootHandle,
        ctypes.POINTER(SlotOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Adds a root whose slot bears a principal, or the admin seed.

- store [in, shared]
- root [in, shared]
- options [in, nullable]
- out_json [out, buffer, nullable]: the new RootSlot

Raises for: INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED, ACCESS_DENIED,
APPROVAL_REQUIRED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, ALREADY_EXISTS, LIMIT_EXCEEDED, STORE_READ_ONLY,
STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.2.
"""

keyfold_store_remove_root: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
    ],
    None,
] = bind(
    "keyfold_store_remove_root",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
    ],
    _check,
)
"""Removes a root from a store; never the last.

- store [in, shared]
- slot_id [in, text]: a slot_id of keyfold_store_list_roots

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, FORKED, ROOT_NOT_FOUND, LAST_ROOT, STORE_READ_ONLY,
STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_store_change_root: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded | None,
        "ctypes._Pointer[Root]",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_change_root",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        RootHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Puts a new root in the place of another, in one transaction.

- store [in, shared]
- slot_id [in, nullable, text]: the slot to replace; NULL means the one that opened this handle
- root [in, shared]: the new root
- out_json [out, buffer, nullable]: the new RootSlot

Raises for: INVALID_HANDLE, INVALID_UTF8, FORKED, ROOT_NOT_FOUND, ROOT_UNSAFE, ROOT_INVALID, STORE_READ_ONLY,
STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_create: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded | None,
        "KeyOptions | None",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_create",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(KeyOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Makes a key with its first version; or, with KEYFOLD_KEY_EXTERNAL, without one, to be imported.

- store [in, shared]
- alias [in, nullable, text]: a name for it
- options [in, nullable]
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, INVALID_NAME, ALREADY_EXISTS,
TOO_LARGE, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_import_material: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded | None,
        bytes | int | None,
        int,
        "KeyOptions | None",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_import_material",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(KeyOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Makes a key whose first version is 32 bytes of the caller's own.

- store [in, shared]
- alias [in, nullable, text]: a name for it
- material [in, bytes]: exactly 32 random bytes; the caller wipes its own copy
- options [in, nullable]
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, INVALID_NAME,
INVALID_KEY_MATERIAL, ALREADY_EXISTS, TOO_LARGE, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY,
STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_describe: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_describe",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Describes a key, as JSON: KeyMetadata in docs/ABI.md.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_json [out, buffer]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_INTEGRITY,
STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_list: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded | None,
        Unsigned,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_list",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lists keys in a fixed order, a page at a time, as JSON: KeyPage in docs/ABI.md.

- store [in, shared]
- after [in, nullable, text]: the "next" of the page before; NULL begins
- limit [in]: keys at most, up to 1,000; 0 means 100
- out_json [out, buffer]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, FORKED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_enable: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_enable",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lets a key be used again.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_disable: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_disable",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Stops every use of a key, through handles that are open as well, until it is enabled.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_rotate: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "KeyVersion | None",
    ],
    None,
] = bind(
    "keyfold_key_rotate",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(KeyVersion),
    ],
    _check,
)
"""Adds a version to a key.

New envelopes use it at once; older versions go on opening what they sealed.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_version [out, nullable, result]: the new version

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND,
KEY_DISABLED, LIMIT_EXCEEDED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_export: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_export",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Exports a whole key (all versions, names, state), wrapped under another key, for keyfold_key_import
elsewhere.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- under [in, text]: the wrapping key, which the other store must hold too
- out [out, buffer]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND,
KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_import: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_import",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Takes a key that keyfold_key_export made; the wrapping key must be in this store.

Its id, version numbers and material ids stay the same.

- store [in, shared]
- exported [in, bytes]
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
KEY_NOT_FOUND, KEY_DISABLED, ALREADY_EXISTS, INVALID_KEY_MATERIAL, FORKED, STORE_READ_ONLY, STORE_BUSY,
STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_alias_create: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_alias_create",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Gives a key another name.

- store [in, shared]
- alias [in, text]: the new name: 1 to 256 of A-Z a-z 0-9 / _ -, not beginning keyfold/
- name [in, text]: the key: its id, "alias/NAME" or NAME
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ALREADY_EXISTS,
LIMIT_EXCEEDED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_alias_move: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_alias_move",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Moves a name from its key to another, in one transaction.

Key handles that are open keep the key they have.

- store [in, shared]
- alias [in, text]: a name that exists
- name [in, text]: the key that gets it: its id, "alias/NAME" or NAME
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, LIMIT_EXCEEDED, FORKED,
STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_alias_delete: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
    ],
    None,
] = bind(
    "keyfold_alias_delete",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
    ],
    _check,
)
"""Removes a name; its key stays.

- store [in, shared]
- alias [in, text]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_READ_ONLY,
STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_alias_list: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded | None,
        Unsigned,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_alias_list",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lists names in a fixed order, a page at a time, as JSON: AliasPage in docs/ABI.md.

- store [in, shared]
- after [in, nullable, text]: the "next" of the page before; NULL begins
- limit [in]: names at most, up to 1,000; 0 means 100
- out_json [out, buffer]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, FORKED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_open: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "ctypes._Pointer[Key]",
    ],
    None,
] = bind(
    "keyfold_key_open",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(KeyHandle),
    ],
    _check,
)
"""Opens a key for use: resolved once, verified, its current version ready.

It stays this key when its names move, and follows rotation, disabling and enabling by itself.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_key [out, handle]: closed with keyfold_key_close

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, FORKED, STORE_INTEGRITY,
STORE_IO, OUT_OF_MEMORY.
Threads: any. Since 0.1.
"""

keyfold_key_close: Callable[
    [
        "ctypes._Pointer[Key] | None",
    ],
    None,
] = bind(
    "keyfold_key_close",
    ctypes.c_int32,
    [
        KeyHandle,
    ],
    _check,
)
"""Closes a key handle.

Calls under way in other threads go on to their end; the key itself stays in its store.

- key [in, closes, nullable]: NULL is OK; a second close is INVALID_HANDLE

Raises for: INVALID_HANDLE.
Threads: any. Since 0.1.
"""

keyfold_key_id: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
    ],
    None,
] = bind(
    "keyfold_key_id",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
    ],
    _check,
)
"""Tells the id of a key.

- key [in, shared]
- out_id [out, bytes]

Raises for: NULL_ARGUMENT, INVALID_HANDLE.
Threads: any. Since 0.1.
"""

keyfold_key_update_description: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_update_description",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Replaces a key's description.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- description [in, text]: up to 8,192 bytes; not secret
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
TOO_LARGE, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_tag: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_tag",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Adds tags to a key, or replaces their values.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- tags [in, text]: a JSON object of text to text: names of 1 to 128 characters, values of up to 256; not
  secret
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, LIMIT_EXCEEDED, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_untag: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_untag",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Removes tags from a key; names that it has not are no error.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- names [in, text]: a JSON array of text
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_set_policy: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_set_policy",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Replaces a key's whole policy: when it rotates, how long its versions serve, what its trail records,
what stops it.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- policy [in, text]: JSON: KeyPolicy in docs/ABI.md; what is left out is at its default
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, UNSUPPORTED_OPERATION, ANCHOR_UNAVAILABLE,
STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_schedule_deletion: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Unsigned,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_schedule_deletion",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Puts a key into PendingDeletion: it is not used any more, and keyfold_store_destroy_due destroys it
after the waiting period, unless that is cancelled.

See keyfold_key_last_usage first.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- days [in]: 7 to 30; 0 means 30
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, INVALID_KEY_STATE, KEY_DESTROYED, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE, STORE_READ_ONLY,
STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_cancel_deletion: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_cancel_deletion",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Takes a key out of PendingDeletion; it is Disabled then (or again Compromised, or PendingImport).

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_store_destroy_due: Callable[
    [
        "ctypes._Pointer[Store]",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_destroy_due",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Destroys every key whose waiting period is over: its material is overwritten in file, log and free
pages, and a tombstone stays.

For cron; nothing else does it.

- store [in, shared]
- out_json [out, buffer, nullable]: an array of Destroyed in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE,
STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_mark_compromised: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_mark_compromised",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Marks a key as compromised: it seals nothing more, and opens only in a store opened with
KEYFOLD_OPEN_RECOVERY.

There is no way back; make a new key, and re-encrypt under it what the old one protects (a rewrap keeps
the key).

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- reason [in, text]: for people; not secret
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, TOO_LARGE, INVALID_KEY_STATE, KEY_DESTROYED, ANCHOR_UNAVAILABLE, STORE_READ_ONLY,
STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_store_rotate_due: Callable[
    [
        "ctypes._Pointer[Store]",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_rotate_due",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Rotates every key that is due, many in one transaction; for cron.

A key that is used rotates by itself.

- store [in, shared]
- out_json [out, buffer, nullable]: an array of KeyMetadata in docs/ABI.md: the keys rotated

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY,
STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_rotation_status: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_rotation_status",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Tells whether and when a key rotates, as JSON: RotationStatus in docs/ABI.md.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_json [out, buffer]: RotationStatus

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_list_rotations: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded | None,
        Unsigned,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_list_rotations",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lists a key's versions, the newest first: when, why and by whom each was made; as JSON: RotationPage in
docs/ABI.md.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- after [in, nullable, text]: the "next" of the page before; NULL begins
- limit [in]: entries at most, up to 1,000; 0 means 100
- out_json [out, buffer]: RotationPage

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_usage: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_usage",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Tells what each version of a key has done, over all processes, as JSON: an array of VersionCounts in
docs/ABI.md.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_json [out, buffer]: an array of VersionCounts

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_last_usage: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_last_usage",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Tells when a key was used last, as JSON: KeyLastUsage in docs/ABI.md.

Not enough alone to delete a key: disable it first, and watch for refusals.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- out_json [out, buffer]: KeyLastUsage

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_parameters_for_import: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_parameters_for_import",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Makes a wrapping key and a token for importing material into a key that was made with
KEYFOLD_KEY_EXTERNAL, as JSON: ImportParameters in docs/ABI.md.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- algorithm [in, text]: "RSAES_OAEP_SHA_256/RSA_3072", "RSAES_OAEP_SHA_256/RSA_4096", "HPKE_X25519" or
  "HPKE_X_WING"
- out_json [out, buffer]: ImportParameters

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, INVALID_KEY_STATE, UNSUPPORTED_OPERATION, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_import_wrapped_material: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        Encoded | None,
        Unsigned,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_import_wrapped_material",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Takes wrapped material: a key's first, which makes it Enabled; new material, which the key's next
rotation makes current; or the same material again after it expired or was deleted.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- token [in, bytes]: the import_token, its bytes
- wrapped [in, bytes]: the material, under the public key of the parameters
- import_type [in, nullable, text]: "NEW_KEY_MATERIAL" or "EXISTING_KEY_MATERIAL"; NULL: the first while the
  key never had any, and then the second
- valid_days [in]: it expires after so many days, 1 to 365; 0: it does not
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, INVALID_IMPORT_TOKEN, EXPIRED_IMPORT_TOKEN, INVALID_KEY_MATERIAL, INCORRECT_KEY_MATERIAL,
ALREADY_EXISTS, INVALID_KEY_STATE, UNSUPPORTED_OPERATION, APPROVAL_REQUIRED, KEY_DESTROYED, AUTH,
STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_delete_imported_material: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded | None,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_key_delete_imported_material",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Deletes a key's imported material at once, that of one version or all.

Unless it was only pending rotation the key is PendingImport then, and the same material can be imported
again.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- material_id [in, nullable, text]: 16 hexadecimal digits, as KeyMetadata has it; NULL: all that it has
- out_json [out, buffer, nullable]: KeyMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, INVALID_KEY_STATE, UNSUPPORTED_OPERATION, APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE,
KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_grant_create: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_grant_create",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lets a principal do something with a key.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- grant [in, text]: JSON: CreateGrant in docs/ABI.md
- out_json [out, buffer, nullable]: GrantMetadata in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, LIMIT_EXCEEDED, INVALID_KEY_STATE, KEY_DESTROYED, STORE_READ_ONLY, STORE_BUSY,
STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_grant_list: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded | None,
        Unsigned,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_grant_list",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lists a key's grants, a page at a time, as JSON: GrantPage in docs/ABI.md.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- after [in, nullable, text]: the "next" of the page before; NULL begins
- limit [in]: entries at most, up to 1,000; 0 means 100
- out_json [out, buffer]: GrantPage

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_grant_list_retirable: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded | None,
        Unsigned,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_grant_list_retirable",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lists the grants of all keys that a principal may retire, a page at a time, as JSON: GrantPage in
docs/ABI.md.

- store [in, shared]
- principal [in, text]
- after [in, nullable, text]: the "next" of the page before; NULL begins
- limit [in]: entries at most, up to 1,000; 0 means 100
- out_json [out, buffer]: GrantPage

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_grant_retire: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
    ],
    None,
] = bind(
    "keyfold_grant_retire",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
    ],
    _check,
)
"""Ends a grant: called by its grantee (where the grant has RetireGrant), its retiring principal, or the
key's owner.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- grant_id [in, text]: a grant_id of keyfold_grant_list

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, GRANT_NOT_FOUND, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_grant_revoke: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
    ],
    None,
] = bind(
    "keyfold_grant_revoke",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
    ],
    _check,
)
"""Ends a grant: called by the key's owner.

Handles that are ready feel it at their next call, in other processes within the refresh interval.

- store [in, shared]
- name [in, text]: a key id, "alias/NAME" or NAME
- grant_id [in, text]: a grant_id of keyfold_grant_list

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, GRANT_NOT_FOUND, ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_key_narrow: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "Narrowing | None",
        "ctypes._Pointer[Key]",
    ],
    None,
] = bind(
    "keyfold_key_narrow",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(Narrowing),
        ctypes.POINTER(KeyHandle),
    ],
    _check,
)
"""Makes another handle on the same key with fewer rights, for plugins and threads; this one stays as it
is.

The new one can be narrowed further, and never widened.

- key [in, shared]
- context_equals [in, bytes, nullable-if-0]: the context must be exactly this packed one; NULL: any
- context_subset [in, bytes, nullable-if-0]: the context must have these pairs; NULL: any
- narrowing [in, nullable]: what else it is narrowed to
- out_key [out, handle]: closed with keyfold_key_close

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8,
INVALID_CONTEXT, OUT_OF_MEMORY.
Threads: any. Since 0.1.
"""

keyfold_encrypted_size: Callable[
    [
        Unsigned,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_encrypted_size",
    ctypes.c_int32,
    [
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Tells the exact size of the envelope that keyfold_encrypt makes of a message of this length under one
key.

- plaintext_len [in]
- context [in, bytes, nullable-if-0]: as it will be given to keyfold_encrypt
- options [in, nullable]: likewise
- out_size [out]

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, TOO_LARGE.
Threads: any. Since 0.1.
"""

keyfold_encrypt: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_encrypt",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Encrypts a message under a key, with a data key of its own.

- key [in, shared]
- plaintext [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- options [in, nullable]
- out [out, bytes, nullable-if-0]: the envelope; zeroed if the call fails
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED,
RANDOM.
Threads: any. Since 0.1.
"""

keyfold_encrypt_to: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_encrypt_to",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Encrypts a message under one or more keys, any of which opens it, and chooses what of the context to
store.

- keys [in, array, shared]: 1 to 32, less the free cells
- plaintext [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- chosen [in, bytes, nullable-if-0]: with KEYFOLD_STORE_CONTEXT_CHOSEN: a packed context whose names are those
  whose values are stored (its own values mean nothing); else empty
- options [in, nullable]
- out [out, bytes, nullable-if-0]: the envelope; zeroed if the call fails
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED,
RANDOM.
Threads: any. Since 0.1.
"""

keyfold_headroom: Callable[
    [
        bytes | int | None,
        int,
        "EncryptOptions | None",
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_headroom",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Tells how many bytes must be free before a message for keyfold_encrypt_in_place: the size of the head.

- context [in, bytes, nullable-if-0]: as it will be given to keyfold_encrypt_in_place
- options [in, nullable]: likewise
- out_size [out]

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT.
Threads: any. Since 0.1.
"""

keyfold_encrypt_in_place: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        Unsigned,
        Unsigned,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_encrypt_in_place",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Encrypts a message in its own buffer.

The message lies at an offset of at least keyfold_headroom; the envelope begins at the buffer's first
byte.

- key [in, shared]
- buffer [inout, bytes]: if the call fails the message is as it was, and what lies before it may be zero; with
  INTERNAL all of it is zero
- offset [in]: where the message begins
- length [in]: bytes of the message
- context [in, bytes, nullable-if-0]: apart from the buffer
- options [in, nullable]
- out_len [out]: bytes of the envelope, or the capacity needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_decrypted_size: Callable[
    [
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_decrypted_size",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Tells the exact size of the message in an envelope, from its head and length.

Nothing is authenticated by this.

- envelope [in, bytes, nullable-if-0]: the whole envelope
- out_size [out]

Raises for: NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH.
Threads: any. Since 0.1.
"""

keyfold_decrypt: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_decrypt",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Decrypts an envelope under the key named, and no other.

- key [in, shared]
- envelope [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]
- out [out, bytes, nullable-if-0]: the message; zeroed if the call fails
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_decrypt_with_keys: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
        "Opened | None",
    ],
    None,
] = bind(
    "keyfold_decrypt_with_keys",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(Opened),
    ],
    _check,
)
"""Decrypts an envelope under any of the keys named.

- keys [in, array, shared]: 1 to 32
- envelope [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]
- out [out, bytes, nullable-if-0]: the message; zeroed if the call fails
- out_len [out]: bytes written, or needed
- opened [out, nullable, result]: which key it was

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_decrypt_any: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
        "Opened | None",
    ],
    None,
] = bind(
    "keyfold_decrypt_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(Opened),
    ],
    _check,
)
"""Decrypts an envelope under whichever key of a store opens it.

Prefer keyfold_decrypt: here an envelope of any key is accepted, so look at "opened" wherever it matters
which it was.

- store [in, shared]
- envelope [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]
- out [out, bytes, nullable-if-0]: the message; zeroed if the call fails
- out_len [out]: bytes written, or needed
- opened [out, nullable, result]: which key it was

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_decrypt_in_place: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_decrypt_in_place",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Decrypts an envelope in its own buffer, under the key named; the message then begins at the first byte.

- key [in, shared]
- buffer [inout, bytes]: the envelope. If the call fails it is as it was, but for AUTH met in the message
  itself, and INTERNAL: then it is zeroed, since some of it had been written over
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted; apart from the buffer
- options [in, nullable]
- out_len [out]: bytes of the message

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFERS_OVERLAP,
INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND,
KEY_DISABLED, FORKED, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_authenticated_context: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_authenticated_context",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Returns the whole authenticated context of an envelope that keyfold_decrypt would open, packed, without
its message.

With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT it tells what was accepted.

- key [in, shared]
- envelope [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]
- options [in, nullable]
- out_context [out, buffer]: a packed context

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_authenticated_context_any: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_authenticated_context_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""As keyfold_authenticated_context, for an envelope that keyfold_decrypt_any would open.

- store [in, shared]
- envelope [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]
- options [in, nullable]
- out_context [out, buffer]: a packed context

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY,
STORE_IO, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_encrypt_batch: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        "ctypes.Array[ctypes.c_uint64]",
        int,
        bytes | int | None,
        int,
        "ctypes.Array[ctypes.c_uint64] | None",
        "EncryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
        "ctypes.Array[ctypes.c_uint64]",
        "ctypes.c_size_t | None",
    ],
    None,
] = bind(
    "keyfold_encrypt_batch",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.POINTER(EncryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Encrypts many messages under one key, each into an envelope of its own.

Messages lie one after another in one block, message i from offsets[i] to offsets[i + 1]; so do the
envelopes, in out_offsets. Contexts are one for all, or one each, laid out likewise. It is all or
nothing.

- key [in, shared]
- plaintexts [in, bytes, nullable-if-0]
- offsets [in, array]: never falling, the last at most plaintexts_len
- contexts [in, bytes, nullable-if-0]: packed contexts
- context_offsets [in, array, nullable]: NULL: contexts is one context, for every message
- options [in, nullable]
- out [out, bytes, nullable-if-0]: zeroed if the call fails
- out_len [out]: bytes written, or needed
- out_offsets [out, array]: where each envelope begins, and the end of the last
- out_failed [out, nullable]: the message at which the call failed; count where it was not one

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_decrypt_batch: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        "ctypes.Array[ctypes.c_uint64]",
        int,
        bytes | int | None,
        int,
        "ctypes.Array[ctypes.c_uint64] | None",
        "DecryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
        "ctypes.Array[ctypes.c_uint64]",
        "ctypes.c_size_t | None",
    ],
    None,
] = bind(
    "keyfold_decrypt_batch",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.POINTER(DecryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Decrypts many envelopes under the key named.

Layout as in keyfold_encrypt_batch, the other way round. It is all or nothing.

- key [in, shared]
- envelopes [in, bytes, nullable-if-0]
- offsets [in, array]: never falling, the last at most envelopes_len
- contexts [in, bytes, nullable-if-0]: packed contexts
- context_offsets [in, array, nullable]: NULL: contexts is one context, for every envelope
- options [in, nullable]
- out [out, bytes, nullable-if-0]: zeroed if the call fails
- out_len [out]: bytes written, or needed
- out_offsets [out, array]: where each message begins, and the end of the last
- out_failed [out, nullable]: the envelope at which the call failed; count where it was not one

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, TOO_LARGE, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH,
KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_rewrap: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "Rewrapped | None",
    ],
    None,
] = bind(
    "keyfold_rewrap",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(Rewrapped),
    ],
    _check,
)
"""Brings the wrappings of a key in an envelope, a data key blob, or the head of one, to the key's current
version.

Size, message and context stay; no plaintext appears.

- key [in, shared]
- data [inout, bytes]: unchanged if the call fails
- context [in, bytes, nullable]: NULL: it is not checked, for walks over data whose contexts are elsewhere;
  else it is checked first
- rewrapped [out, nullable, result]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFERS_OVERLAP, INVALID_CONTEXT,
NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
STORE_POISONED, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_rewrap_any: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "Rewrapped | None",
    ],
    None,
] = bind(
    "keyfold_rewrap_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(Rewrapped),
    ],
    _check,
)
"""As keyfold_rewrap, for the wrappings of every key of a store.

- store [in, shared]
- data [inout, bytes]: unchanged if the call fails
- context [in, bytes, nullable]: NULL: it is not checked
- rewrapped [out, nullable, result]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFERS_OVERLAP, INVALID_CONTEXT,
NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY,
STORE_IO, STORE_POISONED, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_rewrap_file: Callable[
    [
        "ctypes._Pointer[Key]",
        Encoded,
        bytes | int | None,
        int,
        "Rewrapped | None",
    ],
    None,
] = bind(
    "keyfold_rewrap_file",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(Rewrapped),
    ],
    _check,
)
"""Rewraps a file that holds an envelope or data key blob, under a lock and so that it opens after a crash
at any moment.

A file without a free cell is written anew and renamed over the old one.

- key [in, shared]
- path [in, text]
- context [in, bytes, nullable]: NULL: it is not checked
- rewrapped [out, nullable, result]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_CONTEXT, NOT_AN_ENVELOPE,
UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED,
RANDOM, IO.
Threads: any. Since 0.1.
"""

keyfold_rewrap_file_any: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        bytes | int | None,
        int,
        "Rewrapped | None",
    ],
    None,
] = bind(
    "keyfold_rewrap_file_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(Rewrapped),
    ],
    _check,
)
"""As keyfold_rewrap_file, for the wrappings of every key of a store.

- store [in, shared]
- path [in, text]
- context [in, bytes, nullable]: NULL: it is not checked
- rewrapped [out, nullable, result]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, INVALID_CONTEXT, NOT_AN_ENVELOPE,
UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO,
STORE_POISONED, RANDOM, IO.
Threads: any. Since 0.1.
"""

keyfold_reencrypt: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "ReencryptOptions | None",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_reencrypt",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ReencryptOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Puts an envelope under other keys, or another context, without producing its message.

- from_keys [in, array, shared]: any of which may open it; 1 to 32
- envelope [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: the context it has
- to_keys [in, array, shared]: 1 to 32, less the free cells
- new_context [in, bytes, nullable-if-0]: the context it gets
- chosen [in, bytes, nullable-if-0]: as for keyfold_encrypt_to
- options [in, nullable]
- out [out, buffer]: the new envelope

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
STORE_POISONED, RANDOM, OUT_OF_MEMORY.
Threads: any. Since 0.1.
"""

keyfold_reencrypt_any: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "ReencryptOptions | None",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_reencrypt_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ReencryptOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""As keyfold_reencrypt, for an envelope under any key of a store.

- store [in, shared]
- envelope [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: the context it has
- to_keys [in, array, shared]: 1 to 32, less the free cells
- new_context [in, bytes, nullable-if-0]: the context it gets
- chosen [in, bytes, nullable-if-0]: as for keyfold_encrypt_to
- options [in, nullable]
- out [out, buffer]: the new envelope

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY,
STORE_IO, STORE_POISONED, RANDOM, OUT_OF_MEMORY.
Threads: any. Since 0.1.
"""

keyfold_data_key_blob_size: Callable[
    [
        Unsigned,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_data_key_blob_size",
    ctypes.c_int32,
    [
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Tells the exact size of the blob of a data key under one key.

- key_size [in]: bytes of the data key, 16 to 1,024
- context [in, bytes, nullable-if-0]: as it will be given to keyfold_generate_data_key
- options [in, nullable]: likewise
- out_size [out]

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT.
Threads: any. Since 0.1.
"""

keyfold_generate_data_key: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        "EncryptOptions | None",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_generate_data_key",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Makes a random data key, and the blob from which keyfold_decrypt_data_key gives it back.

Keep the blob, wipe the data key after use.

- key [in, shared]
- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- options [in, nullable]
- plaintext [out, bytes]: the data key: as many bytes as wanted, 16 to 1,024; zeroed if the call fails
- blob [out, bytes, nullable-if-0]: zeroed if the call fails
- blob_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_generate_data_key_without_plaintext: Callable[
    [
        "ctypes._Pointer[Key]",
        Unsigned,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_generate_data_key_without_plaintext",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Makes a random data key and returns only its blob, for others to open: whoever prepares rows or files
need not see their keys.

- key [in, shared]
- key_size [in]: bytes of the data key, 16 to 1,024
- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- options [in, nullable]
- blob [out, bytes, nullable-if-0]: zeroed if the call fails
- blob_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_data_key_size: Callable[
    [
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_data_key_size",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Tells the size of the data key in a blob, from its head.

Nothing is authenticated by this.

- blob [in, bytes, nullable-if-0]
- out_size [out]

Raises for: NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED.
Threads: any. Since 0.1.
"""

keyfold_decrypt_data_key: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_decrypt_data_key",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Opens the blob of a data key under the key named, and no other.

- key [in, shared]
- blob [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: every pair that was given when it was made
- options [in, nullable]
- out [out, bytes, nullable-if-0]: the data key; zeroed if the call fails
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED,
KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_decrypt_data_key_any: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
        "Opened | None",
    ],
    None,
] = bind(
    "keyfold_decrypt_data_key_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
        ctypes.POINTER(Opened),
    ],
    _check,
)
"""Opens the blob of a data key under whichever key of a store opens it.

- store [in, shared]
- blob [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: every pair that was given when it was made
- options [in, nullable]
- out [out, bytes, nullable-if-0]: the data key; zeroed if the call fails
- out_len [out]: bytes written, or needed
- opened [out, nullable, result]: which key it was

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, INVALID_CONTEXT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND,
KEY_DISABLED, FORKED, STORE_INTEGRITY, STORE_IO, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_generate_mac: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_generate_mac",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Makes the message authentication code of a message under the current version of an HMAC key.

It begins with a name of the version (6 bytes); then follow 32, 48 or 64 bytes.

- key [in, shared]
- message [in, bytes, nullable-if-0]
- out [out, bytes, nullable-if-0]: at most KEYFOLD_MAC_MAX_SIZE; zeroed if the call fails
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, TOO_LARGE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED,
INVALID_KEY_STATE, KEY_DESTROYED, FORKED, STORE_POISONED, TRAIL_UNAVAILABLE, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP.
Threads: any. Since 0.1.
"""

keyfold_verify_mac: Callable[
    [
        "ctypes._Pointer[Key]",
        bytes | int | None,
        int,
        bytes | int | None,
        int,
    ],
    None,
] = bind(
    "keyfold_verify_mac",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ],
    _check,
)
"""Verifies the message authentication code of a message, under the version it names, in constant time.

- key [in, shared]
- message [in, bytes, nullable-if-0]
- mac [in, bytes, nullable-if-0]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, TOO_LARGE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED,
INVALID_KEY_STATE, KEY_DESTROYED, FORKED, STORE_POISONED, TRAIL_UNAVAILABLE, INVALID_MAC.
Threads: any. Since 0.1.
"""

keyfold_key_public: Callable[
    [
        "ctypes._Pointer[Key]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_key_public",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Gives out the public half of the current version of a sealing key, for keyfold_seal elsewhere.

It is not secret, and not authenticated by itself: bring it over a channel you trust.

- key [in, shared]
- out [out, buffer]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_KEY_USAGE, ACCESS_DENIED, KEY_DISABLED, INVALID_KEY_STATE,
KEY_DESTROYED, FORKED, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_sealed_size: Callable[
    [
        Unsigned,
        bytes | int | None,
        int,
        "ctypes.Array[ctypes.c_uint64]",
        int,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_sealed_size",
    ctypes.c_int32,
    [
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Tells the exact size of the envelope that keyfold_seal makes.

- plaintext_len [in]
- public_keys [in, bytes]: from keyfold_key_public, one after another
- key_offsets [in, array]: where each begins, and the end of the last
- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- options [in, nullable]: without free cells
- out_size [out]

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL,
TOO_LARGE.
Threads: any. Since 0.1.
"""

keyfold_seal: Callable[
    [
        bytes | int | None,
        int,
        "ctypes.Array[ctypes.c_uint64]",
        int,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_seal",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Encrypts a message to the public halves of sealing keys, without a store.

Any of the keys opens it, with keyfold_decrypt and its kin; nobody who has only these public halves can,
the caller included.

- public_keys [in, bytes]: from keyfold_key_public, one after another
- key_offsets [in, array]: where each begins, and the end of the last
- plaintext [in, bytes, nullable-if-0]
- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- options [in, nullable]: without free cells
- out [out, bytes, nullable-if-0]: the envelope; zeroed if the call fails
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL,
TOO_LARGE, BUFFER_TOO_SMALL, BUFFERS_OVERLAP, CANCELLED, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_stream_encrypt: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        Any,
        int | None,
        Any,
        "ctypes._Pointer[Stream]",
    ],
    None,
] = bind(
    "keyfold_stream_encrypt",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        SourceCallback,
        ctypes.c_void_p,
        SourceRelease,
        ctypes.POINTER(StreamHandle),
    ],
    _check,
)
"""Begins an envelope under one or more keys, any of which opens it.

What keyfold_encrypt_to says of keys, context and options holds here; the keys are used now, and a
stream goes on when they are disabled meanwhile.

Without a source the message is pushed: keyfold_stream_update as often as wanted, then
keyfold_stream_finish. With one the envelope is pulled: keyfold_stream_read until it gives 0 bytes. The
same bytes come out however the message is cut into pieces (but that each envelope has its own random
parts), and a stream takes the memory of a chunk and the head, with a source a MiB more. What came out
is an envelope only when the end has been reached.

- keys [in, array, shared]: 1 to 32, less the free cells
- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- chosen [in, bytes, nullable-if-0]: as for keyfold_encrypt_to
- options [in, nullable]: without work
- source [in]: NULL: the message is pushed
- user_data [in]: given to every call of the source and the release
- release [in]: called once, after the last call of the source, or before this returns where it fails; NULL:
  nothing
- out_stream [out, handle]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM.
Threads: any. Since 0.1.
"""

keyfold_stream_seal: Callable[
    [
        bytes | int | None,
        int,
        "ctypes.Array[ctypes.c_uint64]",
        int,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        Any,
        int | None,
        Any,
        "ctypes._Pointer[Stream]",
    ],
    None,
] = bind(
    "keyfold_stream_seal",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        SourceCallback,
        ctypes.c_void_p,
        SourceRelease,
        ctypes.POINTER(StreamHandle),
    ],
    _check,
)
"""As keyfold_stream_encrypt, to the public halves of sealing keys and without a store, as keyfold_seal.

- public_keys [in, bytes]: from keyfold_key_public, one after another
- key_offsets [in, array]: where each begins, and the end of the last
- context [in, bytes, nullable-if-0]
- options [in, nullable]: without free cells and work
- source [in]: NULL: the message is pushed
- user_data [in]: given to every call of the source and the release
- release [in]: as for keyfold_stream_encrypt
- out_stream [out, handle]

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, INVALID_KEY_MATERIAL,
RANDOM.
Threads: any. Since 0.1.
"""

keyfold_stream_decrypt: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        Any,
        int | None,
        Any,
        "ctypes._Pointer[Stream]",
    ],
    None,
] = bind(
    "keyfold_stream_decrypt",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        SourceCallback,
        ctypes.c_void_p,
        SourceRelease,
        ctypes.POINTER(StreamHandle),
    ],
    _check,
)
"""Begins to open an envelope under any of the keys named.

They are looked at when the head has come.

Without a source the envelope is pushed: keyfold_stream_update as often as wanted, then
keyfold_stream_finish. With one the message is pulled: keyfold_stream_read until it gives 0 bytes. Only
bytes that have been authenticated come out. They are the front of a message until the end has been
reached: an envelope that was cut off is AUTH there.

- keys [in, array, shared]: 1 to 32
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]: without work
- source [in]: NULL: the envelope is pushed
- user_data [in]: given to every call of the source and the release
- release [in]: as for keyfold_stream_encrypt
- out_stream [out, handle]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, FORKED.
Threads: any. Since 0.1.
"""

keyfold_stream_decrypt_any: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        "DecryptOptions | None",
        Any,
        int | None,
        Any,
        "ctypes._Pointer[Stream]",
    ],
    None,
] = bind(
    "keyfold_stream_decrypt_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        SourceCallback,
        ctypes.c_void_p,
        SourceRelease,
        ctypes.POINTER(StreamHandle),
    ],
    _check,
)
"""As keyfold_stream_decrypt, under whichever key of a store opens it: look at keyfold_stream_opened
wherever it matters which it was.

- store [in, shared]
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]: without work
- source [in]: NULL: the envelope is pushed
- user_data [in]: given to every call of the source and the release
- release [in]: as for keyfold_stream_encrypt
- out_stream [out, handle]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, FORKED.
Threads: any. Since 0.1.
"""

keyfold_stream_update_size: Callable[
    [
        "ctypes._Pointer[Stream]",
        Unsigned,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_stream_update_size",
    ctypes.c_int32,
    [
        StreamHandle,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Tells a size that holds whatever keyfold_stream_update gives for an input of this length.

Exactly that when encrypting.

- stream [in, exclusive]
- input_len [in]
- out_size [out]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED, TOO_LARGE.
Threads: one. Since 0.1.
"""

keyfold_stream_update: Callable[
    [
        "ctypes._Pointer[Stream]",
        bytes | int | None,
        int,
        "Work | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_stream_update",
    ctypes.c_int32,
    [
        StreamHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(Work),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Pushes a piece of the message (encrypting) or of the envelope (decrypting), and gives what is ready of
the other.

TOO_LARGE and what is refused for its arguments leave the stream as it was, BUFFER_TOO_SMALL among it;
every other failure ends it.

- stream [in, exclusive]
- input [in, bytes, nullable-if-0]: any length; all of it is taken
- work [in, nullable]
- out [out, bytes, nullable-if-0]: zeroed if the call fails
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUFFER_TOO_SMALL,
BUFFERS_OVERLAP, BUSY, TOO_LARGE, STREAM_ENDED, CANCELLED, FORKED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT,
MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, STORE_INTEGRITY, STORE_IO, STORE_POISONED.
Threads: one. Since 0.1.
"""

keyfold_stream_finish_size: Callable[
    [
        "ctypes._Pointer[Stream]",
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_stream_finish_size",
    ctypes.c_int32,
    [
        StreamHandle,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Tells a size that holds whatever keyfold_stream_finish gives.

Exactly that when encrypting.

- stream [in, exclusive]
- out_size [out]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED.
Threads: one. Since 0.1.
"""

keyfold_stream_finish: Callable[
    [
        "ctypes._Pointer[Stream]",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_stream_finish",
    ctypes.c_int32,
    [
        StreamHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Says that the input has ended, and gives the rest.

Only when this succeeds is what came out a whole envelope, or a whole message.

- stream [in, exclusive]
- out [out, bytes, nullable-if-0]: zeroed if the call fails
- out_len [out]: bytes written, or needed

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUFFER_TOO_SMALL, BUSY, STREAM_ENDED, CANCELLED,
FORKED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED,
STORE_INTEGRITY, STORE_IO, STORE_POISONED.
Threads: one. Since 0.1.
"""

keyfold_stream_read: Callable[
    [
        "ctypes._Pointer[Stream]",
        "Work | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_stream_read",
    ctypes.c_int32,
    [
        StreamHandle,
        ctypes.POINTER(Work),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Pulls bytes out of a stream that has a source: of the envelope (encrypting) or of the message
(decrypting).

The buffer is filled unless the end comes first. 0 bytes say that the end was reached, and that all is
whole; that is never said of an envelope that was cut off. What is refused for its arguments leaves the
stream as it was; after any other failure every later call gives the same one.

- stream [in, exclusive]
- work [in, nullable]
- out [out, bytes]: zeroed if the call fails; out_cap is 1 or more
- out_len [out]: bytes written

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, BUSY, CANCELLED,
CALLBACK_FAILED, TOO_LARGE, FORKED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED,
KEY_NOT_FOUND, KEY_DISABLED, STORE_INTEGRITY, STORE_IO, STORE_POISONED.
Threads: one. Since 0.1.
"""

keyfold_stream_opened: Callable[
    [
        "ctypes._Pointer[Stream]",
        "Opened",
    ],
    None,
] = bind(
    "keyfold_stream_opened",
    ctypes.c_int32,
    [
        StreamHandle,
        ctypes.POINTER(Opened),
    ],
    _check,
)
"""Tells which key opened the envelope of a stream that decrypts, once its head has been read.

- stream [in, exclusive]
- opened [out, result]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED.
Threads: one. Since 0.1.
"""

keyfold_stream_context: Callable[
    [
        "ctypes._Pointer[Stream]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_stream_context",
    ctypes.c_int32,
    [
        StreamHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Returns the whole authenticated context of the envelope that a stream decrypts, packed, once its head
has been read.

With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT it tells what was accepted.

- stream [in, exclusive]
- out_context [out, buffer]: a packed context

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, BUSY, FORKED.
Threads: one. Since 0.1.
"""

keyfold_stream_cancel: Callable[
    [
        "ctypes._Pointer[Stream]",
    ],
    None,
] = bind(
    "keyfold_stream_cancel",
    ctypes.c_int32,
    [
        StreamHandle,
    ],
    _check,
)
"""Stops a stream, from any thread: a call under way on it answers CANCELLED within one chunk (within about
a MiB where it was given a flag of its own), later ones at once.

It may then be closed without having been finished.

- stream [in, shared]

Raises for: INVALID_HANDLE.
Threads: any. Since 0.1.
"""

keyfold_stream_close: Callable[
    [
        "ctypes._Pointer[Stream] | None",
    ],
    None,
] = bind(
    "keyfold_stream_close",
    ctypes.c_int32,
    [
        StreamHandle,
    ],
    _check,
)
"""Closes a stream.

NULL is fine. A call under way in another thread goes on to its end, which this does not wait for.

STREAM_UNFINISHED says that it is closed, but had neither reached its end nor failed nor been cancelled:
what it gave is worth nothing (encrypting), or is only the front of a message (decrypting).

- stream [in, closes]

Raises for: INVALID_HANDLE, STREAM_UNFINISHED.
Threads: any. Since 0.1.
"""

keyfold_reader_open: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        Unsigned,
        Any,
        int | None,
        Any,
        "ctypes._Pointer[Reader]",
    ],
    None,
] = bind(
    "keyfold_reader_open",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_uint64,
        PreadCallback,
        ctypes.c_void_p,
        SourceRelease,
        ctypes.POINTER(ReaderHandle),
    ],
    _check,
)
"""Opens an envelope of which any range can be read, from wherever a callback fetches its bytes: a file, a
mapping, an object of a store far away.

The head is read and opened now; the message is read as it is asked for, whole chunks of 16 KiB at a
time.

- keys [in, array, shared]: any of which may open it; 1 to 32
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]: without work
- size [in]: bytes of the whole envelope; not trusted, and a wrong one never yields a wrong message
- pread [in]: see keyfold_pread_callback
- user_data [in]: given to every call of the callback and the release
- release [in]: called once, after the last call of the callback, or before this returns where it fails; NULL:
  nothing
- out_reader [out, handle]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
CALLBACK_FAILED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND,
KEY_DISABLED, FORKED, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_reader_open_any: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        "DecryptOptions | None",
        Unsigned,
        Any,
        int | None,
        Any,
        "ctypes._Pointer[Reader]",
    ],
    None,
] = bind(
    "keyfold_reader_open_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_uint64,
        PreadCallback,
        ctypes.c_void_p,
        SourceRelease,
        ctypes.POINTER(ReaderHandle),
    ],
    _check,
)
"""As keyfold_reader_open, under whichever key of a store opens it: look at keyfold_reader_opened wherever
it matters which it was.

- store [in, shared]
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]: without work
- size [in]: bytes of the whole envelope
- pread [in]: see keyfold_pread_callback
- user_data [in]: given to every call of the callback and the release
- release [in]: as for keyfold_reader_open
- out_reader [out, handle]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT,
CALLBACK_FAILED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
STORE_INTEGRITY, STORE_IO, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_reader_open_fd: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        int,
        "ctypes._Pointer[Reader]",
    ],
    None,
] = bind(
    "keyfold_reader_open_fd",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_int32,
        ctypes.POINTER(ReaderHandle),
    ],
    _check,
)
"""As keyfold_reader_open, of a file that can be read at any place.

The descriptor is copied, may be closed afterwards, and its position is neither looked at nor moved.

- keys [in, array, shared]: any of which may open it; 1 to 32
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]: without work
- descriptor [in]: a file descriptor that is open for reading
- out_reader [out, handle]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, IO,
NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED, KEY_NOT_FOUND, KEY_DISABLED, FORKED,
STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_reader_open_fd_any: Callable[
    [
        "ctypes._Pointer[Store]",
        bytes | int | None,
        int,
        "DecryptOptions | None",
        int,
        "ctypes._Pointer[Reader]",
    ],
    None,
] = bind(
    "keyfold_reader_open_fd_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.c_int32,
        ctypes.POINTER(ReaderHandle),
    ],
    _check,
)
"""As keyfold_reader_open_fd, under whichever key of a store opens it.

- store [in, shared]
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]: without work
- descriptor [in]: a file descriptor that is open for reading
- out_reader [out, handle]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_CONTEXT, IO,
NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_INTEGRITY,
STORE_IO, STORE_POISONED.
Threads: any. Since 0.1.
"""

keyfold_reader_size: Callable[
    [
        "ctypes._Pointer[Reader]",
        "ctypes.c_uint64",
    ],
    None,
] = bind(
    "keyfold_reader_size",
    ctypes.c_int32,
    [
        ReaderHandle,
        ctypes.POINTER(ctypes.c_uint64),
    ],
    _check,
)
"""Tells how long the message is.

The last chunk is authenticated first, once: without that no length can be trusted.

- reader [in, shared]
- out_size [out]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, AUTH, CALLBACK_FAILED, FORKED, IO.
Threads: any. Since 0.1.
"""

keyfold_reader_pread: Callable[
    [
        "ctypes._Pointer[Reader]",
        Unsigned,
        "Work | None",
        bytes | int | None,
        int,
        "ctypes.c_size_t",
    ],
    None,
] = bind(
    "keyfold_reader_pread",
    ctypes.c_int32,
    [
        ReaderHandle,
        ctypes.c_uint64,
        ctypes.POINTER(Work),
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(ctypes.c_size_t),
    ],
    _check,
)
"""Reads the message from an offset on.

The buffer is filled unless the message ends before; then, and beyond the end, where it is 0 bytes, the
last chunk has been authenticated. Only the chunks that hold the range are fetched.

- reader [in, shared]
- offset [in]: in the message
- work [in, nullable]: with several threads the source is read by the calling one alone
- out [out, bytes, nullable-if-0]: zeroed if the call fails
- out_len [out]: bytes written

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, CANCELLED, AUTH,
CALLBACK_FAILED, FORKED, IO.
Threads: any. Since 0.1.
"""

keyfold_reader_opened: Callable[
    [
        "ctypes._Pointer[Reader]",
        "Opened",
    ],
    None,
] = bind(
    "keyfold_reader_opened",
    ctypes.c_int32,
    [
        ReaderHandle,
        ctypes.POINTER(Opened),
    ],
    _check,
)
"""Tells which key opened the envelope of a reader.

- reader [in, shared]
- opened [out, result]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT.
Threads: any. Since 0.1.
"""

keyfold_reader_context: Callable[
    [
        "ctypes._Pointer[Reader]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_reader_context",
    ctypes.c_int32,
    [
        ReaderHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Returns the whole authenticated context of a reader's envelope, packed.

With KEYFOLD_DECRYPT_ACCEPT_STORED_CONTEXT it tells what was accepted.

- reader [in, shared]
- out_context [out, buffer]: a packed context

Raises for: NULL_ARGUMENT, INVALID_HANDLE.
Threads: any. Since 0.1.
"""

keyfold_reader_close: Callable[
    [
        "ctypes._Pointer[Reader] | None",
    ],
    None,
] = bind(
    "keyfold_reader_close",
    ctypes.c_int32,
    [
        ReaderHandle,
    ],
    _check,
)
"""Closes a reader.

Calls under way on it go on to their end, which this does not wait for; the last of them gives its
callback back. NULL is fine.

- reader [in, closes]

Raises for: INVALID_HANDLE.
Threads: any. Since 0.1.
"""

keyfold_ciphertext_range: Callable[
    [
        bytes | int | None,
        int,
        Unsigned,
        Unsigned,
        Unsigned,
        "ctypes.c_uint64",
        "ctypes.c_uint64",
    ],
    None,
] = bind(
    "keyfold_ciphertext_range",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_uint64,
        ctypes.c_uint64,
        ctypes.c_uint64,
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.POINTER(ctypes.c_uint64),
    ],
    _check,
)
"""Tells which bytes of an envelope must be fetched to read a range of its message: whole chunks, for an
HTTP range request.

Needs no key, and authenticates nothing; keyfold_reader_pread does, of what was fetched.

- head [in, bytes, nullable-if-0]: the envelope's first bytes, 44 or more
- envelope_size [in]: bytes of the whole envelope
- offset [in]: where the range begins in the message
- length [in]: its bytes; a range beyond the message's end ends with the last chunk, or is it
- out_offset [out]: where the bytes begin in the envelope
- out_length [out]: how many

Raises for: NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH.
Threads: any. Since 0.1.
"""

keyfold_encrypt_file: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        Encoded,
        Encoded,
        bytes | int | None,
        int,
        bytes | int | None,
        int,
        "EncryptOptions | None",
        "ctypes.c_uint64 | None",
    ],
    None,
] = bind(
    "keyfold_encrypt_file",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(EncryptOptions),
        ctypes.POINTER(ctypes.c_uint64),
    ],
    _check,
)
"""Encrypts a file into another, by several threads and in under 16 MiB of memory, whatever its size.

Whatever happens, the target is there whole: as it was, or as the new envelope, which is on disk when
the call succeeds. It may be the file that is read. Pipes and devices can be read, but not be the
target.

- keys [in, array, shared]: 1 to 32, less the free cells
- from [in, text]: the path of the message
- to [in, text]: the path of the envelope; a symbolic link there is followed
- context [in, bytes, nullable-if-0]: from keyfold_context_pack; NULL with 0 is no context
- chosen [in, bytes, nullable-if-0]: as for keyfold_encrypt_to
- options [in, nullable]
- out_size [out, nullable]: bytes of the envelope

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION,
INVALID_CONTEXT, TOO_LARGE, CANCELLED, LIMIT_EXCEEDED, KEY_DISABLED, FORKED, STORE_POISONED, RANDOM, IO.
Threads: any. Since 0.1.
"""

keyfold_decrypt_file: Callable[
    [
        "ctypes.Array[ctypes._Pointer[Key]]",
        int,
        Encoded,
        Encoded,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        "ctypes.c_uint64 | None",
        "Opened | None",
    ],
    None,
] = bind(
    "keyfold_decrypt_file",
    ctypes.c_int32,
    [
        ctypes.POINTER(KeyHandle),
        ctypes.c_size_t,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.POINTER(Opened),
    ],
    _check,
)
"""Decrypts a file into another, under any of the keys named, as keyfold_encrypt_file encrypts.

A new target is for its owner alone to read.

- keys [in, array, shared]: 1 to 32
- from [in, text]: the path of the envelope
- to [in, text]: the path of the message; a symbolic link there is followed
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]
- out_size [out, nullable]: bytes of the message
- opened [out, nullable, result]: which key it was

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION,
INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_ALLOWED,
KEY_NOT_FOUND, KEY_DISABLED, FORKED, STORE_POISONED, IO.
Threads: any. Since 0.1.
"""

keyfold_decrypt_file_any: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        bytes | int | None,
        int,
        "DecryptOptions | None",
        "ctypes.c_uint64 | None",
        "Opened | None",
    ],
    None,
] = bind(
    "keyfold_decrypt_file_any",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(DecryptOptions),
        ctypes.POINTER(ctypes.c_uint64),
        ctypes.POINTER(Opened),
    ],
    _check,
)
"""As keyfold_decrypt_file, under whichever key of a store opens it.

- store [in, shared]
- from [in, text]: the path of the envelope
- to [in, text]: the path of the message; a symbolic link there is followed
- context [in, bytes, nullable-if-0]: every pair that was given when it was encrypted
- options [in, nullable]
- out_size [out, nullable]: bytes of the message
- opened [out, nullable, result]: which key it was

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, UNSUPPORTED_OPTION,
INVALID_CONTEXT, CANCELLED, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED, AUTH, KEY_NOT_FOUND, KEY_DISABLED,
FORKED, STORE_INTEGRITY, STORE_IO, STORE_POISONED, IO.
Threads: any. Since 0.1.
"""

keyfold_inspect: Callable[
    [
        bytes | int | None,
        int,
        Unsigned,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_inspect",
    ctypes.c_int32,
    [
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_uint64,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Tells what can be read of an envelope or data key blob without any key, as JSON: Inspection in
docs/ABI.md.

Nothing in it is authenticated.

- head [in, bytes, nullable-if-0]: the whole, or its first 64 KiB
- total_len [in]: bytes of the whole; 0: head is the whole
- out_json [out, buffer]

Raises for: NULL_ARGUMENT, NOT_AN_ENVELOPE, UNSUPPORTED_FORMAT, MALFORMED.
Threads: any. Since 0.1.
"""

keyfold_explain: Callable[
    [
        "ctypes._Pointer[Store]",
        "ctypes._Pointer[Key] | None",
        bytes | int | None,
        int,
        Unsigned,
        bytes | int | None,
        int,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_explain",
    ctypes.c_int32,
    [
        StoreHandle,
        KeyHandle,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.c_uint64,
        ctypes.c_void_p,
        ctypes.c_size_t,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Explains why an envelope or data key blob opens or does not, as a tree of reasons, without producing its
message; as JSON: Explanation in docs/ABI.md.

It succeeds whatever is wrong with the data.

- store [in, shared]
- key [in, nullable, shared]: explains what keyfold_decrypt with this key would say; NULL: what
  keyfold_decrypt_any would
- envelope [in, bytes, nullable-if-0]: the whole, or its first 64 KiB
- total_len [in]: bytes of the whole; 0: envelope is the whole
- context [in, bytes, nullable-if-0]
- out_json [out, buffer]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_CONTEXT.
Threads: any. Since 0.1.
"""

keyfold_store_settings: Callable[
    [
        "ctypes._Pointer[Store]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_store_settings",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Tells a store's settings, as JSON: StoreSettings in docs/ABI.md.

- store [in, shared]
- out_json [out, buffer]: StoreSettings

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_store_update_settings: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_update_settings",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Replaces a store's settings.

Called by an administrator; under dual control where the settings say so.

- store [in, shared]
- settings [in, text]: JSON: StoreSettings in docs/ABI.md; what is left out is at its default
- out_json [out, buffer, nullable]: the new StoreSettings

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
APPROVAL_REQUIRED, ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_approve: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        Unsigned,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_approve",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Approves exactly one operation that another principal is about to do: on one key, with these parameters,
once.

The store must be open through a root whose slot bears a principal.

- store [in, shared]
- operation [in, text]: its name, such as "ScheduleKeyDeletion"
- request [in, text]: its parameters as the trail names them, a JSON object; keyId may be any name of the key
- seconds [in]: ends after so many seconds; 0: the store's window
- out_json [out, buffer, nullable]: Approval in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
KEY_NOT_FOUND, UNSUPPORTED_OPERATION, LIMIT_EXCEEDED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_approval_list: Callable[
    [
        "ctypes._Pointer[Store]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_approval_list",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Lists the approvals that wait for their use, as JSON: an array of Approval in docs/ABI.md.

- store [in, shared]
- out_json [out, buffer]: an array of Approval

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_approval_withdraw: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
    ],
    None,
] = bind(
    "keyfold_approval_withdraw",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
    ],
    _check,
)
"""Withdraws an approval.

- store [in, shared]
- approval_id [in, text]: an approval_id of keyfold_approval_list

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, ACCESS_DENIED, FORKED,
ANCHOR_UNAVAILABLE, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_dry_run: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Encoded,
        bytes | int | None,
        int,
    ],
    None,
] = bind(
    "keyfold_dry_run",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ],
    _check,
)
"""Tells whether this store's principal may do an operation on a key under a context now, without doing it:
OK, or the status that it would get.

It is an event, marked so.

- store [in, shared]
- operation [in, text]: its name, such as "Decrypt"
- name [in, text]: a key id, "alias/NAME" or NAME
- context [in, bytes, nullable-if-0]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, INVALID_NAME, KEY_NOT_FOUND, ACCESS_DENIED, FORKED,
INVALID_ARGUMENT, INVALID_CONTEXT, KEY_DISABLED, KEY_DESTROYED, INVALID_KEY_STATE, INVALID_KEY_USAGE,
UNSUPPORTED_OPERATION, APPROVAL_REQUIRED, KEY_STOPPED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_key_dry_run: Callable[
    [
        "ctypes._Pointer[Key]",
        Encoded,
        bytes | int | None,
        int,
    ],
    None,
] = bind(
    "keyfold_key_dry_run",
    ctypes.c_int32,
    [
        KeyHandle,
        ctypes.c_char_p,
        ctypes.c_void_p,
        ctypes.c_size_t,
    ],
    _check,
)
"""Tells whether a key handle may do an operation under a context now, without doing it: as
keyfold_dry_run, but what the handle was narrowed to is asked first.

- key [in, shared]
- operation [in, text]: its name, such as "Decrypt"
- context [in, bytes, nullable-if-0]

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, ACCESS_DENIED, FORKED, INVALID_ARGUMENT,
INVALID_CONTEXT, KEY_NOT_FOUND, KEY_DISABLED, KEY_DESTROYED, INVALID_KEY_STATE, INVALID_KEY_USAGE,
UNSUPPORTED_OPERATION, KEY_STOPPED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_trail_read: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded | None,
        Unsigned,
        Unsigned,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_trail_read",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_uint64,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Reads events of the trail from a sequence number on, as JSON: EventPage in docs/ABI.md.

Reading is itself an event.

- store [in, shared]
- filter [in, nullable, text]: JSON: Filter in docs/ABI.md; NULL: all events
- from [in]: the first sequence number; 0 begins
- limit [in]: events at most, up to 1,000; 0 means 100
- out_json [out, buffer]: EventPage

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_trail_tail: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded | None,
        Unsigned,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_trail_tail",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_uint32,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Reads the newest events of the trail, the oldest of them first, as JSON: EventPage in docs/ABI.md.

- store [in, shared]
- filter [in, nullable, text]: JSON: Filter in docs/ABI.md; NULL: all events
- count [in]: events at most, up to 1,000; 0 means 100
- out_json [out, buffer]: EventPage

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_trail_verify: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded | None,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_trail_verify",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Verifies the whole trail.

OK says that it was read; what is wrong with it stands in the report, the first bad entry by its number.

- store [in, shared]
- expected [in, nullable, text]: a signed checkpoint that was kept elsewhere, which the trail must contain
- out_json [out, buffer]: TrailReport in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_ARGUMENT, INVALID_UTF8,
TRAIL_INVALID, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_trail_checkpoint: Callable[
    [
        "ctypes._Pointer[Store]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_trail_checkpoint",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Writes down what is waiting, signs a checkpoint of the trail, and gives it out: a C2SP signed note, for
keeping elsewhere.

- store [in, shared]
- out [out, buffer]: text

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY,
STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_trail_flush: Callable[
    [
        "ctypes._Pointer[Store]",
    ],
    None,
] = bind(
    "keyfold_trail_flush",
    ctypes.c_int32,
    [
        StoreHandle,
    ],
    _check,
)
"""Writes down what is waiting: uses that were counted, events that are queued.

- store [in, shared]

Raises for: INVALID_HANDLE, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_trail_export: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "ctypes.c_uint64 | None",
    ],
    None,
] = bind(
    "keyfold_trail_export",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(ctypes.c_uint64),
    ],
    _check,
)
"""Exports the trail as C2SP tiles into a folder, up to a new checkpoint; goes on where an earlier export
into it ended.

- store [in, shared]
- folder [in, text]
- out_entries [out, nullable]: number of entries exported in all

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, ACCESS_DENIED, FORKED, TRAIL_INVALID, IO,
STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO, STORE_FULL.
Threads: any. Since 0.1.
"""

keyfold_trail_add_file: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        Unsigned,
        Unsigned,
    ],
    None,
] = bind(
    "keyfold_trail_add_file",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.c_uint64,
        ctypes.c_uint32,
    ],
    _check,
)
"""Copies events from now on to a JSON Lines file too, which is opened again when it was moved or deleted.

- store [in, shared]
- path [in, text]
- rotate_bytes [in]: rotated at about so many bytes; 0: never
- keep [in]: old files kept

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, INVALID_UTF8, LIMIT_EXCEEDED, FORKED, IO.
Threads: any. Since 0.1.
"""

keyfold_trail_add_callback: Callable[
    [
        "ctypes._Pointer[Store]",
        Any,
        int | None,
        Any,
    ],
    None,
] = bind(
    "keyfold_trail_add_callback",
    ctypes.c_int32,
    [
        StoreHandle,
        TrailCallback,
        ctypes.c_void_p,
        TrailRelease,
    ],
    _check,
)
"""Hands events from now on to the host too.

At most 65,536 wait; more are dropped and counted. It lasts as long as the store is open: until the
store and all keys opened from it are closed.

- store [in, shared]
- callback [in]: see keyfold_trail_callback for what it may do
- user_data [in]: given to every call of the callback and the release
- release [in]: called once, after the last call of the callback, or before this returns where it fails; NULL:
  nothing

Raises for: NULL_ARGUMENT, INVALID_HANDLE, LIMIT_EXCEEDED, FORKED.
Threads: any. Since 0.1.
"""

keyfold_trail_sinks: Callable[
    [
        "ctypes._Pointer[Store]",
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_trail_sinks",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Tells how the sinks of an open store stand, as JSON: an array of SinkStatus in docs/ABI.md.

- store [in, shared]
- out_json [out, buffer]: an array of SinkStatus

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_trail_verify_tiles: Callable[
    [
        Encoded,
        Encoded,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_trail_verify_tiles",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Verifies a folder that keyfold_trail_export wrote, without the store.

OK says that it was read; what is wrong stands in the report.

- folder [in, text]
- key [in, text]: the trail_key of StoreInfo: NAME+HASH+BASE64
- out_json [out, buffer]: TrailReport in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, INVALID_UTF8, TRAIL_INVALID, IO.
Threads: any. Since 0.1.
"""

keyfold_trail_verify_jsonl: Callable[
    [
        Encoded,
        Encoded,
        "Buffer",
    ],
    None,
] = bind(
    "keyfold_trail_verify_jsonl",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Verifies JSON Lines files of a sink, in their order, against the checkpoints among their lines, without
the store.

OK says that they were read; what is wrong stands in the report.

- files [in, text]: a JSON array of paths, the oldest file first
- key [in, text]: the trail_key of StoreInfo: NAME+HASH+BASE64
- out_json [out, buffer]: TrailReport in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_ARGUMENT, INVALID_UTF8, TRAIL_INVALID, IO.
Threads: any. Since 0.1.
"""

keyfold_store_back_up: Callable[
    [
        "ctypes._Pointer[Store]",
        Encoded,
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_back_up",
    ctypes.c_int32,
    [
        StoreHandle,
        ctypes.c_char_p,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Writes the whole store, as it is in one moment, into one encrypted file that any of its roots opens.

Others go on using the store meanwhile.

- store [in, shared]
- path [in, text]: of a file that does not exist
- out_json [out, buffer, nullable]: BackupReport in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, ACCESS_DENIED, FORKED, INVALID_UTF8, FILE_EXISTS, IO,
UNSUPPORTED_OPERATION, STORE_INTEGRITY, STORE_IO.
Threads: any. Since 0.1.
"""

keyfold_backup_verify: Callable[
    [
        Encoded,
        "ctypes._Pointer[Root]",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_backup_verify",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        RootHandle,
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Verifies a backup without restoring it.

- path [in, text]
- root [in, shared]
- out_json [out, buffer, nullable]: BackupReport in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_UTF8, FORKED, BACKUP_INVALID, ROOT_NOT_FOUND,
ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, IO, UNSUPPORTED_OPERATION.
Threads: any. Since 0.1.
"""

keyfold_store_restore: Callable[
    [
        Encoded,
        Encoded,
        "ctypes.Array[ctypes._Pointer[Root]]",
        int,
        "StoreOptions | None",
        "ctypes._Pointer[Store]",
    ],
    None,
] = bind(
    "keyfold_store_restore",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        ctypes.c_char_p,
        ctypes.POINTER(RootHandle),
        ctypes.c_size_t,
        ctypes.POINTER(StoreOptions),
        ctypes.POINTER(StoreHandle),
    ],
    _check,
)
"""Makes a store from a backup where none is, as a new incarnation of it, and opens it.

Version numbers go on at the next multiple of 65,536; keys that the anchor or the trail knows to be
destroyed stay so.

- backup [in, text]: the backup's file
- location [in, text]: a path, or a URL: "sqlite:PATH"
- roots [in, array, shared]: 1 to 8; where dual control asks for it, two with different principals
- options [in, nullable]
- out_store [out, handle]: closed with keyfold_store_close

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
BACKUP_INVALID, APPROVAL_REQUIRED, ACCESS_DENIED, STORE_EXISTS, STORE_UNSAFE, STORE_IO, STORE_FULL,
ANCHOR_UNAVAILABLE, ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, IO, OUT_OF_MEMORY,
UNSUPPORTED_OPERATION.
Threads: any. Since 0.1.
"""

keyfold_store_repair: Callable[
    [
        Encoded,
        "ctypes.Array[ctypes._Pointer[Root]]",
        int,
        "StoreOptions | None",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_repair",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        ctypes.POINTER(RootHandle),
        ctypes.c_size_t,
        ctypes.POINTER(StoreOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""Mends a store whose manifest or tree is damaged, from the documents that verify, as a new incarnation of
it.

Nobody may have it open.

- location [in, text]: a path, or a URL: "sqlite:PATH"
- roots [in, array, shared]: 1 to 8; where dual control asks for it, two with different principals
- options [in, nullable]
- out_json [out, buffer, nullable]: RepairReport in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
APPROVAL_REQUIRED, ACCESS_DENIED, STORE_NOT_FOUND, NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY,
SCHEMA_CHANGED, STORE_BUSY, STORE_UNSAFE, STORE_IO, STORE_FULL, ANCHOR_UNAVAILABLE, ROOT_NOT_FOUND,
ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY, UNSUPPORTED_OPERATION.
Threads: any. Since 0.1.
"""

keyfold_store_change_compromised_root: Callable[
    [
        Encoded,
        "ctypes.Array[ctypes._Pointer[Root]]",
        int,
        "ctypes._Pointer[Root]",
        "ctypes.Array[ctypes._Pointer[Root]]",
        int,
        "StoreOptions | None",
        "Buffer | None",
    ],
    None,
] = bind(
    "keyfold_store_change_compromised_root",
    ctypes.c_int32,
    [
        ctypes.c_char_p,
        ctypes.POINTER(RootHandle),
        ctypes.c_size_t,
        RootHandle,
        ctypes.POINTER(RootHandle),
        ctypes.c_size_t,
        ctypes.POINTER(StoreOptions),
        ctypes.POINTER(Buffer),
    ],
    _check,
)
"""For a root that was compromised: gives the store a new store secret, wraps all material anew, and
rotates every key whose material the store draws.

Slots of roots that are not kept are no more. Nobody may have the store open.

- location [in, text]: a path, or a URL: "sqlite:PATH"
- roots [in, array, shared]: 1 to 8; where dual control asks for it, two with different principals
- new_root [in, shared]: takes the place of the slot that the first of them opens
- keep [in, array, shared]: 0 to 8: roots whose slots stay
- options [in, nullable]
- out_json [out, buffer, nullable]: RootChangeReport in docs/ABI.md

Raises for: NULL_ARGUMENT, INVALID_HANDLE, INVALID_ARGUMENT, UNSUPPORTED_OPTION, INVALID_UTF8, FORKED,
FINGERPRINT_MISMATCH, APPROVAL_REQUIRED, ACCESS_DENIED, ALREADY_EXISTS, LAST_ROOT, LIMIT_EXCEEDED,
STORE_NOT_FOUND, NOT_A_STORE, STORE_TOO_NEW, STORE_INTEGRITY, STORE_ROLLED_BACK, STORE_READ_ONLY,
TRAIL_INVALID, SCHEMA_CHANGED, STORE_BUSY, STORE_UNSAFE, STORE_IO, STORE_FULL, ANCHOR_UNAVAILABLE,
ROOT_NOT_FOUND, ROOT_MISMATCH, ROOT_UNSAFE, ROOT_INVALID, OUT_OF_MEMORY, UNSUPPORTED_OPERATION.
Threads: any. Since 0.1.
"""

keyfold_store_heartbeat: Callable[
    [
        "ctypes._Pointer[Store]",
    ],
    None,
] = bind(
    "keyfold_store_heartbeat",
    ctypes.c_int32,
    [
        StoreHandle,
    ],
    _check,
)
"""Seals the store anew with its time, so that readers who refuse an old state go on.

- store [in, shared]

Raises for: INVALID_HANDLE, ACCESS_DENIED, FORKED, STORE_READ_ONLY, STORE_BUSY, STORE_INTEGRITY, STORE_IO,
STORE_FULL.
Threads: any. Since 0.1.
"""

require_abi(keyfold_abi_version(), ABI_VERSION)
