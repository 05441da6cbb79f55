"""A key store: what keys there are, and what opens their envelopes."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Iterator, Mapping, Sequence, Union

from . import _native
from ._buffers import Data, Pointer, fresh, reading, writing
from ._context import Context, ContextLike, length, packed
from ._library import Encoded, Unsigned, checked_unsigned, encoded, encoded_or_none
from ._key import Key, handles
from ._manage import Management, Policy, pages
from ._options import StoreContext, decrypt_options, reencrypt_options
from ._reader import EncryptedReader, Readable, reader
from ._roots import Root, opened as root_opened, path_encoded
from ._streams import DecryptingReader, Source, decrypting
from ._types import (
    AliasMetadata,
    KeyMetadata,
    KeyVersion,
    Opened,
    Rewrapped,
    RootSlot,
    StoreInfo,
    json_text,
    key_id_text,
    opened,
    record,
    rewrapped,
    taken,
    told,
)
from ._trail import Trail
from ._work import Cancel, Progress, Working, unwatched, watched

Lister = Callable[[Any, Union[Encoded, None], Unsigned, _native.Buffer], None]


class Store(Management):
    """An open key store, for any number of threads. Made by `keyfold.open`, `keyfold.init`, `keyfold.in_memory`.

    A key is named by its id, by ``alias/NAME``, or by NAME alone. Keys opened from a store stay usable after it is
    closed. What a forked child may do with a store is told in docs/EMBEDDING.md.
    """

    __slots__ = ()
    _what = "store"

    @staticmethod
    def _end(handle: Any) -> None:
        _native.keyfold_store_close(handle)

    def key(self, name: str) -> Key:
        """Opens a key for use.

        :raises KeyNotFound: there is no such key
        """
        handle = _native.KeyHandle()
        _native.keyfold_key_open(self._handle, encoded(name, "name"), handle)
        return Key(handle)

    def info(self) -> StoreInfo:
        """Identity and state of the store."""
        return record(StoreInfo, told(lambda out: _native.keyfold_store_info(self._handle, out)))

    @property
    def trail(self) -> Trail:
        """The store's trail: reading, verifying and exporting it, and where it goes besides."""
        return Trail(self)

    def verify(self) -> int:
        """Reads everything in the store and verifies it; returns the number of keys."""
        count = ctypes.c_uint64()
        _native.keyfold_store_verify(self._handle, count)
        return count.value

    # Keys.

    def create_key(
        self,
        alias: str | None = None,
        *,
        description: str = "",
        spec: str = "SYMMETRIC_DEFAULT",
        external: bool = False,
        tags: Mapping[str, str] | None = None,
        policy: Policy | None = None,
    ) -> KeyMetadata:
        """Makes a key with its first version.

        :param spec: "SYMMETRIC_DEFAULT" encrypts; "HMAC_256", "HMAC_384" and "HMAC_512" make MACs; "HPKE_X25519" and
            "HPKE_X_WING" are sealing keys
        :param external: makes it without material, to be imported (`parameters_for_import`)
        :param tags: not secret
        :raises AlreadyExists: the alias is taken
        """
        options = _key_options(description, tags, policy, spec=spec, external=external)
        return self._key(
            lambda out: _native.keyfold_key_create(
                self._handle, encoded_or_none(alias, "alias"), options, out
            )
        )

    def import_key_material(
        self,
        material: Data,
        alias: str | None = None,
        *,
        description: str = "",
        spec: str = "SYMMETRIC_DEFAULT",
        tags: Mapping[str, str] | None = None,
        policy: Policy | None = None,
    ) -> KeyMetadata:
        """Makes a key whose first version is random bytes of the caller's own: exactly 32 for SYMMETRIC_DEFAULT."""
        options = _key_options(description, tags, policy, spec=spec)
        text = encoded_or_none(alias, "alias")
        with reading(material, "material") as (pointer, size):
            return self._key(
                lambda out: _native.keyfold_key_import_material(
                    self._handle, text, pointer, size, options, out
                )
            )

    def describe_key(self, name: str) -> KeyMetadata:
        """A key with all its versions."""
        return self._key(lambda out: _native.keyfold_key_describe(self._handle, encoded(name, "name"), out))

    def keys(self, *, page_size: int = 100) -> Iterator[KeyMetadata]:
        """All keys, in a fixed order, read a page at a time."""
        for entry in self._pages(_native.keyfold_key_list, "keys", page_size):
            yield record(KeyMetadata, entry)

    def enable_key(self, name: str) -> KeyMetadata:
        """Lets a key be used again."""
        return self._key(lambda out: _native.keyfold_key_enable(self._handle, encoded(name, "name"), out))

    def disable_key(self, name: str) -> KeyMetadata:
        """Stops every use of a key, through handles that are open as well, until it is enabled."""
        return self._key(lambda out: _native.keyfold_key_disable(self._handle, encoded(name, "name"), out))

    def rotate_key(self, name: str) -> KeyVersion:
        """Adds a version, which new envelopes use at once; older ones go on opening what they sealed."""
        made = _native.KeyVersion()
        _native.keyfold_key_rotate(self._handle, encoded(name, "name"), made)
        return KeyVersion(key_id_text(made.key_id), made.version, bytes(made.material_id).hex())

    def export_key(self, name: str, *, under: str) -> bytes:
        """A whole key, wrapped under another that the other store must hold too."""
        names = encoded(name, "name"), encoded(under, "under")
        return taken(lambda out: _native.keyfold_key_export(self._handle, *names, out))

    def import_key(self, exported: Data) -> KeyMetadata:
        """Takes a key that `export_key` made; its id, version numbers and material ids stay the same."""
        with reading(exported, "exported") as (pointer, size):
            return self._key(lambda out: _native.keyfold_key_import(self._handle, pointer, size, out))

    # Aliases.

    def aliases(self, *, page_size: int = 100) -> Iterator[AliasMetadata]:
        """All aliases, in a fixed order, read a page at a time."""
        for entry in self._pages(_native.keyfold_alias_list, "aliases", page_size):
            yield record(AliasMetadata, entry)

    def create_alias(self, alias: str, name: str) -> KeyMetadata:
        """Gives a key another name."""
        names = encoded(alias, "alias"), encoded(name, "name")
        return self._key(lambda out: _native.keyfold_alias_create(self._handle, *names, out))

    def move_alias(self, alias: str, name: str) -> KeyMetadata:
        """Moves an alias to another key, in one transaction."""
        names = encoded(alias, "alias"), encoded(name, "name")
        return self._key(lambda out: _native.keyfold_alias_move(self._handle, *names, out))

    def delete_alias(self, alias: str) -> None:
        """Removes an alias; its key stays."""
        _native.keyfold_alias_delete(self._handle, encoded(alias, "alias"))

    # Roots.

    def roots(self) -> list[RootSlot]:
        """The roots that can open the store."""
        slots = told(lambda out: _native.keyfold_store_list_roots(self._handle, out))
        return [record(RootSlot, slot) for slot in slots]

    def add_root(self, root: Root, *, principal: str | None = None, admin: bool = False) -> RootSlot:
        """Adds a root beside those there are.

        :param principal: whoever opens the store through this root is this one, and can be no other
        :param admin: its slot bears the admin seed; the first such root makes the store one that only admin roots change
        """
        options = _native.SlotOptions(flags=_native.SLOT_ADMIN if admin else 0, principal=principal)
        with root_opened(root) as handle:
            return record(
                RootSlot,
                told(lambda out: _native.keyfold_store_add_root_as(self._handle, handle, options, out)),
            )

    def remove_root(self, slot_id: str) -> None:
        """Removes a root; never the last."""
        _native.keyfold_store_remove_root(self._handle, encoded(slot_id, "slot_id"))

    def change_root(self, root: Root, *, slot_id: str | None = None) -> RootSlot:
        """Puts a root in the place of another (None: of the one that opened this store), in one transaction."""
        slot = encoded_or_none(slot_id, "slot_id")
        with root_opened(root) as handle:
            return record(
                RootSlot,
                told(lambda out: _native.keyfold_store_change_root(self._handle, slot, handle, out)),
            )

    # Envelopes of any key.

    def decrypt(
        self,
        envelope: Data,
        *,
        keys: Sequence[Key] | None = None,
        context: ContextLike = None,
        accept_stored_context: bool = False,
        threads: int = 0,
    ) -> Opened:
        """Decrypts under any of `keys`, or, without them, under whichever key of this store opens the envelope.

        Prefer `Key.decrypt` where one key is meant: here look at the result's `key_id` wherever it matters.

        :raises AuthenticationError: wrong key, wrong context or changed data; one answer for all
        """
        block, n = packed(context), ctypes.c_size_t()
        report, some = _native.Opened(), None if keys is None else handles(keys)
        with reading(envelope, "envelope") as (pointer, size):
            working = None if unwatched(threads, size) else Working(threads)
            options = decrypt_options(accept_stored_context, working)
            _native.keyfold_decrypted_size(pointer, size, n)

            def call(address: Pointer, capacity: int) -> int:
                rest = (pointer, size, block, length(block), options, address, capacity, n, report)
                if some is None:
                    _native.keyfold_decrypt_any(self._handle, *rest)
                else:
                    _native.keyfold_decrypt_with_keys(some, len(some), *rest)
                return n.value

            return opened(fresh(n.value, watched(working, call)), report)

    def decrypting(
        self,
        source: Source,
        *,
        keys: Sequence[Key] | None = None,
        context: ContextLike = None,
        accept_stored_context: bool = False,
        threads: int = 0,
    ) -> DecryptingReader:
        """As `Key.decrypting`, under any of `keys`, or whichever key of this store opens it: look at the reader's `key_id`."""
        begin: Callable[..., None]
        if keys is None:
            first: tuple[Any, ...] = (self._handle,)
            begin = _native.keyfold_stream_decrypt_any
        else:
            first = (handles(keys), len(keys))
            begin = _native.keyfold_stream_decrypt
        return decrypting(begin, first, source, context, accept_stored_context, threads)

    def reader(
        self,
        source: Readable,
        *,
        size: int | None = None,
        context: ContextLike = None,
        accept_stored_context: bool = False,
        threads: int = 0,
    ) -> EncryptedReader:
        """As `Key.reader`, under whichever key of this store opens it: look at the reader's `key_id`."""
        calls = _native.keyfold_reader_open_fd_any, _native.keyfold_reader_open_any
        return reader(*calls, (self._handle,), source, size, context, accept_stored_context, threads)

    def decrypt_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        context: ContextLike = None,
        accept_stored_context: bool = False,
        threads: int = 0,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> int:
        """As `Key.decrypt_file`, under whichever key of this store opens it."""
        working, n, block = Working(threads, progress, cancel), ctypes.c_uint64(), packed(context)
        options = decrypt_options(accept_stored_context, working)
        paths = path_encoded(source), path_encoded(target)
        working.run(
            lambda _: _native.keyfold_decrypt_file_any(
                self._handle, *paths, block, length(block), options, n, None
            )
        )
        return n.value

    def authenticated_context(
        self, envelope: Data, *, context: ContextLike = None, accept_stored_context: bool = False
    ) -> Context:
        """The whole context of an envelope that `decrypt` would open, without its message."""
        options, block = decrypt_options(accept_stored_context), packed(context)
        with reading(envelope, "envelope") as (pointer, size):
            made = taken(
                lambda out: _native.keyfold_authenticated_context_any(
                    self._handle, pointer, size, block, length(block), options, out
                )
            )
        return Context.unpack(made)

    def decrypt_data_key(
        self, blob: Data, *, context: ContextLike = None, accept_stored_context: bool = False
    ) -> bytearray:
        """Opens the blob of a data key under whichever key of this store opens it."""
        options, block, n = decrypt_options(accept_stored_context), packed(context), ctypes.c_size_t()
        with reading(blob, "blob") as (pointer, size):
            _native.keyfold_data_key_size(pointer, size, n)
            key = bytearray(n.value)
            with writing(key) as (address, capacity):
                _native.keyfold_decrypt_data_key_any(
                    self._handle, pointer, size, block, length(block), options, address, capacity, n, None
                )
        return key

    def rewrap(self, data: Data, *, context: ContextLike = None) -> bytes:
        """The same envelope or blob with every wrapping of this store brought to its key's current version."""
        block = packed(context)
        with reading(data) as (pointer, size):
            made = bytearray(ctypes.string_at(pointer, size) if size else b"")
        with writing(made) as (address, size):
            _native.keyfold_rewrap_any(self._handle, address, size, block, length(block), None)
        return bytes(made)

    def rewrap_file(self, path: str | os.PathLike[str], *, context: ContextLike = None) -> Rewrapped:
        """As `Key.rewrap_file`, for the wrappings of every key of this store."""
        block, report = packed(context), _native.Rewrapped()
        _native.keyfold_rewrap_file_any(self._handle, path_encoded(path), block, length(block), report)
        return rewrapped(report)

    def reencrypt(
        self,
        envelope: Data,
        *,
        to: Sequence[Key],
        context: ContextLike = None,
        new_context: ContextLike = None,
        store_context: StoreContext = "none",
        accept_stored_context: bool = False,
        drop_unreachable: bool = False,
        free_cells: int = 0,
    ) -> bytes:
        """As `Key.reencrypt`, for an envelope under any key of this store."""
        block, new_block, target = packed(context), packed(new_context), handles(to)
        options, chosen = reencrypt_options(
            store_context, accept_stored_context, drop_unreachable, free_cells
        )
        with reading(envelope, "envelope") as (pointer, size):
            return taken(
                lambda out: _native.keyfold_reencrypt_any(
                    self._handle,
                    pointer,
                    size,
                    block,
                    length(block),
                    target,
                    len(target),
                    new_block,
                    length(new_block),
                    chosen,
                    length(chosen),
                    options,
                    out,
                )
            )

    def explain(
        self,
        envelope: Data,
        *,
        key: Key | None = None,
        context: ContextLike = None,
        total_len: int | None = None,
    ) -> dict[str, Any]:
        """Why an envelope or blob opens or does not, as a tree of reasons, without producing its message.

        :param key: explains what `Key.decrypt` would say; None what `decrypt` would
        :param total_len: the whole size, where `envelope` is only its first 64 KiB
        """
        block, raw = packed(context), None if key is None else key._handle
        whole = checked_unsigned("total_len", total_len or 0)
        with reading(envelope, "envelope") as (pointer, size):
            report: dict[str, Any] = told(
                lambda out: _native.keyfold_explain(
                    self._handle, raw, pointer, size, whole, block, length(block), out
                )
            )
        return report

    # Small things.

    def _pages(self, call: Lister, name: str, page_size: int) -> Iterator[dict[str, Any]]:
        return pages(lambda after, limit, out: call(self._handle, after, limit, out), name, page_size)


def _key_options(
    description: str,
    tags: Mapping[str, str] | None,
    policy: Policy | None,
    *,
    spec: str,
    external: bool = False,
) -> _native.KeyOptions:
    return _native.KeyOptions(
        flags=_native.KEY_EXTERNAL if external else 0,
        description=description,
        spec=spec,
        tags=None if tags is None else json_text(dict(tags)),
        policy=None if policy is None else json_text(policy),
    )
