"""An outside engine, complete and alone: it imports nothing of Avow, only numpy. Start here to attach another.

Given idle pictures it opens the mouth by the times of the speech sounds; given performed ones it sharpens them.

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
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

HEAD = struct.Struct(">4sI")
CLOSED, NARROW = {"sil", "p", "b", "m"}, {"f", "v", "s", "z", "w", "uw", "uu", "yu", "ts", "dz"}
FULL_GAP = 0.30  # of the mouth's width
SHARPEN = 0.35

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
    if job.get("protocol") != "avow-engine-1" or job.get("pixels") != "yuv420p bt709 limited":
        write(packed(b"ERR_", json.dumps({"text": "this engine speaks avow-engine-1 with yuv420p pictures"}).encode()))
        raise EOFError
    message(read)  # the sound: this engine needs only the times
    openings = opening_track(job)
    for number in range(job["frames"]):
        _kind, raw = message(read)
        picture = np.frombuffer(raw, np.uint8).copy()
        if job["pictures"] == "idle":
            open_mouth(picture, job["width"], job["height"], job["mouths"][number], openings[number])
        else:
            sharpen(picture[: job["width"] * job["height"]].reshape(job["height"], job["width"]))
        write(packed(b"FRM_", picture.tobytes()))
    message(read)  # END_
    write(packed(b"END_"))


def opening_track(job: dict[str, Any]) -> np.ndarray:
    """How far the mouth is open at each picture's centre, 0..1, a little softened."""
    step = 0.01
    start = job["first"] / job["fps"] - 0.2
    track = np.zeros(int((job["frames"] / job["fps"] + 0.4) / step) + 1)
    for symbol, begin, end in job["phones"]:
        vowel = symbol[0] in "aeiou" and symbol not in NARROW
        value = 0.0 if symbol in CLOSED else 0.9 if vowel else 0.1 if symbol in NARROW else 0.3
        track[max(0, round((begin - start) / step)) : max(0, round((end - start) / step))] = value
    kernel = np.hanning(11) / np.hanning(11).sum()
    soft = np.convolve(track, kernel, mode="same")
    centres = ((np.arange(job["frames"]) + 0.5) / job["fps"] + 0.2) / step
    return soft[np.clip(centres.astype(int), 0, len(soft) - 1)]


def open_mouth(picture: np.ndarray, width: int, height: int, box: list[float], opening: float) -> None:
    """Move what lies below the line of the lips down, most in the middle, and darken the gap; in place."""
    luma = picture[: width * height].reshape(height, width)
    left, top, wide, high = box
    line, reach = top + 0.48 * high, 1.1 * wide
    rows = np.arange(int(line), min(height, int(line + reach + 0.4 * wide)))
    columns = np.arange(max(0, int(left)), min(width, int(left + wide) + 1))
    across = (columns - (left + wide / 2)) / (0.46 * wide)
    gap = FULL_GAP * wide * opening * np.sqrt(np.clip(1 - across**2, 0, None))
    below = (rows - line)[:, None]
    fade = np.clip(1 - below / reach, 0, 1)
    source = np.clip(np.rint(rows[:, None] - gap[None, :] * fade), 0, height - 1).astype(int)
    inside = (below < gap[None, :]) & (gap[None, :] > 1)
    source = np.where(inside, rows[:, None], np.maximum(source, int(line)))
    moved = luma[source, columns[None, :]]
    luma[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = np.where(inside, 34, moved)


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
