"""The example of range requests, against a server of this machine. Fails when the example fetches 70,000 bytes more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import keyfold
from test_streams import message

EXAMPLE = Path(__file__).parents[1] / "examples" / "http_range.py"


def test_a_range_is_read_over_http_and_nothing_but_its_chunks_and_the_head_is_fetched(
    location: Path, root: keyfold.KeyFile, tmp_path: Path
) -> None:
    data, served, requests = message(4_000_000), 0, 0
    with keyfold.init(location, root) as store:
        store.create_key("cards")
        with store.key("cards") as key:
            sealed = key.encrypt(data)

    class Handler(BaseHTTPRequestHandler):
        """One object, by ranges alone."""

        def do_GET(self) -> None:
            """Answers as RFC 9110 says."""
            nonlocal served, requests
            requests += 1
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"])
            assert asked is not None
            first, last = int(asked[1]), min(int(asked[2]), len(sealed) - 1)
            if first >= len(sealed):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(sealed)}")
            self.send_header("Content-Length", str(last - first + 1))
            self.end_headers()
            self.wfile.write(sealed[first : last + 1])
            served += last - first + 1

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/object.kfe"
        for offset, size in ((2_000_000, 20_000), (3_999_990, 1_000), (5_000_000, 10)):
            before, asked = served, requests
            ran = subprocess.run(
                [sys.executable, EXAMPLE, location, f"file:{tmp_path}/root/root.key", "cards", url, f"{offset}:{size}"],
                capture_output=True,
                timeout=60,
                env={**os.environ, "PYTHONPATH": str(Path(keyfold.__file__).parents[1])},
            )
            assert ran.returncode == 0, ran.stderr
            assert ran.stdout == data[offset : offset + size]
            # As many as the server counted, not as the example tells.
            _, chunks = keyfold.ciphertext_range(sealed[:44], len(sealed), offset, size)
            assert (served - before, requests - asked) == (4096 + chunks, 2), ran.stderr
            assert chunks <= size + 2 * 16400
        server.shutdown()
