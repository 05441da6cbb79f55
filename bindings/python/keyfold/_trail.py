"""The trail of a store: what was done with its keys, by whom, and that none of it was changed since."""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import itertools
import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, Callable, Iterator, Sequence

from . import _native
from ._library import checked_unsigned, encoded
from ._roots import path_encoded, path_text
from ._types import SinkStatus, TrailReport, json_text, moment, record, taken, told

if TYPE_CHECKING:
    from ._store import Store

Event = dict[str, Any]
"""An event as it was written: CloudTrail's fields, by name (docs/AUDIT.md)."""

When = datetime.datetime | str | None


class Trail:
    """The trail of an open store: `Store.trail`.

    Filters are keywords, and events match all that is given: `key_id` (a UUID, no alias), `principal`, `event_name`, `since` and
    `until` (a datetime with its zone), `failed` (refusals and failures alone).
    """

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    @property
    def _handle(self) -> Any:
        return self._store._handle

    def events(
        self,
        *,
        start: int = 0,
        page_size: int = 100,
        key_id: str | None = None,
        principal: str | None = None,
        event_name: str | None = None,
        since: When = None,
        until: When = None,
        failed: bool = False,
    ) -> Iterator[Event]:
        """Events from sequence number `start` on, read a page at a time, up to those there were at the first page.

        Reading is itself an event, so that without that end it would follow itself.
        """
        if not 1 <= page_size <= 1000:
            raise ValueError("page_size is 1 to 1,000")
        only = _filter(key_id, principal, event_name, since, until, failed)
        at, limit = checked_unsigned("start", start), checked_unsigned("page_size", page_size, 32)
        end: int | None = None
        while True:
            page = told(lambda out: _native.keyfold_trail_read(self._handle, only, at, limit, out))
            if end is None:
                end = self._store.info().trail_events
            yield from page["events"]
            if page.get("next") is None or page["next"] >= end:
                return
            at = checked_unsigned("next", page["next"])

    def tail(
        self,
        count: int = 100,
        *,
        key_id: str | None = None,
        principal: str | None = None,
        event_name: str | None = None,
        since: When = None,
        until: When = None,
        failed: bool = False,
    ) -> list[Event]:
        """The newest events, the oldest of them first.

        :param count: 0 to 1,000
        """
        if not 0 <= count <= 1000:
            raise ValueError("count is 0 to 1,000")
        only = _filter(key_id, principal, event_name, since, until, failed)
        wanted = checked_unsigned("count", count, 32)
        if not wanted:  # for C, 0 is 100
            return []
        page = told(lambda out: _native.keyfold_trail_tail(self._handle, only, wanted, out))
        events: list[Event] = page["events"]
        return events

    def verify(self, *, expected: str | None = None) -> TrailReport:
        """Verifies the whole trail; what is wrong stands in the report, which is not ``ok`` then.

        :param expected: a signed checkpoint that was kept elsewhere, which the trail must contain
        """
        note = None if expected is None else encoded(expected, "expected")
        return record(TrailReport, told(lambda out: _native.keyfold_trail_verify(self._handle, note, out)))

    def checkpoint(self) -> str:
        """Writes down what is waiting and signs a checkpoint: text to keep elsewhere."""
        return taken(lambda out: _native.keyfold_trail_checkpoint(self._handle, out)).decode()

    def flush(self) -> None:
        """Writes down what is waiting: uses that were counted, events that are queued."""
        _native.keyfold_trail_flush(self._handle)

    def export(self, folder: str | os.PathLike[str]) -> int:
        """Exports C2SP tiles into a folder, up to a new checkpoint; returns the number of entries."""
        entries = ctypes.c_uint64()
        _native.keyfold_trail_export(self._handle, path_encoded(folder), entries)
        return entries.value

    def add_file(self, path: str | os.PathLike[str], *, rotate_bytes: int = 0, keep: int = 0) -> None:
        """Copies events from now on to a JSON Lines file too.

        :param rotate_bytes: rotated at about so many bytes; 0: never
        :param keep: old files kept
        """
        _native.keyfold_trail_add_file(
            self._handle,
            path_encoded(path),
            checked_unsigned("rotate_bytes", rotate_bytes),
            checked_unsigned("keep", keep, 32),
        )

    def add_callback(self, callback: Callable[[Event], object]) -> None:
        """Hands events from now on to a function too, one at a time and in order.

        It is called by whichever thread's call writes the trail down, and must not use the same store or its keys. It
        gets events alone, no checkpoints. An exception is a failure, which is told in the trail, and printed as Python
        prints what it cannot raise; the function gets the same event again at a later `flush`, and one that it failed at
        three times is dropped and counted (`sinks`). The function is kept until the store and all keys opened from it are closed.

        >>> import keyfold
        >>> seen = []
        >>> with keyfold.in_memory() as store:
        ...     store.trail.add_callback(lambda event: seen.append(event["eventName"]))
        ...     _ = store.create_key("cards")
        ...     store.trail.flush()
        >>> "CreateKey" in seen
        True
        """
        if not callable(callback):
            raise TypeError(f"callback must be callable, not {type(callback).__name__}")
        number = next(_NUMBERS)
        _CALLBACKS[number] = callback
        # Given back by the library in any case, a refusal of this call included.
        _native.keyfold_trail_add_callback(self._handle_or_forget(number), _TAKE, number, _RELEASE)

    def _handle_or_forget(self, number: int) -> Any:
        try:
            return self._handle
        except ValueError:  # closed, so that the library never hears of it
            _release(number)
            raise

    def sinks(self) -> list[SinkStatus]:
        """How the sinks of this open store stand."""
        return [
            record(SinkStatus, one)
            for one in told(lambda out: _native.keyfold_trail_sinks(self._handle, out))
        ]


