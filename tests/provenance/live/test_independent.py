"""A verifier that shares no code with ours reads the same stream, in its own dialect of two fields."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import encypher_c2pa
import pytest

from compliance.provenance.live import LiveSession, SessionAlgorithm, SessionTerms
from compliance.provenance.live.session_keys import Dialect
from compliance.provenance.pki import to_pem
from tests.provenance.conftest import Installation
from tests.provenance.live.conftest import Stream, signed_stream
from tests.provenance.live.forging import flip_in, with_signature_of
from tests.streaming.packager.scenes import SMALL, session


@pytest.fixture(scope="module", params=list(SessionAlgorithm))
def dialect_stream(
    request: Any, begin: Callable[..., LiveSession], media: tuple[bytes, list[bytes]], installation: Installation
) -> Stream:
    terms = SessionTerms(algorithm=request.param, dialect=Dialect.ENCYPHER_1_7)
    return signed_stream(begin(terms=terms), media, installation.keys)


def judged(
    stream: Stream, segments: list[bytes], installation: Installation, *, strict: bool = False, brand: str = "CMAF"
) -> Any:
    anchors = to_pem(installation.pki.anchors()).decode()
    return encypher_c2pa.verify_stream(
        stream.init,
        segments,
        "video/mp4",
        encapsulation=brand,
        trust_pem=anchors,
        tsa_trust_pem=anchors,
        no_default_trust=True,
        strict_conformance=strict,
        telemetry=False,
        online=False,
    )


def test_every_segment_is_accepted(dialect_stream: Stream, installation: Installation) -> None:
    report = judged(dialect_stream, list(dialect_stream.segments), installation)
    assert (report["integrity"], report["stream"]["validation_state"]) == ("valid", "Trusted")
    assert report["stream"]["validation_results"]["failure"] == []


def test_the_conformance_programme_misses_revocation_alone(dialect_stream: Stream, installation: Installation) -> None:
    """As for files: the development CA has no OCSP responder whose answer could be stapled."""
    report = judged(dialect_stream, list(dialect_stream.segments), installation, strict=True)
    missed = {one["code"] for one in report["stream"]["validation_results"]["failure"]}
    assert missed == {"com.encypher.conformance.revocationInformationMissing", "livevideo.manifest.invalid"}


def bad_streams(good: Stream, bare: list[bytes]) -> Iterator[tuple[str, list[bytes]]]:
    first, second, third, *_rest = good.segments
    yield "picture changed", [first, flip_in(second, b"mdat"), third]
    yield "index changed", [first, flip_in(second, b"moof"), third]
    yield "signature changed", [first, flip_in(second, b"emsg"), third]
    yield "dropped", [first, third]
    yield "swapped", [first, third, second]
    yield "replayed", [first, second, second]
    yield "signature on other media", [first, with_signature_of(third, second)]
    yield "unsigned", [first, bare[1], third]


def test_every_tampered_stream_is_refused(
    dialect_stream: Stream, media: tuple[bytes, list[bytes]], installation: Installation
) -> None:
    accepted = [
        name
        for name, segments in bad_streams(dialect_stream, media[1])
        if judged(dialect_stream, segments, installation)["integrity"] == "valid"
    ]
    assert accepted == []


def test_what_a_room_s_packager_makes_is_accepted_too(
    begin: Callable[..., LiveSession], installation: Installation
) -> None:
    """Pictures with sound and the moment they were shown at (`prft`), as they go on air."""
    made = session(SMALL, 75)
    media = (made.packager.init("low"), [one.data for one in made.segments])
    stream = signed_stream(begin(terms=SessionTerms(dialect=Dialect.ENCYPHER_1_7)), media, installation.keys)
    report = judged(stream, list(stream.segments), installation, brand="fMP4")
    assert (report["integrity"], report["stream"]["validation_state"]) == ("valid", "Trusted")
    first, second, third = stream.segments
    for box in (b"mdat", b"prft"):
        tampered = [first, flip_in(second, box), third]
        assert judged(stream, tampered, installation, brand="fMP4")["integrity"] != "valid"


def test_streams_for_the_air_do_not_speak_the_dialect(stream: Stream) -> None:
    """The switch is for this file: what a session signs by default has the specification's value."""
    assert all(b"verifiable-segment-info\0fseg\0" in one for one in stream.segments)
