"""Encrypted files by their path, and where in an envelope a range of its message lies."""

from __future__ import annotations

import ctypes
import os
from typing import TYPE_CHECKING, Any, Literal, Sequence, Union, overload

from . import _native
from ._buffers import Data, reading
from ._context import ContextLike
from ._key import Key
from ._library import checked_unsigned
from ._options import StoreContext
from ._reader import EncryptedFile, EncryptedReader
from ._roots import path_text
from ._store import Store

if TYPE_CHECKING:
    Path = Union[str, "os.PathLike[str]"]


@overload
def open_encrypted(
    path: Path,
    key: Key | Store,
    mode: Literal["rb"] = "rb",
    *,
    context: ContextLike = None,
    accept_stored_context: bool = False,
    threads: int = 0,
) -> EncryptedReader: ...
@overload
def open_encrypted(
    path: Path,
    key: Key,
    mode: Literal["wb"],
    *,
    context: ContextLike = None,
    store_context: StoreContext = "none",
    also: Sequence[Key] = (),
    free_cells: int = 0,
    threads: int = 0,
) -> EncryptedFile: ...
def open_encrypted(
    path: Path,
    key: Key | Store,
    mode: str = "rb",
    *,
    context: ContextLike = None,
    accept_stored_context: bool = False,
    store_context: StoreContext = "none",
    also: Sequence[Key] = (),
    free_cells: int = 0,
    threads: int = 0,
) -> EncryptedReader | EncryptedFile:
    """Opens an encrypted file as `open` opens others.

    With "rb" it can be read at any place. With "wb" it is written anew under another name, which takes this one's place
    when it is closed; a `with` block that an exception leaves leaves a file of that name as it was.

    :param key: a key; for "rb" a store does too, whichever key of it opens the file
    :param context: as for `Key.encrypt` and `Key.decrypt`
    """
    if mode == "rb":
        if store_context != "none" or also or free_cells:
            raise ValueError('store_context, also and free_cells are for mode "wb"')
        return key.reader(
            path_text(path), context=context, accept_stored_context=accept_stored_context, threads=threads
        )
    if mode != "wb":
        raise ValueError(f'mode is "rb" or "wb", not {mode!r}')
    if accept_stored_context:
        raise ValueError('accept_stored_context is for mode "rb"')
    if not isinstance(key, Key):
        raise TypeError(f"a keyfold.Key is needed to write, not {type(key).__name__}")
    writes: Any = dict(
        context=context, store_context=store_context, also=also, free_cells=free_cells, threads=threads
    )
    return EncryptedFile(path_text(path), lambda file: key.encrypting(file, **writes))


def ciphertext_range(head: Data, envelope_size: int, offset: int, size: int) -> tuple[int, int]:
    """Which bytes of an envelope must be fetched to read a range of its message: (offset, size).

    They are whole chunks; needs no key and authenticates nothing.

    :param head: the envelope's first bytes, 44 or more
    :param size: a range that reaches beyond the end ends with the last chunk
    """
    at, n = ctypes.c_uint64(), ctypes.c_uint64()
    numbers = [
        checked_unsigned(*one)
        for one in (("envelope_size", envelope_size), ("offset", offset), ("size", size))
    ]
    with reading(head, "head") as (pointer, head_len):
        _native.keyfold_ciphertext_range(pointer, head_len, numbers[0], numbers[1], numbers[2], at, n)
    return at.value, n.value
