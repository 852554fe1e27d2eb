"""A client for any OpenAI-compatible `/v1/chat/completions`, for a room that must never wait for it.

Failures are `ModelFailure` with one of: model_unreachable, model_connect_timeout, model_first_token_timeout,
model_total_timeout, model_status, model_error, model_garbage, model_closed_midway, model_too_large,
model_cancelled, model_budget_spent, model_circuit_open.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from streaming.dialogue.errors import ModelFailure, PolicyRefused
from streaming.dialogue.event_stream import EventReader, Piece, read_event
from streaming.dialogue.spending import Budget, CircuitBreaker

Messages = Sequence[Mapping[str, str]]
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHARS_PER_TOKEN = 2
# After the last word a server may still tell the tokens used; nobody waits long for that.
_AFTER_LAST_S = 0.3
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Where the model is and how long it may take. Times in seconds, > 0.

    `url` is the server's base up to and without `/chat/completions`. `total_s` bounds everything, retries
    included. `api_key` never appears in a `repr`.
    """

    url: str
    model: str
    api_key: str = field(default="", repr=False)
    connect_s: float = 1.5
    first_token_s: float = 3.0
    total_s: float = 8.0
    retries: int = 1
    backoff_s: float = 0.2
    max_reply_bytes: int = 131_072
    max_tokens: int = 400
    temperature: float = 0.3

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise PolicyRefused("model_url", "Give the model's address with http:// or https://.")
        if min(self.connect_s, self.first_token_s, self.total_s) <= 0 or self.retries < 0:
            raise PolicyRefused("model_times", "The model's time limits must be above zero.")


