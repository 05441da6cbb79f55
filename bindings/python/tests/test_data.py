"""The data path: messages, data keys, batches, rewraps, ReEncrypt, and what the reports tell."""

from __future__ import annotations

import itertools

import keyfold
import pytest
from conftest import ROW

SIZES = [0, 1, 100, 16_383, 16_384, 16_385, 40_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_message_of_any_size_opens_to_itself(key: keyfold.Key, size: int) -> None:
    message = bytes(i * 7 % 251 for i in range(size))
    sealed = key.encrypt(message, context=ROW)
    assert len(sealed) == key.encrypted_size(size, context=ROW)
    assert keyfold.decrypted_size(sealed) == size
    assert key.decrypt(sealed, context=ROW) == message
    assert key.encrypt(message, context=ROW) != sealed


@pytest.mark.parametrize("size", SIZES)
def test_into_memory_of_the_caller(key: keyfold.Key, size: int) -> None:
    message = bytes(i * 3 % 251 for i in range(size))
    out = bytearray(b"\xa5" * (size + 1000))
    n = key.encrypt_into(message, out, context=ROW)
    assert out[n:] == b"\xa5" * (len(out) - n)
    back = bytearray(size)
    assert key.decrypt_into(out[:n], back, context=ROW) == size
    assert back == message
    for short in [0, n - 1]:
        small = bytearray(b"\xa5" * short)
        with pytest.raises(keyfold.BufferTooSmall):
            key.encrypt_into(message, small, context=ROW)
        assert small == b"\xa5" * short, "nothing was done"


def test_in_place(key: keyfold.Key) -> None:
    message = b"in place " * 5000
    head = key.headroom(context=ROW)
    size = key.encrypted_size(len(message), context=ROW)
    buffer = bytearray(size)
    buffer[head : head + len(message)] = message
    assert key.encrypt_in_place(buffer, head, len(message), context=ROW) == size
    assert key.decrypt(buffer, context=ROW) == message
    assert key.decrypt_in_place(buffer, context=ROW) == len(message)
    assert buffer[: len(message)] == message


def test_a_call_in_place_that_fails_early_leaves_the_only_copy(store: keyfold.Store) -> None:
    """Seen to fail with the buffer zeroed after every error."""
    store.create_key("cards")
    with store.key("cards") as key:
        sealed = key.encrypt(b"only copy", context=ROW)
        buffer = bytearray(sealed)
        with pytest.raises(keyfold.AuthenticationError):
            key.decrypt_in_place(buffer)
        store.disable_key("cards")
        with pytest.raises(keyfold.KeyDisabled):
            key.decrypt_in_place(buffer, context=ROW)
        assert buffer == sealed
        head = key.headroom(context=ROW)
        message = bytearray(head) + b"only copy" + bytearray(16)
        with pytest.raises(keyfold.KeyDisabled):
            key.encrypt_in_place(message, head, 9, context=ROW)
        assert message[head:-16] == b"only copy"
        store.enable_key("cards")
        buffer[-1] ^= 1
        with pytest.raises(keyfold.AuthenticationError):
            key.decrypt_in_place(buffer, context=ROW)
        assert buffer == bytes(len(sealed))


def test_a_program_can_hold_itself_to_the_names_it_never_goes_without() -> None:
    row = keyfold.Context({"table": "cards", "tenant": ""})
    row.require()
    row.require("tenant", "table")
    with pytest.raises(keyfold.ContextRequired, match="column"):
        row.require("tenant", "column")
    with pytest.raises(keyfold.InvalidContext):
        row.require("")


@pytest.mark.parametrize("free_cells", [0, 1, 8])
@pytest.mark.parametrize("stored", ["none", "names", "all", ["tenant"]])
@pytest.mark.parametrize("others", [0, 2])
def test_sizes_are_exact_for_every_choice_of_options(
    store: keyfold.Store, free_cells: int, stored: str | list[str], others: int
) -> None:
    names = [f"k{i}" for i in range(others + 1)]
    for name in names:
        store.create_key(name)
    first, *also = [store.key(name) for name in names]
    for size in [0, 20_000]:
        choice = {"context": ROW, "store_context": stored, "also": also, "free_cells": free_cells}
        sealed = first.encrypt(bytes(size), **choice)
        assert len(sealed) == first.encrypted_size(size, **choice)
        for one in [first, *also]:
            assert one.decrypt(sealed, context=ROW) == bytes(size)
    for one in [first, *also]:
        one.close()


def test_only_the_key_named_opens_an_envelope(store: keyfold.Store) -> None:
    store.create_key("cards")
    store.create_key("other")
    with store.key("cards") as cards, store.key("other") as other:
        sealed = cards.encrypt(b"m", context=ROW)
        with pytest.raises(keyfold.KeyNotAllowed):
            other.decrypt(sealed, context=ROW)
        opened = store.decrypt(sealed, context=ROW)
        assert (opened.plaintext, opened.key_id, opened.version) == (b"m", cards.id, 1)
        assert store.decrypt(sealed, keys=[other, cards], context=ROW).key_id == cards.id
        with pytest.raises(keyfold.KeyNotAllowed):
            store.decrypt(sealed, keys=[other], context=ROW)
        with pytest.raises(TypeError, match="keyfold.Key is needed"):
            store.decrypt(sealed, keys=["cards"], context=ROW)  # type: ignore[list-item]


def test_a_stored_context_vouches_for_nothing_unless_accepted(key: keyfold.Key) -> None:
    sealed = key.encrypt(b"m", context=ROW, store_context="all")
    with pytest.raises(keyfold.AuthenticationError):
        key.decrypt(sealed)
    assert key.decrypt(sealed, context=ROW) == b"m"
    assert key.decrypt(sealed, accept_stored_context=True) == b"m"
    assert dict(key.authenticated_context(sealed, accept_stored_context=True)) == ROW
    assert dict(key.authenticated_context(sealed, context=ROW)) == ROW
    out = bytearray(1)
    assert key.decrypt_into(sealed, out, accept_stored_context=True) == 1
    assert key.decrypt_in_place(bytearray(sealed), accept_stored_context=True) == 1

    some = key.encrypt(b"m", context=ROW, store_context=["tenant"])
    assert b"acme" in some and b"cards" not in some
    assert key.decrypt(some, context={"table": "cards"}, accept_stored_context=True) == b"m"
    with pytest.raises(keyfold.KeyfoldError):
        key.decrypt(some, accept_stored_context=True)
    with pytest.raises(ValueError, match="store_context"):
        key.encrypt(b"m", context=ROW, store_context="everything")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"tenant": "acme"},
        {**ROW, "more": ""},
        {"tenant": "cards", "table": "acme"},
        {"Tenant": "acme", "table": "cards"},
        {"tenant": "acme ", "table": "cards"},
    ],
)
def test_another_context_is_refused_as_any_other_change_is(key: keyfold.Key, wrong: dict[str, str]) -> None:
    sealed = key.encrypt(b"m", context=ROW)
    with pytest.raises(keyfold.AuthenticationError):
        key.decrypt(sealed, context=wrong)


