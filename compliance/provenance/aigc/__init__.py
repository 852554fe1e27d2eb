"""The ``AIGC`` implicit label of GB 45438-2025: compose, write exactly one copy, read whatever is there."""

from compliance.provenance.aigc.files import AigcReading, read, write
from compliance.provenance.aigc.label import (
    AigcCopy,
    AigcLabel,
    Synthesis,
    compose,
    parse_liberal,
    parse_strict,
)
from compliance.provenance.aigc.provider import ProviderCode, Service, check_code, validate_provider_code

__all__ = [
    "AigcCopy",
    "AigcLabel",
    "AigcReading",
    "ProviderCode",
    "Service",
    "Synthesis",
    "check_code",
    "compose",
    "parse_liberal",
    "parse_strict",
    "read",
    "validate_provider_code",
    "write",
]
