#!/usr/bin/env python3
"""Python's part in the matrix, over the installed package. ``interop.c`` says how the list of commands looks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Callable

import keyfold


class Command:
    """One line, its fields decoded."""

    def __init__(self, store: keyfold.Store, line: str) -> None:
        verb, self.kind, keys, context, self.fourth, self.fifth, self.file = line.split("\t")
        self.store = store
        self.keys = [] if keys == "*" else [store.key(name) for name in keys.split(",")]
        pairs = [pair.split(":") for pair in context.split(",") if pair != "-"]
        self.context = {bytes.fromhex(name).decode(): bytes.fromhex(value).decode() for name, value in pairs}
        self.run: Callable[[], str] = {"open": self.open, "make": self.make, "refuse": self.refuse}[verb]

    def open(self) -> str:
        """Opens the file and compares."""
        if self.kind == "stream":
            return self.open_streamed()
        if self.kind == "file":
            made, first = Path(f"{self.file}.opened"), self.keys[0]
            first.decrypt_file(self.file, made, context=self.context, accept_stored_context=self.fourth == "1")
            return "" if made.read_bytes() == bytes.fromhex(self.fifth.strip("-")) else "opens into another file"
        opened = self.opened(Path(self.file).read_bytes(), self.fourth == "1")
        return "" if opened == bytes.fromhex(self.fifth.strip("-")) else "opens to something else"

    def open_streamed(self) -> str:
        """Reads it in pieces, then a range in its middle."""
        options = {"context": self.context, "accept_stored_context": self.fourth == "1"}
        opener, wanted = self.keys[0] if self.keys else self.store, bytes.fromhex(self.fifth.strip("-"))
        with open(self.file, "rb") as file, opener.decrypting(file, **options) as stream:
            if b"".join(iter(lambda: stream.read(5000), b"")) != wanted:
                return "streams to something else"
        first, size = len(wanted) // 3, len(wanted) // 2
        with keyfold.open_encrypted(self.file, opener, **options) as reader:
            if reader.size != len(wanted) or reader.pread(size, first) != wanted[first : first + size]:
                return "reads as something else"
        return ""

    def make(self) -> str:
        """Writes the file; of a data key the key as well."""
        first, *others = self.keys
        if self.kind == "datakey":
            made = first.generate_data_key(int(self.fifth), context=self.context, store_context=self.fourth)
            Path(self.file).write_bytes(made.blob)
            Path(f"{self.file}.key").write_bytes(made.plaintext)
            return ""
        plaintext = bytes.fromhex(self.fifth.strip("-"))
        options = {"context": self.context, "store_context": self.fourth, "also": others}
        if self.kind == "stream":
            with open(self.file, "wb") as file, first.encrypting(file, **options) as stream:
                for at in range(0, len(plaintext), 7000):
                    stream.write(plaintext[at : at + 7000])
        elif self.kind == "file":
            Path(f"{self.file}.plain").write_bytes(plaintext)
            first.encrypt_file(f"{self.file}.plain", self.file, **options)
        else:
            Path(self.file).write_bytes(first.encrypt(plaintext, **options))
        return ""

    def refuse(self) -> str:
        """Every bit of the head flipped and every truncation must be refused as damaged data is."""
        whole = Path(self.file).read_bytes()
        data = bytearray(whole)
        for bit in range(8 * int(self.fifth)):
            data[bit // 8] ^= 1 << bit % 8
            if not self.is_refused(data):
                return f"bit {bit % 8} of byte {bit // 8} flipped is not refused"
            data[bit // 8] ^= 1 << bit % 8
        for cut in range(len(whole)):
            if not self.is_refused(whole[:cut]):
                return f"cut to {cut} bytes is not refused"
        return ""

    def is_refused(self, data: bytes | bytearray) -> bool:
        """Whether it is refused as data, not for another reason."""
        try:
            self.opened(data, False)
        except (keyfold.InvalidCiphertext, keyfold.KeyPolicyError):
            return True
        return False

    def opened(self, data: bytes | bytearray, accept: bool) -> bytes | bytearray:
        """The message, or the data key."""
        options = {"context": self.context, "accept_stored_context": accept}
        if self.kind == "datakey":
            opener = self.keys[0] if self.keys else self.store
            return opener.decrypt_data_key(data, **options)
        if len(self.keys) == 1:
            return self.keys[0].decrypt(data, **options)
        return self.store.decrypt(data, keys=self.keys or None, **options).plaintext


def main() -> int:
    """Does every command; prints a line for each that failed, then how many passed."""
    location, root, commands = sys.argv[1:]
    failures = 0
    with keyfold.open(location, root=keyfold.KeyFile(root)) as store:
        lines = Path(commands).read_text().splitlines()
        for line in lines:
            command = Command(store, line)
            try:
                complaint = command.run()
            except keyfold.KeyfoldError as error:
                complaint = str(error)
            if complaint:
                print(f"{line.split()[0]} {command.file}: {complaint}")
                failures += 1
            for key in command.keys:
                key.close()
    if keyfold.open_handles():
        print(f"{keyfold.open_handles()} handles left open")
        failures += 1
    if failures == 0:
        print(f"passed {len(lines)}")
    return min(failures, 1)


if __name__ == "__main__":
    sys.exit(main())
