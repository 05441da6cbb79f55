#!/usr/bin/env python3
"""The same 100-byte call from Python: one at a time, and a thousand at once. Prints a line of JSON for each."""

from __future__ import annotations

import json
import statistics
import time
from typing import Callable

import keyfold

ROUNDS, CALLS = 100, 1000


def median(call: Callable[[], object], calls_each: int) -> float:
    """Nanoseconds a message."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter_ns()
        for _ in range(CALLS // calls_each):
            call()
        times.append((time.perf_counter_ns() - start) / CALLS)
    return round(statistics.median(times), 1)


def main() -> None:
    """Measures and prints."""
    context = keyfold.Context({"tenant": "acme-payments-ltd", "table": "cards"})
    plaintext, many = bytes([7]) * 100, [bytes([7]) * 100] * CALLS
    with keyfold.in_memory() as store:
        store.create_key("cards")
        with store.key("cards") as key:
            sealed, sealed_many = key.encrypt(plaintext, context=context), key.encrypt_many(
                many, context=context
            )
            one = {
                "language": "Python",
                "encrypt_ns": median(lambda: key.encrypt(plaintext, context=context), 1),
                "decrypt_ns": median(lambda: key.decrypt(sealed, context=context), 1),
            }
            batch = {
                "language": "Python, a thousand a call",
                "encrypt_ns": median(lambda: key.encrypt_many(many, context=context), CALLS),
                "decrypt_ns": median(lambda: key.decrypt_many(sealed_many, context=context), CALLS),
            }
    print(json.dumps(one))
    print(json.dumps(batch))


if __name__ == "__main__":
    main()