class ChatClient:
    """Requests of one room to one model: within its budget, behind its circuit breaker."""

    def __init__(
        self,
        settings: ModelSettings,
        *,
        budget: Budget | None = None,
        breaker: CircuitBreaker | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.budget = budget or Budget()
        self._breaker = breaker or CircuitBreaker()
        self._clock = clock

    async def ask(self, http: httpx.AsyncClient, messages: Messages, on_text: Callable[[str], None]) -> None:
        """Stream one reply into `on_text`. Text already handed out stays valid when it fails midway.

        Raises:
            ModelFailure: see the module.
        """
        self._breaker.admit(self._clock())
        asked = sum(len(message["content"]) for message in messages) // _CHARS_PER_TOKEN
        held = self.budget.reserve(asked + self.settings.max_tokens, self._clock())
        try:
            async with asyncio.timeout(self.settings.total_s):
                tokens = await self._with_retries(http, messages, on_text)
        except TimeoutError as error:
            self._breaker.failed(self._clock())
            raise ModelFailure("model_total_timeout", "The language model did not finish in time.") from error
        except ModelFailure:
            self._breaker.failed(self._clock())
            raise
        self._breaker.succeeded()
        if tokens is not None:
            self.budget.settle(held, tokens)

    async def _with_retries(
        self, http: httpx.AsyncClient, messages: Messages, on_text: Callable[[str], None]
    ) -> int | None:
        for attempt in range(self.settings.retries + 1):
            spoken = _Counted(on_text)
            try:
                return await self._once(http, messages, spoken)
            except ModelFailure as failure:
                again = failure.details.get("retry", False) and not spoken.any and attempt < self.settings.retries
                if not again:
                    raise
            await asyncio.sleep(self.settings.backoff_s * 2**attempt)
        raise AssertionError("the last attempt returns or raises")

    async def _once(self, http: httpx.AsyncClient, messages: Messages, on_text: Callable[[str], None]) -> int | None:
        s = self.settings
        limits = httpx.Timeout(None, connect=s.connect_s, write=s.connect_s, pool=s.connect_s)
        try:
            # Headers count as waiting for the first token: a server can drip those too.
            async with asyncio.timeout(s.first_token_s) as patience:
                async with http.stream(
                    "POST", self._url, json=self._body(messages), headers=self._headers, timeout=limits
                ) as reply:
                    _check_status(reply)
                    return await self._read(reply, on_text, patience)
        except TimeoutError as error:
            text = "The language model did not begin to answer in time."
            raise ModelFailure("model_first_token_timeout", text) from error
        except httpx.ConnectTimeout as error:
            raise _failure(
                "model_connect_timeout", "The language model's server does not answer.", retry=True
            ) from error
        except (httpx.RemoteProtocolError, httpx.ReadError) as error:
            raise _failure("model_closed_midway", "The language model's server hung up.", retry=True) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _failure("model_unreachable", "The language model's server cannot be reached.", retry=True) from error

    async def _read(
        self, reply: httpx.Response, on_text: Callable[[str], None], patience: asyncio.Timeout
    ) -> int | None:
        if "application/json" in reply.headers.get("content-type", ""):
            return await self._read_whole(reply, on_text, patience)
        reader, size, is_last, tokens = EventReader(), 0, False, None
        chunks = reply.aiter_raw()
        while not (is_last and tokens is not None):
            chunk = await _next(chunks, _AFTER_LAST_S if is_last else None)
            if chunk is None:
                break
            size += len(chunk)
            self._check_size(size)
            for piece in reader.feed(chunk):
                tokens = piece.tokens if piece.tokens is not None else tokens
                is_last = is_last or piece.is_last
                if piece.text:
                    patience.reschedule(None)
                    on_text(piece.text)
        if not is_last:
            raise _failure("model_closed_midway", "The language model's reply breaks off.", retry=True)
        return tokens

    async def _read_whole(
        self, reply: httpx.Response, on_text: Callable[[str], None], patience: asyncio.Timeout
    ) -> int | None:
        """The reply of a server that does not stream; the total time bounds it alone."""
        patience.reschedule(None)
        body = b""
        async for chunk in reply.aiter_raw():
            body += chunk
            self._check_size(len(body))
        piece: Piece = read_event(body)
        on_text(piece.text)
        return piece.tokens

    def _check_size(self, size: int) -> None:
        if size > self.settings.max_reply_bytes:
            raise ModelFailure("model_too_large", "The language model's reply is larger than allowed.")

    @property
    def _url(self) -> str:
        return f"{self.settings.url.rstrip('/')}/chat/completions"

    @property
    def _headers(self) -> dict[str, str]:
        # No compression: a small packed reply could unfold into a huge one.
        plain = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        return {**plain, "Authorization": f"Bearer {self.settings.api_key}"} if self.settings.api_key else plain

    def _body(self, messages: Messages) -> dict[str, object]:
        s = self.settings
        bounds = {"max_tokens": s.max_tokens, "temperature": s.temperature}
        options = {"stream": True, "stream_options": {"include_usage": True}}
        return {"model": s.model, "messages": [dict(message) for message in messages], **bounds, **options}


async def _next(chunks: AsyncIterator[bytes], wait_s: float | None) -> bytes | None:
    """The next chunk, or None at the end or when it does not come within `wait_s` seconds."""
    try:
        async with asyncio.timeout(wait_s):
            return await anext(chunks, None)
    except TimeoutError:
        if wait_s is None:
            raise
        return None


class _Counted:
    """Hands text on and remembers whether there was any."""

    def __init__(self, on_text: Callable[[str], None]) -> None:
        self._on_text = on_text
        self.any = False

    def __call__(self, text: str) -> None:
        self.any = True
        self._on_text(text)


def _check_status(reply: httpx.Response) -> None:
    if reply.status_code != 200:
        text = f"The language model's server answers with status {reply.status_code}."
        raise _failure("model_status", text, retry=reply.status_code in _RETRIED)


def _failure(code: str, text: str, *, retry: bool) -> ModelFailure:
    return ModelFailure(code, text, retry=retry)


class Ticket:
    """One request under way. `lines()` may be read while it runs; `cancel()` from any thread."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._lines: queue.SimpleQueue[str | ModelFailure | None] = queue.SimpleQueue()
        self._rest = ""
        self._cancel: Callable[[], object] = lambda: None
        self.failure: ModelFailure | None = None

    def lines(self) -> Iterator[str]:
        """Complete lines of the reply as they come; ends when the reply does. Never raises: see `failure`.

        Should the desk itself be gone, it ends `patience_s` seconds after the last line.
        """
        try:
            while (item := self._lines.get(timeout=self._patience_s)) is not None:
                if isinstance(item, ModelFailure):
                    self.failure = item
                else:
                    yield item
        except queue.Empty:
            self.failure = ModelFailure("model_total_timeout", "The language model did not finish in time.")

    def cancel(self) -> None:
        """Give the request up; `lines()` ends with the failure model_cancelled."""
        self._cancel()

    def add(self, text: str) -> None:
        """Append text of the reply."""
        *whole, self._rest = (self._rest + text).split("\n")
        for line in whole:
            self._lines.put(line)

    def close(self, failure: ModelFailure | None) -> None:
        """End the reply; a last line without its end counts only when nothing failed."""
        if failure is None and self._rest:
            self._lines.put(self._rest)
        elif failure is not None:
            self._lines.put(failure)
        self._lines.put(None)

    def bind(self, cancel: Callable[[], object]) -> None:
        """Set what `cancel` does."""
        self._cancel = cancel


class ModelDesk:
    """A thread with an event loop that carries the requests of all rooms of a process. Close it at the end."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="model-desk", daemon=True)
        self._thread.start()
        # No proxies and passwords from the environment, no redirects to elsewhere.
        self._http = httpx.AsyncClient(trust_env=False, follow_redirects=False)

    def ask(self, client: ChatClient, messages: Messages) -> Ticket:
        """Begin a request; returns at once. On a closed desk the ticket fails at once."""
        # The client ends every request within `total_s`; the rest is for a busy machine.
        ticket = Ticket(client.settings.total_s + _GRACE_S)
        if self._loop.is_closed():
            ticket.close(ModelFailure("model_unreachable", "The desk for language models is closed."))
            return ticket
        future = asyncio.run_coroutine_threadsafe(self._carry(client, messages, ticket), self._loop)
        ticket.bind(future.cancel)
        return ticket

    async def _carry(self, client: ChatClient, messages: Messages, ticket: Ticket) -> None:
        failure: ModelFailure | None = None
        try:
            await client.ask(self._http, messages, ticket.add)
        except ModelFailure as error:
            failure = error
        except asyncio.CancelledError:
            failure = ModelFailure("model_cancelled", "The request was given up.")
        except Exception:
            # A room goes on whatever happens here; what it was is for the log of the loop.
            failure = ModelFailure("model_unreachable", "The request failed for an unforeseen reason.")
            raise
        finally:
            ticket.close(failure)

    def close(self) -> None:
        """End all requests and the thread."""
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _shut(self) -> None:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await self._http.aclose()
