"""A brand with its people, a grant with a receipt, a take with a permit, and renderings that are right or wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import av
import numpy as np
import pytest
from django.utils import timezone

from avatars.media import Encoding
from avatars.rendering import Disclosure, render
from avatars.speech import Speech
from compliance import storage
from compliance.accounts.models import Membership, Organisation, OrganisationKind, Role, User
from compliance.consent.models import Grant
from compliance.consent.rules import AgeBand
from compliance.consent.services import current_notice, give_grant
from compliance.consent.terms import Brand, GrantTerms, Modality, Mode
from compliance.disclosure.labels import LabelSpec
from compliance.keys.custody import FileCustody
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import KeyPurpose, ProcessRole
from compliance.provenance.pki import Pki
from compliance.provenance.timestamp import TimeStampingUnit
from compliance.provenance.tsa_server import TsaServer
from compliance.release.models import Permit, Review, Take
from compliance.release.services import (
    AvatarUse,
    Campaign,
    ScriptUse,
    decide_review,
    order_take,
    submit_rendering,
)
from watermark import MarkPatterns

SECONDS, FPS, WIDTH, HEIGHT = 3, 25, 640, 360
PROVIDER_CODE = "001191000000MA00000AB31A001"
AsRole = Callable[[str], AbstractContextManager[None]]


@pytest.fixture(scope="session")
def tsa_url(_keystore_dirs: tuple[Path, Path]) -> Iterator[str]:
    keys, secrets = _keystore_dirs
    custody = FileCustody(ProcessRole.TSA, KeyStore(keys), secrets / "tsa.secret")
    chain = Pki(keys / "pki").usable_chain(KeyPurpose.TSA, custody.public_key(KeyPurpose.TSA), datetime.now(UTC))
    server = TsaServer(TimeStampingUnit(custody, chain), 0)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.url
    server.shutdown()


@dataclass
class World:
    """The cast and the road as far as the permit."""

    brand: Organisation
    streamer: User
    producer: User
    legal: User
    run_jobs: Callable[[], int]
    as_role: AsRole
    width: int = WIDTH
    height: int = HEIGHT
    _grant: Grant | None = None

    @property
    def grant(self) -> Grant:
        if self._grant is None:
            self._grant = self.give_grant()
            self.run_jobs()
        self._grant.refresh_from_db()
        return self._grant

    def give_grant(self, **changes: Any) -> Grant:
        terms: dict[str, Any] = {
            "modalities": frozenset({Modality.FACE, Modality.VOICE}),
            "brands": frozenset({Brand(str(self.brand.id), self.brand.name)}),
            "product_categories": frozenset({"cosmetics"}),
            "purposes": frozenset({"product_presentation"}),
            "platforms": frozenset({"douyin"}),
            "territories": frozenset({"CN", "EU"}),
            "languages": frozenset({"zh"}),
            "modes": frozenset({Mode.RECORDED}),
            "starts_at": timezone.now(),
            "ends_at": timezone.now() + timedelta(days=30),
            "intended_uses": "Skin care in livestream shops.",
        }
        return give_grant(
            principal=self.streamer,
            by=self.streamer,
            grantee=self.brand,
            terms=GrantTerms(**{**terms, **changes}),
            notice=current_notice(language="en"),
            separate_consent=True,
            age_band=AgeBand.ADULT,
        )

    def order(self, *, markets: tuple[str, ...] = ("CN", "EU"), text: str = "大家好。", **changes: Any) -> Take:
        campaign: dict[str, Any] = {
            "brand_id": str(self.brand.id),
            "brand_name": self.brand.name,
            "product_category": "cosmetics",
            "purpose": "product_presentation",
            "platform": "douyin",
            "markets": markets,
            "language": "zh",
            "channel": "live_commerce",
        }
        return order_take(
            organisation=self.brand,
            created_by=self.producer,
            grant=self.grant,
            title="Hand cream",
            avatar=AvatarUse(uuid4(), "a" * 64, "Mei", {"name": "Mei"}),
            script=ScriptUse(uuid4(), "Script", {"language": "zh", "text": text}, float(SECONDS)),
            campaign=Campaign(**{**campaign, **changes}),
            width=self.width,
            height=self.height,
        )

    def approve_all(self) -> None:
        for review in Review.objects.filter(state="pending"):
            decide_review(review=review, decided_by=self.legal, approve=True)

    def permitted(self, **changes: Any) -> Take:
        """A take with a permit. Its performing is ours to do: the job for it is left waiting."""
        take = self.order(**changes)
        self.run_jobs()
        self.approve_all()
        self.run_jobs()
        take.refresh_from_db()
        return take

    def submit(self, take: Take, path: Path, fence: int = 1) -> Take:
        return submit_rendering(take_id=take.id, path=path, fence=fence)


@pytest.fixture
def world(
    db: None, files: Path, settings: Any, tsa_url: str, as_role: AsRole, run_jobs: Callable[[], int]
) -> World:
    settings.AVOW_TSA_URL = tsa_url
    settings.AVOW_JOBS = {**settings.AVOW_JOBS, "avatars.perform": ("nobody", "compliance.jobs.models.Job")}
    brand = Organisation.objects.create(name="Lumen", kind=OrganisationKind.BRAND, provider_code=PROVIDER_CODE)
    people = {}
    for name, role in (("mei", Role.STREAMER), ("pat", Role.PRODUCER), ("dana", Role.LEGAL)):
        people[name] = User.objects.create_user(f"{name}@example.org", None, display_name=name.title())
        Membership.objects.create(user=people[name], organisation=brand, role=role)
    return World(brand, people["mei"], people["pat"], people["dana"], run_jobs, as_role)


# --- renderings ---
def scenery(
    count: int = SECONDS * FPS, *, width: int = WIDTH, height: int = HEIGHT, seed: int = 7
) -> Iterator[av.VideoFrame]:
    """Something that moves, has texture and a camera's noise, yuv420p. Another `seed` is another film."""
    rng = np.random.default_rng(seed)
    texture = rng.normal(0, 1, (height // 8, width // 8))
    base = np.kron(texture, np.ones((8, 8))) * 12 + 120
    for index in range(count):
        noise = rng.normal(0, 1.5, base.shape)
        y = np.clip(np.roll(base, index, axis=1) + 20 * np.sin(index / 9) + noise, 16, 235).astype(np.uint8)
        chroma = np.full((height // 2, width), 128, np.uint8)
        frame = av.VideoFrame.from_ndarray(np.concatenate([y, chroma]), format="yuv420p")
        yield frame


def tone(seconds: float = SECONDS, rate: int = 24000) -> Speech:
    samples = (0.2 * np.sin(np.arange(int(seconds * rate)) * 2 * np.pi * 220 / rate)).astype(np.float32)
    return Speech(samples=samples, rate=rate, phones=(), words=(), text="", language="zh")


def disclosure_of(permit: Permit) -> Disclosure:
    label = permit.envelope["payload"]["label"]
    return Disclosure(
        LabelSpec.from_dict(label) if label else None, MarkPatterns.from_bytes(storage.read_bytes(permit.pattern))
    )


def rendering_of(take: Take, out: Path, **changes: Any) -> Path:
    """An honest rendering of the take; `changes` replace parts of it for the attacks."""
    disclosure = disclosure_of(take.permits.get())
    frames = scenery(width=take.width, height=take.height)
    given = {"frames": frames, "speech": tone(), "disclosure": disclosure, **changes}
    render(
        given["frames"],
        given["speech"],
        given["disclosure"],
        out,
        fps=FPS,
        encoding=Encoding(preset="veryfast", crf=18),
        progress=lambda share: None,
    )
    return out