# Contexts.


def test_a_context_is_packed_once_and_is_a_mapping(key: keyfold.Key) -> None:
    row = keyfold.Context(ROW)
    assert (
        row["tenant"] == "acme" and dict(row) == ROW and len(row) == 2 and row == keyfold.Context(dict(row))
    )
    assert keyfold.Context.unpack(row.pack()) == row
    assert row.pack() == keyfold.Context(dict(reversed(ROW.items()))).pack(), "order means nothing"
    assert key.decrypt(key.encrypt(b"m", context=row), context=ROW) == b"m"
    assert keyfold.Context({}).pack() == b"\0\0"
    assert key.decrypt(key.encrypt(b"m", context={}), context=None) == b"m"


@pytest.mark.parametrize(
    "pairs",
    [{"größe": "ähnlich 😀", "": "x"}, {"n" * 257: ""}, {"a\nb": ""}, {str(i): "" for i in range(65)}],
)
def test_a_context_over_a_limit_is_refused(pairs: dict[str, str]) -> None:
    with pytest.raises(keyfold.InvalidContext):
        keyfold.Context(pairs)


@pytest.mark.parametrize(
    "pairs", [{"größe": "ähnlich 😀"}, {"a": "", "b": "\0 NUL is a value's own"}, {"n" * 256: "v" * 7000}]
)
def test_a_context_of_any_text_is_taken_as_it_is(key: keyfold.Key, pairs: dict[str, str]) -> None:
    assert dict(keyfold.Context.unpack(keyfold.Context(pairs).pack())) == pairs
    assert key.decrypt(key.encrypt(b"m", context=pairs), context=pairs) == b"m"


