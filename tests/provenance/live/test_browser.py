"""The verifier of the viewer's page, in a real Chromium under the site's own policy: it judges as ours does."""

from __future__ import annotations

import base64
import random
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.utils.translation import override
from playwright.sync_api import Page, sync_playwright

from compliance.provenance.live import LiveInvalid, LiveSession, LiveVerifier, SessionAlgorithm, SessionTerms
from compliance.provenance.live.selectors import viewer_options
from compliance.provenance.manifest import DigitalSource
from tests.provenance.conftest import MARK, Installation
from tests.provenance.live.conftest import Numbers, Stream, signed_stream
from tests.provenance.live.forging import flip, sign_with_stolen_key, with_signature_of
from tests.provenance.live.media import boxes
from tests.provenance.live.test_attacks import CHANGES, INITS

pytestmark = pytest.mark.browser

STATIC = Path(__file__).resolve().parents[3] / "static"
POLICY = "; ".join(f"{name} {' '.join(values)}" for name, values in site.CONTENT_SECURITY_POLICY["DIRECTIVES"].items())
JUDGE = """async ({init, segments, options, clock}) => {
  const { LiveVerification } = await import('/avow/live_verify.js')
  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
  const now = () => Date.now() + clock
  let stream
  try {
    stream = await LiveVerification.create(bytes(init), {...options, now})
  } catch (error) {
    return [[false, null, error.reason || String(error), error.code]]
  }
  const verdicts = await Promise.all(segments.map((one) => stream.verifySegment(bytes(one))))
  return verdicts.map((one) => [one.ok, one.sequence, one.reason, one.code, one.text])
}"""


STATEMENTS = """async ({init, options}) => {
  const { LiveVerification } = await import('/avow/live_verify.js')
  const bytes = Uint8Array.from(atob(init), (letter) => letter.charCodeAt(0))
  return (await LiveVerification.create(bytes, options)).statements
}"""


FOLLOW = """async ({parts, options, clock}) => {
  const { LiveVerification } = await import('/avow/live_verify.js')
  const bytes = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0))
  const reasons = []
  let after = null
  for (const [init, segment] of parts) {
    after = await LiveVerification.create(bytes(init), {...options, after, now: () => Date.now() + clock})
    reasons.push((await after.verifySegment(bytes(segment))).reason)
  }
  return reasons
}"""


class Site(SimpleHTTPRequestHandler):
    """The static files, and one empty page, under the site's content security policy."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def do_GET(self) -> None:
        if self.path == "/":
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, *_args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("CHROMIUM ABSENT: the page's verifier was not run")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(STATIC)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        yield page
        browser.close()
    server.shutdown()
    server.server_close()


Judge = Callable[..., list[list[Any]]]


@pytest.fixture
def judge(page: Page, installation: Installation) -> Judge:
    """The page's verdicts on a stream: ok, number, reason, code, sentence."""

    def judged(init: bytes, segments: Any, clock: timedelta = timedelta(), **options: Any) -> list[list[Any]]:
        given = {
            "init": base64.b64encode(init).decode(),
            "segments": [base64.b64encode(one).decode() for one in segments],
            "options": {**viewer_options(pki=installation.pki), **options},
            "clock": clock.total_seconds() * 1000,
        }
        found: list[list[Any]] = page.evaluate(JUDGE, given)
        return found

    return judged


@pytest.fixture
def ours(installation: Installation) -> Judge:
    """The same verdicts of the verifier in Python."""

    def judged(init: bytes, segments: Any, clock: timedelta = timedelta()) -> list[list[Any]]:
        anchors = installation.pki.anchor_paths()
        verifier = LiveVerifier(anchors, sandboxed=False, now=lambda: datetime.now(UTC) + clock)
        verdicts: list[list[Any]] = []
        try:
            verifier.init(init)
        except LiveInvalid as refusal:
            return [[False, None, refusal.reason.value, refusal.code]]
        for segment in segments:
            try:
                verdicts.append([True, verifier.segment(segment).sequence, "", ""])
            except LiveInvalid as refusal:
                verdicts.append([False, refusal.details.get("sequence"), refusal.reason.value, refusal.code])
        return verdicts

    return judged


