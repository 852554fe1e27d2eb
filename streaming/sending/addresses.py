"""Where an output may lead: outside. A producer's address must not become a way into the operator's own network."""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

from django.conf import settings

from compliance.errors import Refused
from streaming.outputs.target import Target


def require_public(target: Target) -> None:
    """Raises Refused: host_unknown; private_address, unless AVOW_OUTPUT_PRIVATE allows servers on the own network.

    The name is resolved again when the connection is made: a name server that lies the second time is not caught
    here, so an operator with something to protect also shuts the way in the network.
    """
    if settings.AVOW_OUTPUT_PRIVATE:
        return
    try:
        found = socket.getaddrinfo(urlsplit(target.address).hostname, None)
    except OSError as error:
        raise Refused("host_unknown", "The server's name is not known.") from error
    if not all(ipaddress.ip_address(str(place[4][0]).partition("%")[0]).is_global for place in found):
        raise Refused("private_address", "The server lies in a private network.")
