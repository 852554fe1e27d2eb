"""Why an output is not connected, for people. Codes are those of `OutputStatus.reason` and of refusals."""

from __future__ import annotations

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TEXTS: dict[str, str | Promise] = {
    "no_answer": _("The server does not answer."),
    "died": _("The connection broke off unexpectedly."),
    "ConnectionRefusedError": _("The server takes no connections on this port."),
    "ConnectionResetError": _("The server has closed the connection."),
    "BrokenPipeError": _("The server has closed the connection."),
    "TimeoutError": _("The server does not answer."),
    "http_401": _("The server does not accept the key."),
    "http_403": _("The server does not accept the key."),
    "http_404": _("There is nothing at this address of the server."),
    "not_whip": _("The server does not speak WHIP at this address."),
    "no_media_path": _("The server was reached, but no connection for picture and sound came about."),
    "ConnectError": _("The server takes no connections on this port."),
    "ConnectTimeout": _("The server does not answer."),
    "ReadTimeout": _("The server does not answer."),
    "gaierror": _("The server's name is not known."),
    "host_unknown": _("The server's name is not known."),
    "SSLCertVerificationError": _("The server's certificate is not valid for its name."),
    "private_address": _("The server lies in a private network; this installation does not send there."),
    "segment_unverified": _("The last segment did not verify, so it was not sent."),
    "segment_gone": _("The last segment could not be read."),
    "sealed_corrupt": _("The stored key cannot be opened. Remove the output and add it again."),
}


def reason_text(code: str) -> str:
    """A sentence for every code; what FFmpeg names is passed on by its name."""
    if not code:
        return ""
    return str(TEXTS.get(code, _("The server refused: check address and stream key.")))
