#!/usr/bin/env python3
"""Encrypts a file of card records, each under a data key of its own, and opens it again.

    cards.py encrypt STORE file:ROOT cards.csv cards.enc
    cards.py decrypt STORE file:ROOT cards.enc cards.back.csv

The file is the one that the C, C++ and Go programs of `examples-c` and `bindings/go/examples` write: ``ID,HEX`` a line.
"""

from __future__ import annotations

import sys

import keyfold

# How many records go to the library at once: one call for each would cost five times the encryption itself.
BATCH = 1000


def context(record_id: str) -> dict[str, str]:
    """Binds an envelope to its row: moved to another one it does not open."""
    return {"table": "cards", "row": record_id}


def encrypt(key: keyfold.Key, lines: list[str]) -> list[str]:
    """What stands after the first comma is encrypted."""
    split = [line.split(",", 1) for line in lines]
    sealed = key.encrypt_many([rest.encode() for _, rest in split], contexts=[context(i) for i, _ in split])
    return [f"{record_id},{envelope.hex()}" for (record_id, _), envelope in zip(split, sealed)]


def decrypt(key: keyfold.Key, lines: list[str]) -> list[str]:
    """The other way round."""
    split = [line.split(",", 1) for line in lines]
    opened = key.decrypt_many(
        [bytes.fromhex(rest) for _, rest in split], contexts=[context(i) for i, _ in split]
    )
    return [f"{record_id},{rest.decode()}" for (record_id, _), rest in zip(split, opened)]


def main() -> int:
    """Opens the store, goes through the file, and tells what went wrong in one line."""
    if len(sys.argv) != 6 or sys.argv[1] not in ("encrypt", "decrypt") or not sys.argv[3].startswith("file:"):
        print("usage: cards.py encrypt|decrypt STORE file:ROOT INPUT OUTPUT", file=sys.stderr)
        return 2
    verb, location, root, source, target = sys.argv[1:]
    work = encrypt if verb == "encrypt" else decrypt
    try:
        with keyfold.open(location, root=keyfold.KeyFile(root.removeprefix("file:"))) as store:
            with store.key("cards") as key, open(source, newline="\n", encoding="utf-8") as lines:
                records = lines.read().splitlines()
                done = [
                    out for i in range(0, len(records), BATCH) for out in work(key, records[i : i + BATCH])
                ]
    except keyfold.KeyfoldError as error:
        print(f"cards.py: {error.name}: {error}", file=sys.stderr)
        return 1
    with open(target, "w", newline="\n", encoding="utf-8") as out:
        out.writelines(f"{line}\n" for line in done)
    print(f"{verb}ed {len(done)} records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
