"""Reads a range of an encrypted object that a web server keeps by two requests: its head, and the chunks that hold the range."""

from __future__ import annotations

import re
import sys
import urllib.error
import urllib.request

import keyfold

HEAD = 4096  # more than most heads have; a longer one is fetched further


class Remote:
    """An object on a server that answers range requests (RFC 9110, section 14)."""

    def __init__(self, url: str) -> None:
        self.url, self.fetched = url, 0
        head, self.size = self._get(0, HEAD)
        self._kept = [(0, head)]

    def keep(self, offset: int, size: int) -> None:
        """Fetches a range before it is asked for piece by piece."""
        self._kept.append((offset, self._get(offset, size)[0]))

    def __call__(self, offset: int, size: int) -> bytes:
        """At most so many bytes from there: what `Key.reader` asks for."""
        for at, data in self._kept:
            if at <= offset < at + len(data):
                return data[offset - at :][:size]
        return self._get(offset, size)[0]

    def _get(self, offset: int, size: int) -> tuple[bytes, int]:
        wanted = {"Range": f"bytes={offset}-{offset + size - 1}"}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, headers=wanted)) as answer:
                told = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", answer.headers.get("Content-Range", ""))
                if answer.status != 206 or told is None or int(told[1]) != offset:
                    raise OSError(f"{self.url}: the server does not answer range requests")
                got = answer.read(size)
        except urllib.error.HTTPError as error:
            if error.code != 416:
                raise
            return b"", self.size  # beyond the end
        self.fetched += len(got)
        return got, int(told[2])


def main() -> int:
    """Opens the store, reads the range, writes it out."""
    if len(sys.argv) != 6 or not sys.argv[2].startswith("file:"):
        print("usage: http_range.py STORE file:ROOT KEY URL OFFSET:SIZE", file=sys.stderr)
        return 2
    location, root, name, url, wanted = sys.argv[1:]
    offset, size = (int(number) for number in wanted.split(":"))
    try:
        remote = Remote(url)
        remote.keep(*keyfold.ciphertext_range(remote(0, HEAD), remote.size, offset, size))
        with keyfold.open(location, root=keyfold.KeyFile(root.removeprefix("file:"))) as store:
            with store.key(name) as key, key.reader(remote, size=remote.size) as reader:
                sys.stdout.buffer.write(reader.pread(size, offset))
    except (keyfold.KeyfoldError, OSError) as error:
        print(f"http_range.py: {error}", file=sys.stderr)
        return 1
    print(f"fetched {remote.fetched} of {remote.size} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