def test_composed_and_decomposed_text_are_different_contexts(key: keyfold.Key) -> None:
    sealed = key.encrypt(b"m", context={"name": "\u00e9"})
    with pytest.raises(keyfold.AuthenticationError):
        key.decrypt(sealed, context={"name": "e\u0301"})


@pytest.mark.parametrize(
    "wrong", [{"a": 1}, {1: "a"}, {"a": None}, {"a": b"x"}, [("a", "b")], "a=b", b"\0\0"]
)
def test_a_context_of_anything_but_str_is_a_type_error(key: keyfold.Key, wrong: object) -> None:
    with pytest.raises(TypeError):
        key.encrypt(b"m", context=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("packed", [b"", b"\0", b"\0\1", b"\0\0\0", b"\0\2\0\1b\0\0\0\1a\0\0"])
def test_a_packed_context_that_is_not_canonical_is_refused(packed: bytes) -> None:
    if packed:  # nothing at all is the empty context
        with pytest.raises(keyfold.InvalidContext):
            keyfold.Context.unpack(packed)


def test_a_lone_surrogate_is_refused_before_anything_is_encrypted(key: keyfold.Key) -> None:
    with pytest.raises(UnicodeEncodeError):
        key.encrypt(b"m", context={"a": "\ud800"})


# Batches.


def test_a_batch_is_the_same_as_its_messages_one_by_one(key: keyfold.Key) -> None:
    messages = [bytes([i]) * (i * 37 % 500) for i in range(200)]
    sealed = key.encrypt_many(messages, context=ROW)
    assert [key.decrypt(one, context=ROW) for one in sealed] == messages
    assert key.decrypt_many(sealed, context=ROW) == messages
    rows = [{"row": str(i)} for i in range(200)]
    sealed = key.encrypt_many(messages, contexts=rows)
    assert [key.decrypt(one, context=row) for one, row in zip(sealed, rows)] == messages
    assert key.decrypt_many(sealed, contexts=rows) == messages
    assert key.encrypt_many([]) == key.decrypt_many([]) == []
    assert key.decrypt_many(key.encrypt_many([b"", bytearray(b"x"), memoryview(b"yz")])) == [b"", b"x", b"yz"]


def test_a_batch_tells_at_which_message_it_failed(key: keyfold.Key) -> None:
    sealed = key.encrypt_many([b"a", b"b", b"c"], context=ROW)
    sealed[1] = sealed[1][:-1] + bytes([sealed[1][-1] ^ 1])
    with pytest.raises(keyfold.AuthenticationError) as caught:
        key.decrypt_many(sealed, context=ROW)
    assert caught.value.index == 1
    with pytest.raises(keyfold.InvalidCiphertext) as caught_early:
        key.decrypt_many([sealed[0], sealed[2], b"no envelope"], context=ROW)
    assert caught_early.value.index == 2
    with pytest.raises(ValueError, match="as many contexts"):
        key.encrypt_many([b"a", b"b"], contexts=[ROW])
    with pytest.raises(ValueError, match="not both"):
        key.encrypt_many([b"a"], context=ROW, contexts=[ROW])
    with pytest.raises(TypeError, match="not str"):
        key.encrypt_many(["a"])  # type: ignore[list-item]


# Data keys.


@pytest.mark.parametrize("size", [16, 32, 1024])
def test_a_data_key_comes_back_from_its_blob(store: keyfold.Store, size: int) -> None:
    store.create_key("cards")
    with store.key("cards") as key:
        with key.generate_data_key(size, context=ROW, store_context="names") as made:
            assert len(made.plaintext) == size
            plain = bytes(made.plaintext)
            assert key.decrypt_data_key(made.blob, context=ROW) == plain
            assert store.decrypt_data_key(made.blob, context=ROW) == plain
        assert made.plaintext == bytes(size), "wiped by with"
        blob = key.generate_data_key_without_plaintext(size, context=ROW)
        assert len(key.decrypt_data_key(blob, context=ROW)) == size
        with pytest.raises(keyfold.AuthenticationError):
            key.decrypt_data_key(blob)
        with pytest.raises(keyfold.InvalidCiphertext):
            key.decrypt(blob, context=ROW)
    for wrong in [0, 15, 1025, 1 << 40]:
        with store.key("cards") as key, pytest.raises(ValueError):
            key.generate_data_key(wrong)


# Rotation and moves.


def test_rewrap_changes_the_wrapping_and_nothing_else(store: keyfold.Store) -> None:
    store.create_key("cards")
    with store.key("cards") as key:
        sealed = key.encrypt(b"m" * 20_000, context=ROW)
        store.rotate_key("cards")
        new = key.rewrap(sealed)
        assert len(new) == len(sealed) and new != sealed
        assert new[148 + 16 :] == sealed[148 + 16 :], "the payload stays"
        assert keyfold.inspect(new)["cells"][0]["version"] == 2
        assert key.decrypt(new, context=ROW) == key.decrypt(sealed, context=ROW)
        assert store.rewrap(sealed, context=ROW) != sealed
        data = bytearray(sealed)
        assert key.rewrap_into(data, context=ROW) == keyfold.Rewrapped(1, 0, 0, 0)
        assert key.rewrap_into(data) == keyfold.Rewrapped(0, 1, 0, 0)
        before = bytes(data)
        with pytest.raises(keyfold.AuthenticationError):
            key.rewrap_into(data, context={"tenant": "other"})
        with pytest.raises(keyfold.AuthenticationError):
            key.rewrap_into(data, context={})
        assert data == before


def test_reencrypt_moves_an_envelope_to_another_key_and_context(store: keyfold.Store) -> None:
    store.create_key("cards")
    store.create_key("archive")
    with store.key("cards") as cards, store.key("archive") as archive:
        sealed = cards.encrypt(b"m", context=ROW)
        moved = cards.reencrypt(
            sealed, context=ROW, to=[archive], new_context={"year": "2026"}, store_context="all"
        )
        with pytest.raises(keyfold.KeyNotAllowed):
            cards.decrypt(moved, context={"year": "2026"})
        assert archive.decrypt(moved, context={"year": "2026"}) == b"m"
        again = store.reencrypt(
            moved, to=[cards, archive], accept_stored_context=True, new_context=ROW, free_cells=1
        )
        assert cards.decrypt(again, context=ROW) == archive.decrypt(again, context=ROW) == b"m"
        assert cards.decrypt(cards.reencrypt(sealed, context=ROW), context=None) == b"m"
        with pytest.raises(keyfold.AuthenticationError):
            cards.reencrypt(sealed, context={"tenant": "other"}, new_context=ROW)


# Reports.


def test_inspect_and_explain_say_what_is_there_without_the_message(store: keyfold.Store) -> None:
    store.create_key("cards")
    with store.key("cards") as key:
        sealed = key.encrypt(b"a message of mine", context=ROW, store_context="names")
        report = keyfold.inspect(sealed[:300], total_len=len(sealed))
        assert report["cells"][0]["key_id"] == key.id
        assert report["stored_context"] == [
            {"name": "table", "value": None},
            {"name": "tenant", "value": None},
        ]
        for explained in [store.explain(sealed, context=ROW), store.explain(sealed, key=key, context=ROW)]:
            assert explained["head_opens"] and "message of mine" not in str(explained)
        wrong = store.explain(sealed, context={"tenant": "acme"})
        assert not wrong["head_opens"] and wrong["reasons"]
        assert not store.explain(b"no envelope")["head_opens"]
    with pytest.raises(keyfold.InvalidCiphertext):
        keyfold.inspect(b"no envelope")


def test_encryption_of_one_message_never_repeats(key: keyfold.Key) -> None:
    sealed = [key.encrypt(b"same") for _ in range(500)]
    for first, second in itertools.pairwise(sealed):
        assert first[12:44] != second[12:44], "a new data key gives a new commitment"
    assert len({one[76:100] for one in sealed}) == 500, "no wrap nonce comes twice"
