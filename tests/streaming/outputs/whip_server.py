"""A WHIP endpoint (RFC 9725) that really receives: aiortc behind a small web server, in a thread."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiortc import MediaStreamError, RTCConfiguration, RTCPeerConnection, RTCSessionDescription


@dataclass
class Session:
    """What one publisher sent: pictures as (seconds, width, height, mean of luma), samples of sound."""

    peer: RTCPeerConnection
    pictures: list[tuple[float, int, int, float]] = field(default_factory=list)
    loud: list[float] = field(default_factory=list)
    ended: bool = False


class WhipServer:
    """Takes offers with the right token and keeps what comes."""

    def __init__(self, token: str) -> None:
        self.token, self.sessions = token, list[Session]()
        self.offers: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                offer = self.rfile.read(int(self.headers["Content-Length"])).decode()
                if self.headers["Authorization"] != f"Bearer {server.token}":
                    self._reply(401, "")
                elif self.headers["Content-Type"] != "application/sdp":
                    self._reply(415, "")
                else:
                    server.offers.append(offer)
                    self._reply(201, server.run(server.accept(offer)).result(20))

            def do_DELETE(self) -> None:
                session = server.sessions[int(self.path.rpartition("/")[2])]
                session.ended = self.headers["Authorization"] == f"Bearer {server.token}"
                server.run(session.peer.close()).result(20)
                self._reply(200, "")

            def _reply(self, status: int, body: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/sdp")
                self.send_header("Content-Length", str(len(body)))
                if status == 201:
                    self.send_header("Location", f"/session/{len(server.sessions) - 1}")
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_args: object) -> None:
                """Quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._http.server_port}/whip/room"
        threading.Thread(target=self._http.serve_forever, daemon=True).start()

    def run(self, work: Any) -> Future[Any]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def accept(self, offer: str) -> str:
        """The answer to an offer; what is sent then is received in the background."""
        session = Session(RTCPeerConnection(RTCConfiguration(iceServers=[])))
        self.sessions.append(session)

        @session.peer.on("track")
        def receive(track: Any) -> None:
            task = self._loop.create_task(self._receive(track, session))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        await session.peer.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await session.peer.setLocalDescription(await session.peer.createAnswer())
        return str(session.peer.localDescription.sdp)

    @staticmethod
    async def _receive(track: Any, session: Session) -> None:
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if track.kind == "video":
                luma = frame.to_ndarray(format="gray")
                session.pictures.append((float(frame.pts * frame.time_base), frame.width, frame.height, luma.mean()))
            else:
                session.loud.append(float(abs(frame.to_ndarray()).max()))

    def stop(self) -> None:
        for session in self.sessions:
            self.run(session.peer.close()).result(20)
        self._http.shutdown()
        self._http.server_close()
        self._loop.call_soon_threadsafe(self._loop.stop)
