"""Put an unsigned C2PA manifest into an MP4, in the sandbox: ``python -m compliance.provenance.assemble``.

The parser of foreign video bytes shares no process with the signing key: the store made here carries 64 zero
bytes for a signature, and the finisher fills in the real one. Arguments: source and target. Standard input:
JSON with ``definition``, ``chain`` (PEM, leaf first), ``anchors`` (PEM) and, where there are any, ``ingredients``
(what the engine wants to know of each, and its ``data`` in Base64).
"""

from __future__ import annotations

import base64
import io
import json
import sys
from pathlib import Path
from typing import Any

import c2pa

from compliance.provenance.engine import context
from compliance.provenance.errors import ContainerInvalid
from compliance.sandbox import child_main

EMPTY_SIGNATURE = bytes(64)


def assemble(source: Path, target: Path, given: dict[str, Any]) -> dict[str, Any]:
    """Write ``target`` and tell the store's size; raises ContainerInvalid when c2pa-rs refuses ``source``."""
    try:
        with (
            c2pa.Signer.from_callback(lambda _: EMPTY_SIGNATURE, c2pa.C2paSigningAlg.ES256, given["chain"]) as signer,
            c2pa.Builder(given["definition"], context(given["anchors"])) as builder,
            source.open("rb") as reading,
            target.open("w+b") as writing,
        ):
            for one in given.get("ingredients", ()):
                data = io.BytesIO(base64.b64decode(one.pop("data")))
                builder.add_ingredient(one, "video/mp4", data)
            return {"store_bytes": len(builder.sign(signer, "video/mp4", reading, writing))}
    except c2pa.C2paError as error:
        raise ContainerInvalid(
            "container_not_signable", "The video cannot carry a C2PA manifest.", reason=str(error)
        ) from error


def _work(arguments: list[str]) -> dict[str, Any]:
    source, target = map(Path, arguments)
    return assemble(source, target, json.load(sys.stdin))


if __name__ == "__main__":
    child_main(_work)
