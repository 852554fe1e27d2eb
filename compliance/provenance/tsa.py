"""Asking a time-stamping authority (RFC 3161 over HTTP) within a hard limit, and verifying its answer."""

from __future__ import annotations

import contextlib
import http.client
import socket
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from asn1crypto import tsp
from cryptography import x509
from django.utils.translation import gettext as _
from rfc3161_client import (
    HashAlgorithm,
    TimestampRequestBuilder,
    TimeStampResponse,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from compliance.provenance.errors import TsaUnavailable

TOTAL_TIMEOUT_S = 3.0
MAX_RESPONSE_BYTES = 64 * 1024
MAX_CLOCK_DIFFERENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class TimeStamp:
    """A verified time-stamp token: DER of the CMS ContentInfo, and the time it states (UTC)."""

    token: bytes
    time: datetime


def request_time_stamp(
    url: str, message: bytes, *, anchors: list[x509.Certificate], timeout_s: float = TOTAL_TIMEOUT_S
) -> TimeStamp:
    """Time-stamp ``message`` (SHA-256) at ``url``.

    Raises TsaUnavailable when there is no answer within ``timeout_s`` in all, when the answer is a refusal,
    does not verify under ``anchors``, or states a time more than five minutes from ours.
    """
    request = TimestampRequestBuilder().data(message).hash_algorithm(HashAlgorithm.SHA256).nonce().build()
    answer = _exchange(url, request.as_bytes(), timeout_s)
    try:
        response = decode_timestamp_response(answer)
        verifier = VerifierBuilder.from_request(request)
        for anchor in anchors:
            verifier = verifier.add_root_certificate(anchor)
        verifier.build().verify_message(response, message)
    except (ValueError, VerificationError) as error:
        raise TsaUnavailable(
            "tsa_answer_invalid",
            _("The time-stamping authority's answer does not verify. Check AVOW_TSA_URL and its anchor."),
            reason=str(error),
        ) from error
    _check_clock(response)
    return TimeStamp(bytes(tsp.TimeStampResp.load(answer)["time_stamp_token"].dump()), _time(response))


def _time(response: TimeStampResponse) -> datetime:
    return response.tst_info.gen_time.astimezone(UTC)


def _check_clock(response: TimeStampResponse) -> None:
    if abs(datetime.now(UTC) - _time(response)) > MAX_CLOCK_DIFFERENCE:
        raise TsaUnavailable(
            "tsa_clock_differs",
            _("The time-stamping authority's clock and ours differ by more than five minutes. Check both."),
        )


def _exchange(url: str, body: bytes, timeout_s: float) -> bytes:
    """POST and read, cut off after ``timeout_s`` even if the other side drips single bytes."""
    connection = _connection(url, timeout_s)
    outcome: list[bytes | Exception] = []

    def work() -> None:
        try:
            outcome.append(_post(connection, urlsplit(url).path or "/", body))
        except (OSError, http.client.HTTPException, TsaUnavailable, ValueError) as error:
            outcome.append(error)

    thread = threading.Thread(target=work, name="tsa-request", daemon=True)
    thread.start()
    thread.join(timeout_s)
    # The socket's own time-out is as long and may be told first.
    if not outcome or isinstance(outcome[0], TimeoutError):
        _cut(connection)
        raise TsaUnavailable("tsa_timeout", _("The time-stamping authority did not answer in time. Try again."))
    if isinstance(outcome[0], TsaUnavailable):
        raise outcome[0]
    if isinstance(outcome[0], Exception):
        raise TsaUnavailable(
            "tsa_unreachable",
            _("The time-stamping authority cannot be reached. Check AVOW_TSA_URL, or try again later."),
            reason=str(outcome[0]),
        ) from outcome[0]
    return outcome[0]


def _connection(url: str, timeout_s: float) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise TsaUnavailable("tsa_url_invalid", _("AVOW_TSA_URL is not an http or https address."))
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.hostname, parts.port, timeout=timeout_s)


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> bytes:
    connection.request("POST", path, body, {"Content-Type": "application/timestamp-query"})
    response = connection.getresponse()
    answer = response.read(MAX_RESPONSE_BYTES + 1)
    connection.close()
    if response.status != 200 or len(answer) > MAX_RESPONSE_BYTES:
        raise TsaUnavailable(
            "tsa_refused",
            _("The time-stamping authority refused the request (HTTP %(status)s).") % {"status": response.status},
        )
    return answer


def _cut(connection: http.client.HTTPConnection) -> None:
    """Wake the thread that waits on the socket, so that it ends now rather than at its own time-out."""
    if connection.sock is not None:
        with contextlib.suppress(OSError):  # it closed in the meantime, which is all we wanted
            connection.sock.shutdown(socket.SHUT_RDWR)
