"""Roots of trust: what protects a store's secret."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Union

from . import _native
from ._library import Encoded, encoded
from ._buffers import Data, reading, writing
from ._managed import Managed


def path_text(path: str | os.PathLike[str]) -> str:
    """A path as the library takes it: UTF-8."""
    text = os.fspath(path)
    if not isinstance(text, str):
        raise TypeError("a path must be str or os.PathLike[str], not bytes")
    return text


def path_encoded(path: str | os.PathLike[str]) -> Encoded:
    """The same, ready for C."""
    return encoded(path_text(path), "path")


class KeyFile:
    """A root kept in a file of its own, which must not lie with the store nor be readable by others.

    The file is read by the calls that take the root, and its protection checked then; `RootUnsafe` says how to mend
    what is wrong.

    :param path: the file, made with `KeyFile.create` or ``keyfold init``
    :param allow_readable: accepts a file, or a folder of it, that other users can read
    :param allow_beside_store: accepts a file in the store's own folder, or below it
    """

    __slots__ = ("path", "_flags")

    def __init__(
        self, path: str | os.PathLike[str], *, allow_readable: bool = False, allow_beside_store: bool = False
    ) -> None:
        self.path = path_text(path)
        self._flags = (_native.KEY_FILE_ALLOW_READABLE if allow_readable else 0) | (
            _native.KEY_FILE_ALLOW_BESIDE_STORE if allow_beside_store else 0
        )

    @classmethod
    def create(cls, path: str | os.PathLike[str]) -> KeyFile:
        """Makes a new key file. Keep it, and a copy of it, apart from the store: without it nothing opens.

        :raises KeyfoldError: `FILE_EXISTS` where something is at `path` already
        """
        _native.keyfold_root_create_key_file(path_encoded(path))
        return cls(path)

    def _open(self) -> Any:
        handle = _native.RootHandle()
        _native.keyfold_root_open_key_file(
            encoded(self.path, "path"), _native.KeyFileOptions(flags=self._flags), handle
        )
        return handle

    def __repr__(self) -> str:
        return f"KeyFile({self.path!r})"


class Passphrase(Managed):
    """A passphrase as a root. It is copied into locked memory; the caller's own copy stays the caller's.

    :param secret: 1 to 1,024 bytes, taken as they are; encode text as UTF-8
    :param wipe: overwrites `secret` with zeros, which must then be writable (a `bytearray`)
    """

    __slots__ = ()
    _what = "passphrase"
    _warns = False

    def __init__(self, secret: Data, *, wipe: bool = False) -> None:
        handle = _native.RootHandle()
        with writing(secret, "secret") if wipe else reading(secret, "secret") as (pointer, size):
            try:
                _native.keyfold_root_open_passphrase(pointer, size, handle)
            finally:
                if wipe and size:
                    ctypes.memset(pointer, 0, size)
        super().__init__(handle)

    @staticmethod
    def _end(handle: Any) -> None:
        _native.keyfold_root_close(handle)

    def _open(self) -> Any:
        return self._handle


Root = Union[KeyFile, Passphrase]
"""What `keyfold.open` and its kin take as a root."""


class opened:
    """A root's handle for one call; a key file's is closed again at once."""

    def __init__(self, root: Root) -> None:
        if not isinstance(root, (KeyFile, Passphrase)):
            raise TypeError(f"root must be a KeyFile or a Passphrase, not {type(root).__name__}")
        self._root = root

    def __enter__(self) -> Any:
        self._handle = self._root._open()
        return self._handle

    def __exit__(self, *_: object) -> None:
        if isinstance(self._root, KeyFile):
            _native.keyfold_root_close(self._handle)