def verify_tiles(folder: str | os.PathLike[str], key: str) -> TrailReport:
    """Verifies a folder that `Trail.export` wrote, without the store.

    :param key: the store's `trail_key`, of `Store.info`
    """
    texts = path_encoded(folder), encoded(key, "key")
    return record(TrailReport, told(lambda out: _native.keyfold_trail_verify_tiles(*texts, out)))


def verify_jsonl(files: Sequence[str | os.PathLike[str]], key: str) -> TrailReport:
    """Verifies JSON Lines files of a sink, the oldest first, without the store."""
    paths = encoded(json_text([path_text(path) for path in files]), "files")
    text = encoded(key, "key")
    return record(TrailReport, told(lambda out: _native.keyfold_trail_verify_jsonl(paths, text, out)))


def _filter(
    key_id: str | None,
    principal: str | None,
    event_name: str | None,
    since: When,
    until: When,
    failed: bool,
) -> Any:
    given = {
        "key_id": key_id,
        "principal": principal,
        "event_name": event_name,
        "since": moment(since),
        "until": moment(until),
        "failed": failed or None,
    }
    only = {name: value for name, value in given.items() if value is not None}
    return encoded(json_text(only), "filter") if only else None


# Callbacks. C is given the same two functions always, and a number to find the callback by; so nothing that C may still
# call is ever collected. No lock: a collection, which may close a store, can begin while one is held.

_CALLBACKS: dict[int, Callable[[Event], object]] = {}
_NUMBERS = itertools.count(1)


def _take(number: int | None, event: int | None, size: int) -> int:
    try:
        callback = _CALLBACKS[number or 0]
        callback(json.loads(ctypes.string_at(event or 0, size)))
        return 0
    except BaseException:  # KeyboardInterrupt too: it has nowhere to go from here
        with contextlib.suppress(Exception):
            traceback.print_exc(file=sys.stderr)
        return 1


def _release(number: int | None) -> None:
    _CALLBACKS.pop(number or 0, None)


_TAKE = _native.TrailCallback(_take)
_RELEASE = _native.TrailRelease(_release)