def told(verdicts: list[list[Any]]) -> list[tuple[Any, ...]]:
    """What both sides must agree on; the number of a refused segment is beside the point."""
    return [(ok, sequence if ok else None, reason, code) for ok, sequence, reason, code, *_text in verdicts]


@pytest.mark.parametrize("algorithm", list(SessionAlgorithm))
def test_a_stream_holds_in_the_page(
    algorithm: SessionAlgorithm, judge: Judge, begin: Callable[..., LiveSession], media: Any, installation: Installation
) -> None:
    stream = signed_stream(begin(terms=SessionTerms(algorithm=algorithm)), media, installation.keys)
    assert told(judge(stream.init, stream.segments)) == [(True, number, "", "") for number in range(1, 7)]


def test_every_change_to_a_segment_is_judged_as_by_us(judge: Judge, ours: Judge, stream: Stream) -> None:
    attacked = [change(stream.segments[1]) for change, _reason in CHANGES.values()]
    segments = [stream.segments[0], *attacked, stream.segments[1]]
    found = told(judge(stream.init, segments))
    assert found == told(ours(stream.init, segments))
    assert [ok for ok, *_rest in found] == [True, *[False] * len(attacked), True]


def test_every_change_to_the_order_is_judged_as_by_us(
    judge: Judge, ours: Judge, stream: Stream, other_stream: Stream, media: Any
) -> None:
    one, two, three, four, five, six = stream.segments
    for segments in (
        [one, three, four], [one, three, two, four], [one, two, two, three], [one, other_stream.segments[1], two],
        [one, with_signature_of(other_stream.segments[1], two), two], [one, media[1][1], two, three], [six, five],
    ):  # fmt: skip
        found = told(judge(stream.init, segments))
        assert found == told(ours(stream.init, segments))
        assert False in [ok for ok, *_rest in found]
    assert {reason for _ok, _number, reason, _code in told(judge(other_stream.init, [one]))} == {"manifest_of_another"}


@pytest.mark.parametrize("name", INITS)
def test_every_change_to_the_init_is_judged_as_by_us(name: str, judge: Judge, ours: Judge, stream: Stream) -> None:
    changed = INITS[name][0](stream.init)
    assert told(judge(changed, [])) == told(ours(changed, [])) != []


def test_what_a_stolen_key_signs_is_judged_as_by_us(
    judge: Judge, ours: Judge, begin: Callable[..., LiveSession], media: Any, installation: Installation
) -> None:
    session = begin(Numbers(4))
    init = signed_stream(session, (media[0], []), installation.keys).init
    created, expires = session.key_terms.created_at, session.key_terms.expires_at
    second = timedelta(seconds=1)
    forged = [
        sign_with_stolen_key(session, media[1][0], number, moment)
        for number, moment in ((5, created - second), (5, expires + second), (4, created), (5, expires))
    ]
    later = timedelta(hours=25)
    found = told(judge(init, forged, later))
    assert found == told(ours(init, forged, later))
    assert [reason for _ok, _number, reason, _code in found] == [
        "key_not_yet_valid", "key_expired", "sequence_too_low", "",
    ]  # fmt: skip


def test_random_damage_is_judged_as_by_us(judge: Judge, ours: Judge, stream: Stream) -> None:
    """Seeded, so that a difference found once is found again."""
    chance = random.Random(2024)
    segment, size = stream.segments[0], len(stream.segments[0])
    start, end = next((start, end) for kind, start, end in boxes(segment) if kind == b"emsg")
    places = [chance.randrange(start, end) for _ in range(150)] + [chance.randrange(size) for _ in range(50)]
    damaged = [flip(segment, at, chance.randrange(8)) for at in places]
    damaged += [segment[:at] + chance.randbytes(chance.randrange(6)) + segment[at + 3 :] for at in places[:60]]
    found, expected = told(judge(stream.init, damaged)), told(ours(stream.init, damaged))
    assert [(ok, code) for ok, _number, _reason, code in found] == [(ok, code) for ok, _n, _r, code in expected]


def test_random_damage_to_the_init_is_never_trusted(judge: Judge, stream: Stream) -> None:
    """Everywhere but in the padding of the signature's box, which no signature can cover."""
    chance = random.Random(2025)
    _kind, start, end = boxes(stream.init)[1]
    signature = stream.init.index(b"c2pa.signature\0")
    for at in [*(chance.randrange(start, signature) for _ in range(60)), *range(start, start + 90), end - 1]:
        (verdict,) = judge(flip(stream.init, at, chance.randrange(8)), []) or [[True]]
        assert verdict[0] is False, at - start


