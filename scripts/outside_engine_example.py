"""An outside engine, complete and alone: it imports nothing of Avow, only numpy. Start here to attach another.

It refines: every picture of the built-in engine's performance comes back with clearer detail ("gets": "performed").
An engine that draws the mouth itself answers jobs with idle pictures in the same way, from the sound or the phones.

    as a process (Avow starts it)     python outside_engine_example.py
    as a service                      python outside_engine_example.py --serve 8090

The protocol is explained in docs/avatar-adapters.md.
"""

from __future__ import annotations

import argparse
import json
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

HEAD = struct.Struct(">4sI")
SHARPEN = 0.6

Read = Callable[[int], bytes]
Write = Callable[[bytes], object]


def message(read: Read) -> tuple[bytes, bytes]:
    """One message; raises EOFError at the end of the stream."""
    kind, length = HEAD.unpack(read(HEAD.size))
    return kind, read(length)


def packed(kind: bytes, payload: bytes = b"") -> bytes:
    return HEAD.pack(kind, len(payload)) + payload


def work(read: Read, write: Write) -> None:
    """One job: every picture is answered as soon as it comes."""
    kind, payload = message(read)
    job = json.loads(payload) if kind == b"JOB_" else {}
    if (job.get("protocol"), job.get("pixels")) != ("avow-engine-1", "yuv420p bt709 limited"):
        refuse(write, "this engine speaks avow-engine-1 with yuv420p pictures")
    if job["pictures"] != "performed":
        refuse(write, 'this engine only refines: set "gets" to "performed"')
    message(read)  # the sound and, in the job, the phones: an engine that draws lips needs them
    for _number in range(job["frames"]):
        _kind, raw = message(read)
        picture = np.frombuffer(raw, np.uint8).copy()
        sharpen(picture[: job["width"] * job["height"]].reshape(job["height"], job["width"]))
        write(packed(b"FRM_", picture.tobytes()))
    message(read)  # END_
    write(packed(b"END_"))


def refuse(write: Write, text: str) -> None:
    """Say no in a sentence for the operator, and end."""
    write(packed(b"ERR_", json.dumps({"text": text}).encode()))
    raise EOFError


def sharpen(luma: np.ndarray) -> None:
    """Unsharp mask with a 3 x 3 mean; in place."""
    padded = np.pad(luma.astype(np.float32), 1, mode="edge")
    height, width = luma.shape
    mean = sum(padded[y : y + height, x : x + width] for y in range(3) for x in range(3)) / 9
    luma[:] = np.clip(np.rint(luma + SHARPEN * (luma - mean)), 16, 235).astype(np.uint8)


def exactly(source: Any) -> Read:
    """Read as many bytes as asked for from a pipe or a socket."""

    def read(length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = source.read(length - len(data))
            if not part:
                raise EOFError
            data += part
        return data

    return read


def unchunked(source: Any) -> Iterator[bytes]:
    """The body of a request with chunked transfer coding (RFC 9112, section 7.1)."""
    while size := int(source.readline().split(b";")[0], 16):
        yield source.read(size)
        source.readline()


class Service(BaseHTTPRequestHandler):
    """POST a job, get its pictures."""

    protocol_version = "HTTP/1.0"

    def do_POST(self) -> None:
        if self.headers.get("Transfer-Encoding", "") == "chunked":
            body = b"".join(unchunked(self.rfile))
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        position = 0

        def read(length: int) -> bytes:
            nonlocal position
            position += length
            return body[position - length : position]

        self.send_response(200)
        self.end_headers()
        with suppress(EOFError):
            work(read, self.wfile.write)

    def log_message(self, format: str, *args: object) -> None:
        """No line per job."""


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--serve", type=int, metavar="PORT", help="be an HTTP service instead of a process")
    options = parser.parse_args()
    if options.serve is not None:
        with ThreadingHTTPServer(("127.0.0.1", options.serve), Service) as server:
            print(server.server_address[1], flush=True)
            server.serve_forever()
    read = exactly(sys.stdin.buffer)

    def write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    try:
        while True:
            work(read, write)
    except EOFError:
        return 0


if __name__ == "__main__":
    sys.exit(main())
