"""c2pa-python, configured once: trust from given anchors only, never any network (no Django)."""

from __future__ import annotations

from typing import Any

import c2pa

ALLOWED_USAGES = "\n".join(
    (
        "1.3.6.1.4.1.62558.2.1",  # c2pa-kp-claimSigning
        "1.3.6.1.5.5.7.3.4",  # emailProtection
        "1.3.6.1.5.5.7.3.36",  # documentSigning
        "1.3.6.1.5.5.7.3.8",  # timeStamping
        "1.3.6.1.5.5.7.3.9",  # OCSPSigning
        "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft C2PA signing
    )
)
"""Without this list c2pa-rs takes emailProtection alone and calls all other signers invalid."""
MEMORY_THRESHOLD_MB = 64
"""Output above this size goes to a temporary file, so that memory does not grow with the film."""


def context(anchors_pem: str) -> c2pa.Context:
    """A context in which certificates under ``anchors_pem`` (and no others) are trusted."""
    settings: dict[str, Any] = {
        "trust": {"trust_anchors": anchors_pem, "trust_config": ALLOWED_USAGES},
        "verify": {
            "remote_manifest_fetch": False,
            "ocsp_fetch": False,
            "verify_trust": True,
            "verify_timestamp_trust": True,
            "verify_after_sign": False,  # the finisher signs later; read.py verifies then
        },
        "core": {
            "backing_store_memory_threshold_in_mb": MEMORY_THRESHOLD_MB,
            "decode_identity_assertions": False,
        },
        "builder": {"thumbnail": {"enabled": False}},
    }
    return c2pa.Context.from_dict(settings)
