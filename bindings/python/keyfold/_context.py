"""The encryption context: string pairs that are authenticated with the data, and never secret."""

from __future__ import annotations

import ctypes
from typing import Iterator, Mapping, Union

from . import _native
from ._buffers import Pointer, fresh


class Context(Mapping[str, str]):
    """An encryption context, packed once for any number of calls.

    Every call takes a plain mapping as well; a `Context` saves packing it each time.

    >>> row = Context({"table": "cards", "column": "pan"})
    >>> row["table"]
    'cards'
    >>> Context({"table": 7})
    Traceback (most recent call last):
        ...
    TypeError: an encryption context has str names and str values; 'table' has a value of type int
    """

    __slots__ = ("_packed", "_pairs")

    def __init__(self, pairs: Mapping[str, str]) -> None:
        self._pairs = dict(pairs)
        self._packed = _pack(self._pairs)

    @classmethod
    def unpack(cls, packed: bytes) -> Context:
        """The context of a packed block; `InvalidContext` unless it is the canonical encoding."""
        _native.keyfold_context_check(packed, len(packed))
        pairs, at = {}, 2
        while at < len(packed):
            texts = []
            for _ in range(2):
                size = int.from_bytes(packed[at : at + 2], "big")
                texts.append(packed[at + 2 : at + 2 + size].decode("utf-8"))
                at += 2 + size
            pairs[texts[0]] = texts[1]
        return cls(pairs)

    def require(self, *names: str) -> None:
        """Raises `ContextRequired` unless each of these names has a value here.

        For the names a program never goes without: an envelope that was encrypted without one opens without it.
        """
        block = names_only(names)
        _native.keyfold_context_require(self._packed, len(self._packed), block, len(block))

    def pack(self) -> bytes:
        """The canonical encoding, the same in every language."""
        return self._packed

    def __getitem__(self, name: str) -> str:
        return self._pairs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pairs)

    def __len__(self) -> int:
        return len(self._pairs)

    def __repr__(self) -> str:
        return f"Context({self._pairs!r})"


ContextLike = Union[Context, Mapping[str, str], None]
"""What every call takes as a context: None is the empty one."""


def packed(context: ContextLike) -> bytes | None:
    """A context as C takes it."""
    if context is None:
        return None
    if isinstance(context, Context):
        return context._packed
    if not isinstance(context, Mapping):
        raise TypeError(f"context must be a mapping of str to str, not {type(context).__name__}")
    return _pack(context)


def length(block: bytes | None) -> int:
    """Bytes of a packed context."""
    return 0 if block is None else len(block)


def names_only(names: object) -> bytes:
    """The block that says which names' values are stored."""
    if isinstance(names, (str, bytes)) or not hasattr(names, "__iter__"):
        raise TypeError('store_context is "none", "names", "all" or a collection of names')
    return _pack(dict.fromkeys(names, ""))


def _pack(pairs: Mapping[str, str]) -> bytes:
    array = (_native.Pair * len(pairs))()
    keep = []
    for entry, (name, value) in zip(array, pairs.items()):
        if not isinstance(name, str):
            raise TypeError(
                f"an encryption context has str names and str values; a name is of type {type(name).__name__}"
            )
        if not isinstance(value, str):
            raise TypeError(
                f"an encryption context has str names and str values; {name!r} has a value of type"
                f" {type(value).__name__}"
            )
        name_bytes, value_bytes = name.encode("utf-8"), value.encode("utf-8")
        keep += [name_bytes, value_bytes]
        entry.name, entry.name_len = _address(name_bytes), len(name_bytes)
        entry.value, entry.value_len = _address(value_bytes), len(value_bytes)
    size = 2 + sum(2 + len(text) for text in keep)
    n = ctypes.c_size_t()

    def fill(address: Pointer, capacity: int) -> int:
        _native.keyfold_context_pack(array, len(pairs), address, capacity, n)
        return n.value

    return fresh(size, fill)


def _address(text: bytes) -> int | None:
    return ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value