def test_the_page_learns_what_the_signer_states(page: Page, stream: Stream, installation: Installation) -> None:
    given = {"init": base64.b64encode(stream.init).decode(), "options": viewer_options(pki=installation.pki)}
    stated = page.evaluate(STATEMENTS, given)
    assert stated.pop("manifestId").startswith("urn:c2pa:")
    assert stated == {
        "title": "Autumn tea, take 3",
        "signer": "Avow claim signer",
        "receiptId": "8c7d8a52-3f5d-4a3f-9d39-1f1a5bb0a0c1",
        "mark": MARK.hex(),
        "digitalSourceType": DigitalSource.COMPOSITE.uri,
    }


def test_what_was_signed_long_before_is_not_shown_after(
    page: Page, begin: Callable[..., LiveSession], stream: Stream, media: Any, installation: Installation
) -> None:
    hour = timedelta(hours=1)
    later = signed_stream(begin(now=lambda: datetime.now(UTC) + hour), media, installation.keys)

    def shown(*parts: tuple[Stream, int]) -> list[str]:
        given = [
            [base64.b64encode(part).decode() for part in (one.init, one.segments[number])] for one, number in parts
        ]
        options = viewer_options(pki=installation.pki)
        found: list[str] = page.evaluate(
            FOLLOW, {"parts": given, "options": options, "clock": hour.total_seconds() * 1000}
        )
        return found

    assert shown((stream, 0), (later, 0)) == ["", ""]
    assert shown((later, 0), (stream, 0), (later, 1)) == ["", "signed_earlier", ""]
    assert shown((stream, 0), (later, 0), (later, 0)) == ["", "", "sequence_repeated"]


def test_trust_comes_from_the_site_s_anchors_alone(judge: Judge, stream: Stream) -> None:
    for pins in ([], ["00" * 32]):
        (verdict,) = judge(stream.init, [], trustedCertificateSha256=pins)
        assert verdict[2] == "manifest_not_trusted"
    (verdict,) = judge(stream.init, [], certificates=[])
    assert verdict[2] == "manifest_not_trusted"


def test_a_signer_s_certificate_that_has_ended_is_not_trusted(judge: Judge, stream: Stream) -> None:
    (verdict,) = judge(stream.init, [], timedelta(days=400))
    assert verdict[2] == "manifest_not_trusted"


def test_an_older_browser_says_that_it_cannot_check(judge: Judge, page: Page, stream: Stream) -> None:
    """A browser without Ed25519 answers as the standard of WebCrypto says it must."""
    page.evaluate("""() => {
      window.importKey = crypto.subtle.importKey
      crypto.subtle.importKey = function (format, data, algorithm, ...rest) {
        if (algorithm.name === 'Ed25519') return Promise.reject(new DOMException('', 'NotSupportedError'))
        return window.importKey.call(this, format, data, algorithm, ...rest)
      }
    }""")
    try:
        (verdict,) = judge(stream.init, [])
    finally:
        page.evaluate("() => { delete crypto.subtle.importKey }")
    assert verdict[2:4] == ["browser_cannot_verify", "browser.unsupported"]
    assert judge(stream.init, stream.segments[:1])[0][0] is True


def test_a_recording_is_not_shown_as_live(judge: Judge, stream: Stream) -> None:
    assert judge(stream.init, stream.segments[:1], maxAgeSeconds=3600)[0][0] is True
    (verdict,) = judge(stream.init, stream.segments[:1], timedelta(hours=2), maxAgeSeconds=3600)
    assert (verdict[0], verdict[2]) == (False, "not_live")


def test_a_refusal_is_told_in_the_viewer_s_language(
    judge: Judge, stream: Stream, media: Any, installation: Installation
) -> None:
    with override("zh-hans"):
        texts = viewer_options(pki=installation.pki)["texts"]
    (verdict,) = judge(stream.init, media[1][:1], texts=texts)
    assert verdict[4] == texts["segment_unsigned"] != ""
    (verdict,) = judge(stream.init, media[1][:1])
    assert verdict[4] == "The segment is not signed. Do not show it."
