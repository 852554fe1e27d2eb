"""Verified TLS around an RTMP connection.

FFmpeg's RTMPS takes every certificate and offers no way to change that, so the TLS is ours: the server is verified
here, and a process of its own carries bytes between it and FFmpeg's plain RTMP on the loopback interface. It is a
process because FFmpeg holds the interpreter of the one it runs in.
"""

from __future__ import annotations

import os
import select
import socket
import ssl

_CONNECT_S, _STEP_S = 5.0, 10.0


def open_tls_relay(host: str, port: int) -> int:
    """Connect to `host`, verify its certificate, and return the loopback port that leads there, for one connection.

    Raises:
        ssl.SSLError: the certificate does not hold, or the server speaks no TLS. OSError: it cannot be reached.
    """
    plain = socket.create_connection((host, port), timeout=_CONNECT_S)
    far = ssl.create_default_context().wrap_socket(plain, server_hostname=host)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1)
    near_port: int = listener.getsockname()[1]
    if os.fork() == 0:
        try:
            _relay(listener, far)
        finally:
            os._exit(0)
    listener.close()
    far.close()
    return near_port


def _relay(listener: socket.socket, far: ssl.SSLSocket) -> None:
    for inherited in (0, 1):  # the parent must see the end of its child, not of this process
        os.close(inherited)
    listener.settimeout(_STEP_S)
    near, _address = listener.accept()
    listener.close()
    while True:
        ready = [far] if far.pending() else select.select([near, far], [], [])[0]
        for end in ready:
            data = _what_came(end)
            if data == b"":
                return
            if data:
                (far if end is near else near).sendall(data)


def _what_came(end: socket.socket) -> bytes | None:
    """Bytes to carry on, b"" at the end; None when only TLS itself had something to say.

    A session ticket makes a socket readable and holds nothing for us (RFC 8446, 4.6.1); waiting for what may follow it
    would leave the other direction standing.
    """
    end.settimeout(0)
    try:
        return end.recv(65536)
    except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
        return None
    finally:
        end.settimeout(_STEP_S)
