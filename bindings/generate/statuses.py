"""What the bindings call each status: the one table of error classes and sentinels.

Categories are the hundreds of the number. A class of its own stands only where a caller reacts differently.
"""

from __future__ import annotations

from dataclasses import dataclass

from .model import Header, HeaderError

PREFIX = "KEYFOLD_STATUS_"
RETRYABLE = "Trying again may help."

# Hundreds of the number -> (what it is, Python class, Go sentinel).
CATEGORIES = {
    1: ("the caller's mistake", "UsageError", "ErrUsage"),
    2: ("a key's state or policy", "KeyPolicyError", "ErrKeyPolicy"),
    3: ("the data", "InvalidCiphertext", "ErrInvalidCiphertext"),
    4: ("a root", "RootError", "ErrRoot"),
    5: ("the store, or a file", "StoreError", "ErrStore"),
    9: ("the library or the system", "InternalError", "ErrLibrary"),
}

# Statuses with a Python class of their own -> (class, further bases).
REACTIONS = {
    "INVALID_HANDLE": ("InvalidHandle", "ValueError"),
    "INVALID_ARGUMENT": ("InvalidArgument", "ValueError"),
    "BUFFER_TOO_SMALL": ("BufferTooSmall", "ValueError"),
    "BUSY": ("Busy", ""),
    "FORKED": ("Forked", ""),
    "INVALID_CONTEXT": ("InvalidContext", "ValueError"),
    "CANCELLED": ("Cancelled", ""),
    "STREAM_ENDED": ("StreamEnded", "ValueError"),
    "STREAM_UNFINISHED": ("StreamUnfinished", ""),
    "CALLBACK_FAILED": ("CallbackFailed", ""),
    "KEY_NOT_FOUND": ("KeyNotFound", ""),
    "KEY_DISABLED": ("KeyDisabled", ""),
    "ALREADY_EXISTS": ("AlreadyExists", ""),
    "KEY_NOT_ALLOWED": ("KeyNotAllowed", ""),
    "INVALID_NAME": ("InvalidName", "ValueError"),
    "CONTEXT_REQUIRED": ("ContextRequired", ""),
    "INVALID_KEY_STATE": ("InvalidKeyState", ""),
    "ACCESS_DENIED": ("AccessDenied", ""),
    "KEY_DESTROYED": ("KeyDestroyed", ""),
    "CRYPTOPERIOD_ENDED": ("CryptoperiodEnded", ""),
    "INVALID_KEY_USAGE": ("InvalidKeyUsage", ""),
    "INCORRECT_KEY_MATERIAL": ("IncorrectKeyMaterial", ""),
    "EXPIRED_IMPORT_TOKEN": ("ExpiredImportToken", ""),
    "INVALID_MAC": ("InvalidMac", ""),
    "UNSUPPORTED_OPERATION": ("UnsupportedOperation", ""),
    "GRANT_NOT_FOUND": ("GrantNotFound", ""),
    "APPROVAL_REQUIRED": ("ApprovalRequired", ""),
    "KEY_STOPPED": ("KeyStopped", ""),
    "AUTH": ("AuthenticationError", ""),
    "ROOT_NOT_FOUND": ("RootNotFound", ""),
    "ROOT_MISMATCH": ("RootMismatch", ""),
    "ROOT_UNSAFE": ("RootUnsafe", ""),
    "STORE_NOT_FOUND": ("StoreNotFound", ""),
    "STORE_EXISTS": ("StoreExists", ""),
    "STORE_INTEGRITY": ("StoreIntegrityError", ""),
    "STORE_BUSY": ("StoreBusy", ""),
    "STORE_READ_ONLY": ("StoreReadOnly", ""),
    "STORE_ROLLED_BACK": ("StoreRolledBack", ""),
    "STORE_FORKED": ("StoreForked", ""),
    "ANCHOR_UNAVAILABLE": ("AnchorUnavailable", ""),
    "TRAIL_UNAVAILABLE": ("TrailUnavailable", ""),
    "TRAIL_INVALID": ("TrailInvalid", ""),
    "BACKUP_INVALID": ("BackupInvalid", ""),
    "OUT_OF_MEMORY": ("OutOfMemory", "MemoryError"),
}

# Words that Go writes in capitals.
INITIALISMS = {"io": "IO", "utf8": "UTF8", "id": "ID", "abi": "ABI", "mac": "MAC"}


@dataclass(frozen=True)
class Status:
    """One status, with its names in every language."""

    number: int
    name: str
    meaning: str
    retryable: bool
    category: int
    python: str
    python_base: str
    go: str


def camel(name: str) -> str:
    """SCREAMING_SNAKE or snake as Go writes it."""
    return "".join(INITIALISMS.get(w, w.capitalize()) for w in name.lower().split("_"))


def statuses(header: Header) -> list[Status]:
    """All statuses, in the order of their numbers."""
    enum = header.enum("keyfold_status")
    if enum is None:
        raise HeaderError(header.path, 1, "enum keyfold_status is missing")
    names = {v.name.removeprefix(PREFIX) for v in enum.values}
    for name in REACTIONS:
        if name not in names:
            raise HeaderError(
                header.path, enum.line, f"the bindings have a class for {name}, which is no status"
            )
    found = []
    for value in enum.values:
        if not value.name.startswith(PREFIX):
            raise HeaderError(header.path, enum.line, f"{value.name} does not begin {PREFIX}")
        name, category = value.name.removeprefix(PREFIX), value.number // 100
        if value.number and category not in CATEGORIES:
            raise HeaderError(
                header.path, enum.line, f"{value.name} is in a category the bindings do not know"
            )
        meaning = " ".join([value.doc.summary, *value.doc.body])
        if not meaning:
            raise HeaderError(header.path, enum.line, f"{value.name} has no doc comment")
        general = CATEGORIES[category][1] if value.number else "KeyfoldError"
        own, base = REACTIONS.get(name, (general, ""))
        found.append(
            Status(
                number=value.number,
                name=name,
                meaning=meaning.replace(RETRYABLE, "").strip(),
                retryable=RETRYABLE in meaning,
                category=category,
                python=own,
                python_base=base,
                go=f"Err{camel(name)}",
            )
        )
    return found
