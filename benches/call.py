"""The same 100-byte call from Python. Prints one line of JSON for each way."""

import json
import statistics
import time
from collections.abc import Callable

import keyfold

ROUNDS, CALLS, BATCH = 100, 500, 1000


def median_ns(call: Callable[[], object], calls: int = CALLS, rounds: int = ROUNDS) -> float:
    """Median over the rounds of the mean of a round."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter_ns()
        for _ in range(calls):
            call()
        times.append((time.perf_counter_ns() - start) / calls)
    return statistics.median(times)


def tell(language: str, encrypt_ns: float, decrypt_ns: float) -> None:
    print(json.dumps({"language": language, "encrypt_ns": encrypt_ns, "decrypt_ns": decrypt_ns}))


with keyfold.in_memory() as store:
    store.create_key("cards")
    with store.key("cards") as key:
        context = keyfold.Context({"tenant": "acme-payments-ltd", "table": "cards"})
        message = bytes(100)
        sealed = key.encrypt(message, context=context)
        tell(
            "Python",
            median_ns(lambda: key.encrypt(message, context=context)),
            median_ns(lambda: key.decrypt(sealed, context=context)),
        )
        messages = [message] * BATCH
        envelopes = key.encrypt_many(messages, context=context)
        tell(
            f"Python, {BATCH} a call",
            median_ns(lambda: key.encrypt_many(messages, context=context), 1, ROUNDS) / BATCH,
            median_ns(lambda: key.decrypt_many(envelopes, context=context), 1, ROUNDS) / BATCH,
        )
