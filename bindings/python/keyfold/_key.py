"""A key of a store: the data path."""

from __future__ import annotations

import ctypes
import functools
import os
from itertools import accumulate
from typing import Any, Callable, Iterable, Sequence

from . import _native
from ._buffers import Data, Fill, Pointer, fresh, reading, writing
from ._context import Context, ContextLike, length, packed
from ._library import checked_unsigned, encoded
from ._managed import Managed
from ._options import (
    StoreContext,
    decrypt_options,
    millis,
    one_of_three,
    reencrypt_options,
    size_asked,
    stored,
)
from ._roots import path_encoded
from ._reader import EncryptedReader, Readable, reader
from ._streams import (
    NO_SOURCE,
    DecryptingReader,
    EncryptingWriter,
    Sink,
    Source,
    decrypting,
    encrypting,
    writer,
)
from ._types import DataKey, Rewrapped, key_id_text, rewrapped, taken
from ._work import Cancel, Progress, Working, unwatched, watched


class Key(Managed):
    """A key, ready for use by any number of threads. Made by `Store.key`.

    It stays this key when its aliases move, and follows rotation, disabling and enabling by itself. Data may be any
    object with one contiguous block of memory: `bytes`, `bytearray`, `memoryview`, `array`, numpy, `mmap`. It must not
    change while a call reads it; if another thread writes to it meanwhile, what is encrypted is some mixture.
    """

    __slots__ = ()
    _what = "key"

    @staticmethod
    def _end(handle: Any) -> None:
        _native.keyfold_key_close(handle)

    @property
    def id(self) -> str:
        """The key's id, a UUID."""
        raw = (ctypes.c_uint8 * _native.KEY_ID_SIZE)()
        _native.keyfold_key_id(self._handle, ctypes.addressof(raw))
        return key_id_text(raw)

    def narrow(
        self,
        *,
        operations: Iterable[str] = (),
        context_equals: ContextLike = None,
        context_subset: ContextLike = None,
        uses: int | None = None,
        seconds: float | None = None,
    ) -> Key:
        """Another handle on the same key with fewer rights, to hand on; this one stays as it is.

        It can be narrowed further, and never widened. All that is given holds together.

        :param operations: names of the uses that stay allowed, such as ``["Encrypt"]``; none: all
        :param context_equals: the context must be exactly this
        :param context_subset: or must have these pairs
        :param uses: so many uses at most, refused ones not counted
        :param seconds: from now until it ends
        """
        if isinstance(operations, str):
            raise TypeError("operations is a collection of names, not one str")
        if uses is not None and uses < 1:
            raise ValueError("uses is 1 or more")
        names = ",".join(operations) or None
        to = _native.Narrowing(operations=names, uses=uses or 0, millis=millis("seconds", seconds))
        equals = None if context_equals is None else packed(context_equals) or b"\0\0"
        subset = packed(context_subset)
        handle = _native.KeyHandle()
        _native.keyfold_key_narrow(self._handle, equals, length(equals), subset, length(subset), to, handle)
        return Key(handle)

    def dry_run(self, operation: str, *, context: ContextLike = None) -> None:
        """Raises what the operation through this handle would be refused with; returns where it would be permitted.

        What the handle was narrowed to is asked first.
        """
        block = packed(context)
        _native.keyfold_key_dry_run(self._handle, encoded(operation, "operation"), block, length(block))

    # Message authentication codes, and the public half of a sealing key.

    def generate_mac(self, message: Data) -> bytes:
        """The message authentication code of a message under an HMAC key's current version.

        :raises InvalidKeyUsage: the key is not for MACs
        """
        n = ctypes.c_size_t()
        with reading(message, "message") as (pointer, size):

            def call(out: Pointer, capacity: int) -> int:
                _native.keyfold_generate_mac(self._handle, pointer, size, out, capacity, n)
                return n.value

            return fresh(_native.MAC_MAX_SIZE, call)

    def verify_mac(self, message: Data, mac: Data) -> None:
        """Raises `InvalidMac` unless the code is that of the message, under the version it names."""
        with reading(message, "message") as (pointer, size), reading(mac, "mac") as (code, code_len):
            _native.keyfold_verify_mac(self._handle, pointer, size, code, code_len)

    def public_key(self) -> bytes:
        """The public half of a sealing key's current version, for `keyfold.seal` elsewhere.

        It is not secret, and not authenticated by itself: bring it over a channel you trust.
        """
        return taken(lambda out: _native.keyfold_key_public(self._handle, out))

    # Messages.

    def encrypt(
        self,
        data: Data,
        *,
        context: ContextLike = None,
        store_context: StoreContext = "none",
        also: Sequence[Key] = (),
        free_cells: int = 0,
        threads: int = 0,
    ) -> bytes:
        """Encrypts a message under a data key of its own.

        >>> import keyfold
        >>> with keyfold.in_memory() as store:
        ...     _ = store.create_key("cards")
        ...     with store.key("cards") as cards:
        ...         sealed = cards.encrypt(b"4111 1111 1111 1111", context={"tenant": "acme"})
        ...         assert cards.decrypt(sealed, context={"tenant": "acme"}) == b"4111 1111 1111 1111"

        :param data: the message
        :param context: pairs that must be given again to decrypt; not secret
        :param store_context: what of the context the envelope shows
        :param also: further keys, any one of which opens the envelope too
        :param free_cells: room for so many later wrappings, 0 to 8; one lets `rewrap_file` work in place
        :param threads: that seal, this one among them; 0: one for each processor where the message is large (4 MiB)
        :raises KeyDisabled: the key is disabled
        :raises InvalidContext: the context breaks a limit
        """
        if type(data) is bytes:  # cannot move or change, so that nothing has to hold it
            return fresh(
                *self._encryption(data, len(data), context, store_context, also, free_cells, threads=threads)
            )
        with reading(data) as (pointer, size):
            return fresh(
                *self._encryption(pointer, size, context, store_context, also, free_cells, threads=threads)
            )

    def encrypt_into(
        self,
        data: Data,
        out: Data,
        *,
        context: ContextLike = None,
        store_context: StoreContext = "none",
        also: Sequence[Key] = (),
        free_cells: int = 0,
        threads: int = 0,
    ) -> int:
        """Encrypts into memory of the caller's and returns the envelope's size; `out` may be longer.

        :raises BufferTooSmall: `encrypted_size` tells what is needed; nothing was done
        :raises TypeError: `out` is not writable
        """
        with reading(data) as (pointer, size), writing(out) as (address, capacity):
            _, call = self._encryption(
                pointer, size, context, store_context, also, free_cells, ask=False, threads=threads
            )
            return call(address or 0, capacity)

    def encrypted_size(
        self,
        size: int,
        *,
        context: ContextLike = None,
        store_context: StoreContext = "none",
        also: Sequence[Key] = (),
        free_cells: int = 0,
    ) -> int:
        """The exact size of the envelope of a message of `size` bytes."""
        if type(size) is not int or not 0 <= size < 1 << 63:
            raise ValueError("size must be an int from 0 to 2**63 - 1")
        # With several keys, or chosen names, the library tells the size only of a message it is given: of the empty one,
        # and what a message adds is the same whatever the head.
        if also or not isinstance(store_context, str):
            head = self._encryption(None, 0, context, store_context, also, free_cells)[0]
            return head + _plain_size(size) - _plain_size(0)
        return self._encryption(None, size, context, store_context, (), free_cells)[0]

    def _encryption(
        self,
        pointer: bytes | int | None,
        size: int,
        context: ContextLike,
        store_context: StoreContext,
        also: Sequence[Key],
        free_cells: int,
        ask: bool = True,
        threads: int = 0,
    ) -> tuple[int, Fill]:
        """The capacity needed, and the call that encrypts into (pointer, capacity)."""
        handle, block, n = self._handle, packed(context), ctypes.c_size_t()
        block_len = length(block)
        working = None if pointer is None or unwatched(threads, size) else Working(threads)
        work = None if working is None else working.work
        if store_context == "none" and not also and not free_cells:
            plain = None if work is None else _native.EncryptOptions(work=work)

            def simple(address: Pointer, capacity: int) -> int:
                _native.keyfold_encrypt(handle, pointer, size, block, block_len, plain, address, capacity, n)
                return n.value

            return _plain_size(size) if ask else 0, watched(working, simple)

        kind, chosen = stored(store_context)
        options = _native.EncryptOptions(store_context=kind, free_cells=free_cells, work=work)
        keys = handles([self, *also])

        def general(address: Pointer | None, capacity: int) -> int:
            _native.keyfold_encrypt_to(
                keys,
                len(keys),
                pointer,
                size,
                block,
                block_len,
                chosen,
                length(chosen),
                options,
                address,
                capacity,
                n,
            )
            return n.value

        if not ask:
            return 0, watched(working, general)
        if not also and chosen is None:
            _native.keyfold_encrypted_size(checked_unsigned("size", size), block, block_len, options, n)
            return n.value, watched(working, general)
        return size_asked(n, lambda: general(None, 0)), watched(working, general)

    def decrypt(
        self,
        envelope: Data,
        *,
        context: ContextLike = None,
        accept_stored_context: bool = False,
        threads: int = 0,
    ) -> bytes:
        """Decrypts an envelope under this key, and no other.

        :param context: every pair that was given when it was encrypted
        :param accept_stored_context: lets the envelope itself give values it stores; read `authenticated_context`
            then and judge it, since an envelope moved to another row vouches for itself
        :param threads: that open, this one among them; 0: one for each processor where the message is large (4 MiB)
        :raises AuthenticationError: wrong key, wrong context or changed data; one answer for all
        :raises KeyNotAllowed: the envelope is under other keys than this
        :raises InvalidCiphertext: not an envelope, or a damaged one
        """
        if type(envelope) is bytes:
            return self._decrypted(envelope, len(envelope), context, accept_stored_context, threads)
        with reading(envelope, "envelope") as (pointer, size):
            return self._decrypted(pointer, size, context, accept_stored_context, threads)

    def _decrypted(
        self, pointer: Pointer, size: int, context: ContextLike, accept_stored_context: bool, threads: int
    ) -> bytes:
        working = None if unwatched(threads, size) else Working(threads)
        options = decrypt_options(accept_stored_context, working)
        handle, block = self._handle, packed(context)
        block_len, n = length(block), ctypes.c_size_t()
        _native.keyfold_decrypted_size(pointer, size, n)

        def call(out: Pointer, capacity: int) -> int:
            _native.keyfold_decrypt(handle, pointer, size, block, block_len, options, out, capacity, n)
            return n.value

        return fresh(n.value, watched(working, call))

    def decrypt_into(
        self,
        envelope: Data,
        out: Data,
        *,
        context: ContextLike = None,
        accept_stored_context: bool = False,
        threads: int = 0,
    ) -> int:
        """Decrypts into memory of the caller's and returns the message's size. If it fails, `out` is all zero."""
        block, n = packed(context), ctypes.c_size_t()
        with reading(envelope, "envelope") as (pointer, size), writing(out) as (address, capacity):
            working = None if unwatched(threads, size) else Working(threads)
            options = decrypt_options(accept_stored_context, working)

            def call(into: Pointer, room: int) -> int:
                _native.keyfold_decrypt(
                    self._handle, pointer, size, block, length(block), options, into, room, n
                )
                return n.value

            return watched(working, call)(address or 0, capacity)

    # Of any size.

    def encrypting(
        self,
        sink: Sink,
        *,
        context: ContextLike = None,
        store_context: StoreContext = "none",
        also: Sequence[Key] = (),
        free_cells: int = 0,
        threads: int = 0,
    ) -> EncryptingWriter:
        """A file-like object that encrypts what is written to it into `sink`, an object with a `write`.

        Its `close` writes the end; a `with` block that an exception leaves does not, so that what there is does not open.

        >>> import io, keyfold
        >>> with keyfold.in_memory() as store:
        ...     _ = store.create_key("files")
        ...     with store.key("files") as files:
        ...         sealed = io.BytesIO()
        ...         with files.encrypting(sealed) as out:
        ...             _ = out.write(b"of any ")
        ...             _ = out.write(b"size")
        ...         with files.decrypting(io.BytesIO(sealed.getvalue())) as message:
        ...             print(message.read())
        b'of any size'
        """
        keys = handles([self, *also])
        return encrypting(keys, sink, context, store_context, free_cells, threads)

    def decrypting(
        self,
        source: Source,
        *,
        context: ContextLike = None,
        accept_stored_context: bool = False,
        threads: int = 0,
    ) -> DecryptingReader:
        """A file-like object that reads the message of the envelope that `source`, an object with a `read`, gives.

        :raises AuthenticationError: by the read that meets it: the envelope was changed, or cut off
        """
        keys = handles([self])
        begin = _native.keyfold_stream_decrypt
        return decrypting(begin, (keys, 1), source, context, accept_stored_context, threads)

    def reader(
        self,
        source: Readable,
        *,
        size: int | None = None,
        context: ContextLike = None,
        accept_stored_context: bool = False,
        threads: int = 0,
    ) -> EncryptedReader:
        """Opens an envelope to be read at any place: a path, a descriptor, or a function of (offset, size) that gives bytes.

        :param size: bytes of the whole envelope, with a function
        """
        keys = (handles([self]), 1)
        calls = _native.keyfold_reader_open_fd, _native.keyfold_reader_open
        return reader(*calls, keys, source, size, context, accept_stored_context, threads)

    def encrypt_file(
        self,
        source: str | os.PathLike[str],
        target: str | os.PathLike[str],
        *,
        context: ContextLike = None,
        store_context: StoreContext = "none",
        also: Sequence[Key] = (),
        free_cells: int = 0,
        threads: int = 0,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
    ) -> int:
        """Encrypts a file into another, which is there whole in its old or its new state; returns the envelope's size.

        :param progress: told the bytes done and those of the whole; False stops it
        :raises Cancelled: `cancel` was set, or `progress` returned False
        """
        kind, chosen = stored(store_context)
        working, n, block = Working(threads, progress, cancel), ctypes.c_uint64(), packed(context)
        options = _native.EncryptOptions(store_context=kind, free_cells=free_cells, work=working.work)
        keys, paths = handles([self, *also]), (path_encoded(source), path_encoded(target))
        names = (chosen, length(chosen))
        working.run(
            lambda _: _native.keyfold_encrypt_file(
                keys, len(keys), *paths, block, length(block), *names, options, n
            )
        )
        return n.value

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
        """Decrypts a file into another, as `encrypt_file`; returns the message's size."""
        working, n, block = Working(threads, progress, cancel), ctypes.c_uint64(), packed(context)
        options = decrypt_options(accept_stored_context, working)
        keys, paths = handles([self]), (path_encoded(source), path_encoded(target))
        working.run(
            lambda _: _native.keyfold_decrypt_file(keys, 1, *paths, block, length(block), options, n, None)
        )
        return n.value

    def authenticated_context(
        self, envelope: Data, *, context: ContextLike = None, accept_stored_context: bool = False
    ) -> Context:
        """The whole context of an envelope that `decrypt` would open, without its message."""
        options, block = decrypt_options(accept_stored_context), packed(context)
        with reading(envelope, "envelope") as (pointer, size):
            made = taken(
                lambda out: _native.keyfold_authenticated_context(
                    self._handle, pointer, size, block, length(block), options, out
                )
            )
        return Context.unpack(made)

    # In the caller's own memory.

    def headroom(
        self, *, context: ContextLike = None, store_context: StoreContext = "none", free_cells: int = 0
    ) -> int:
        """How many bytes must be free before a message for `encrypt_in_place`."""
        kind, block, n = one_of_three(store_context), packed(context), ctypes.c_size_t()
        options = _native.EncryptOptions(store_context=kind, free_cells=free_cells)
        _native.keyfold_headroom(block, length(block), options, n)
        return n.value

    def encrypt_in_place(
        self,
        buffer: Data,
        offset: int,
        size: int,
        *,
        context: ContextLike = None,
        store_context: StoreContext = "none",
        free_cells: int = 0,
    ) -> int:
        """Encrypts the `size` bytes at `offset`, which is at least `headroom`; returns the envelope's size.

        The envelope begins at the buffer's first byte and may be longer than offset + size: see `encrypted_size`.
        If it fails the message is as it was.
        """
        kind, block, n = one_of_three(store_context), packed(context), ctypes.c_size_t()
        options = _native.EncryptOptions(store_context=kind, free_cells=free_cells)
        begins, length_ = checked_unsigned("offset", offset), checked_unsigned("size", size)
        with writing(buffer, "buffer") as (address, capacity):
            _native.keyfold_encrypt_in_place(
                self._handle, address, capacity, begins, length_, block, length(block), options, n
            )
        return n.value

    def decrypt_in_place(
        self, buffer: Data, *, context: ContextLike = None, accept_stored_context: bool = False
    ) -> int:
        """Decrypts an envelope in its own memory and returns the message's size; it begins at the first byte.

        If it fails the envelope is as it was; but it is all zero where the message itself did not open.
        """
        options, block, n = decrypt_options(accept_stored_context), packed(context), ctypes.c_size_t()
        with writing(buffer, "buffer") as (address, size):
            _native.keyfold_decrypt_in_place(self._handle, address, size, block, length(block), options, n)
        return n.value

    # Many small messages in one call, which costs a fraction of a call each.

    def encrypt_many(
        self,
        messages: Iterable[Data],
        *,
        context: ContextLike = None,
        contexts: Iterable[ContextLike] | None = None,
    ) -> list[bytes]:
        """Encrypts many messages, each into an envelope of its own: all of them, or none.

        :param context: one context for all
        :param contexts: or one for each
        :raises KeyfoldError: `.index` tells at which message
        """
        return self._many(_native.keyfold_encrypt_batch, list(messages), context, contexts, None)

    def decrypt_many(
        self,
        envelopes: Iterable[Data],
        *,
        context: ContextLike = None,
        contexts: Iterable[ContextLike] | None = None,
        accept_stored_context: bool = False,
    ) -> list[bytes]:
        """Decrypts many envelopes under this key: all of them, or none."""
        options = decrypt_options(accept_stored_context)
        return self._many(_native.keyfold_decrypt_batch, list(envelopes), context, contexts, options)

    def _many(
        self,
        call: Callable[..., None],
        data: Sequence[Any],
        context: ContextLike,
        contexts: Iterable[ContextLike] | None,
        options: Any,
    ) -> list[bytes]:
        if any(isinstance(one, str) for one in data):
            raise TypeError("messages must be bytes, not str; encode them first")
        block, context_offsets = packed(context), None
        if contexts is not None:
            if context is not None:
                raise ValueError("give context or contexts, not both")
            blocks = [packed(one) or b"\0\0" for one in contexts]
            if len(blocks) != len(data):
                raise ValueError(f"{len(data)} messages need as many contexts, not {len(blocks)}")
            block, context_offsets = b"".join(blocks), _offsets(map(len, blocks))
        if not data:
            return []
        joined, views = b"".join(data), [memoryview(one).nbytes for one in data]
        offsets, made = _offsets(views), (ctypes.c_uint64 * (len(data) + 1))()
        n, failed = ctypes.c_size_t(), ctypes.c_size_t()

        def run(address: Pointer | None, capacity: int) -> int:
            call(
                self._handle,
                joined,
                len(joined),
                offsets,
                len(data),
                block,
                length(block),
                context_offsets,
                options,
                address,
                capacity,
                n,
                made,
                failed,
            )
            return n.value

        try:
            whole = fresh(size_asked(n, lambda: run(None, 0)), run)
        except _native.KeyfoldError as error:
            error.index = failed.value if failed.value < len(data) else None
            raise
        return [whole[begin:end] for begin, end in zip(made, made[1:])]

    # Data keys.

    def generate_data_key(
        self, size: int = 32, *, context: ContextLike = None, store_context: StoreContext = "none"
    ) -> DataKey:
        """Makes a random data key of 16 to 1,024 bytes, and the blob from which it can be had again."""
        options = _native.EncryptOptions(store_context=one_of_three(store_context))
        block = packed(context)
        wanted, n = checked_unsigned("size", size), ctypes.c_size_t()
        # Refuses sizes out of bounds, before anything is allocated.
        _native.keyfold_data_key_blob_size(wanted, block, length(block), options, n)
        key = bytearray(size)
        with writing(key) as (address, _):

            def call(blob: Pointer, capacity: int) -> int:
                _native.keyfold_generate_data_key(
                    self._handle, block, length(block), options, address, size, blob, capacity, n
                )
                return n.value

            return DataKey(key, fresh(n.value, call))

    def generate_data_key_without_plaintext(
        self, size: int = 32, *, context: ContextLike = None, store_context: StoreContext = "none"
    ) -> bytes:
        """Makes a random data key and returns only its blob, for others to open."""
        options = _native.EncryptOptions(store_context=one_of_three(store_context))
        block, n, wanted = packed(context), ctypes.c_size_t(), checked_unsigned("size", size)
        _native.keyfold_data_key_blob_size(wanted, block, length(block), options, n)

        def call(blob: Pointer, capacity: int) -> int:
            _native.keyfold_generate_data_key_without_plaintext(
                self._handle, wanted, block, length(block), options, blob, capacity, n
            )
            return n.value

        return fresh(n.value, call)

    def decrypt_data_key(
        self, blob: Data, *, context: ContextLike = None, accept_stored_context: bool = False
    ) -> bytearray:
        """Opens the blob of a data key under this key. Overwrite the result when it has served."""
        options, block, n = decrypt_options(accept_stored_context), packed(context), ctypes.c_size_t()
        with reading(blob, "blob") as (pointer, size):
            _native.keyfold_data_key_size(pointer, size, n)
            key = bytearray(n.value)
            with writing(key) as (address, capacity):
                _native.keyfold_decrypt_data_key(
                    self._handle, pointer, size, block, length(block), options, address, capacity, n
                )
        return key

    # After a rotation, or a move.

    def rewrap(self, data: Data, *, context: ContextLike = None) -> bytes:
        """The same envelope or blob with this key's wrappings brought to its current version.

        :param context: checked first if given; None is for walks over data whose contexts are elsewhere
        """
        with reading(data) as (pointer, size):
            made = bytearray(ctypes.string_at(pointer, size) if size else b"")
        self.rewrap_into(made, context=context)
        return bytes(made)

    def rewrap_into(self, data: Data, *, context: ContextLike = None) -> Rewrapped:
        """The same in the caller's own memory, which is unchanged if it fails."""
        block, report = packed(context), _native.Rewrapped()
        with writing(data, "data") as (address, size):
            _native.keyfold_rewrap(self._handle, address, size, block, length(block), report)
        return rewrapped(report)

    def rewrap_file(self, path: str | os.PathLike[str], *, context: ContextLike = None) -> Rewrapped:
        """Rewraps a file in place, under a lock, so that it opens after a crash at any moment."""
        block, report = packed(context), _native.Rewrapped()
        _native.keyfold_rewrap_file(self._handle, path_encoded(path), block, length(block), report)
        return rewrapped(report)

    def reencrypt(
        self,
        envelope: Data,
        *,
        context: ContextLike = None,
        to: Sequence[Key] | None = None,
        new_context: ContextLike = None,
        store_context: StoreContext = "none",
        accept_stored_context: bool = False,
        drop_unreachable: bool = False,
        free_cells: int = 0,
    ) -> bytes:
        """Puts an envelope of this key under other keys or another context, without producing its message.

        :param context: the context it has
        :param to: the keys it gets; None is this one
        :param new_context: the context it gets; None is the empty one
        :param drop_unreachable: drops wrappings under keys other than this, which make it fail otherwise
        """
        block, new_block = packed(context), packed(new_context)
        options, chosen = reencrypt_options(
            store_context, accept_stored_context, drop_unreachable, free_cells
        )
        source, target = handles([self]), handles([self] if to is None else to)
        with reading(envelope, "envelope") as (pointer, size):
            return taken(
                lambda out: _native.keyfold_reencrypt(
                    source,
                    len(source),
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


def seal(
    public_keys: bytes | Sequence[bytes],
    message: Data,
    *,
    context: ContextLike = None,
    store_context: StoreContext = "none",
) -> bytes:
    """Encrypts a message to the public halves of sealing keys, without a store.

    Any of the keys opens it, with `Key.decrypt`; nobody who has only these public halves can.

    :param public_keys: one `Key.public_key`, or several
    """
    several = [public_keys] if isinstance(public_keys, (bytes, bytearray)) else list(public_keys)
    block, offsets, n = b"".join(several), _offsets(map(len, several)), ctypes.c_size_t()
    options, pairs = _native.EncryptOptions(store_context=one_of_three(store_context)), packed(context)
    given = (block, len(block), offsets, checked_unsigned("public_keys", len(several)))
    with reading(message, "message") as (pointer, size):
        _native.keyfold_sealed_size(checked_unsigned("size", size), *given, pairs, length(pairs), options, n)

        def call(out: Pointer, capacity: int) -> int:
            _native.keyfold_seal(*given, pointer, size, pairs, length(pairs), options, out, capacity, n)
            return n.value

        return fresh(n.value, call)


def sealing(
    public_keys: bytes | Sequence[bytes],
    sink: Sink,
    *,
    context: ContextLike = None,
    store_context: StoreContext = "none",
    threads: int = 0,
) -> EncryptingWriter:
    """As `seal`, for messages of any size: a file-like object, as `Key.encrypting` gives it."""
    several = [public_keys] if isinstance(public_keys, (bytes, bytearray)) else list(public_keys)
    block, offsets, pairs = b"".join(several), _offsets(map(len, several)), packed(context)
    options = _native.EncryptOptions(store_context=one_of_three(store_context))
    given = (block, len(block), offsets, checked_unsigned("public_keys", len(several)), pairs, length(pairs))
    return writer(lambda out: _native.keyfold_stream_seal(*given, options, *NO_SOURCE, out), sink, threads)


def handles(keys: Sequence[Key]) -> Any:
    """The array of handles that C takes."""
    for key in keys:
        if not isinstance(key, Key):
            raise TypeError(f"a keyfold.Key is needed, not {type(key).__name__}")
    return (_native.KeyHandle * len(keys))(*(key._handle for key in keys))


@functools.lru_cache(maxsize=4096)
def _plain_size(plaintext_len: int) -> int:
    n = ctypes.c_size_t()
    _native.keyfold_encrypted_size(checked_unsigned("size", plaintext_len), None, 0, None, n)
    return n.value


def _offsets(sizes: Iterable[int]) -> Any:
    ends = [0, *accumulate(sizes)]
    return (ctypes.c_uint64 * len(ends))(*ends)
