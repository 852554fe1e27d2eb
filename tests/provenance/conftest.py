"""An installation with certificates, a running time-stamping authority, and tiny videos."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import av
import numpy as np
import pytest
from django.test import override_settings

from compliance.keys.custody import FileCustody
from compliance.keys.keystore import KeyStore
from compliance.keys.purposes import KeyPurpose, ProcessRole
from compliance.keys.rolesecrets import secret_path
from compliance.provenance.ca import ensure_development_ca
from compliance.provenance.manifest import DigitalSource, ManifestInput, ReceiptReference
from compliance.provenance.pki import Pki
from compliance.provenance.sign import SignedFile, sign_file
from compliance.provenance.timestamp import TimeStampingUnit
from compliance.provenance.tsa_server import TsaServer

MARK = bytes.fromhex("fedcba9876543210")


@dataclass(frozen=True)
class Installation:
    """Keys, secrets and certificates of the test session."""

    keys: Path
    secrets: Path
    pki: Pki

    def custody(self, role: ProcessRole) -> FileCustody:
        return FileCustody(role, KeyStore(self.keys), secret_path(self.secrets, role))

    def time_stamping_unit(self) -> TimeStampingUnit:
        custody = self.custody(ProcessRole.TSA)
        key = custody.public_key(KeyPurpose.TSA)
        return TimeStampingUnit(custody, self.pki.usable_chain(KeyPurpose.TSA, key, datetime.now(UTC)))


@pytest.fixture(scope="session")
def installation(_keystore_dirs: tuple[Path, Path]) -> Installation:
    keys, secrets = _keystore_dirs
    made = Installation(keys, secrets, Pki(keys / "pki"))
    ensure_development_ca(custody=made.custody(ProcessRole.SETUP), pki=made.pki)
    return made


@pytest.fixture(scope="session")
def tsa_url(installation: Installation) -> Iterator[str]:
    server = TsaServer(installation.time_stamping_unit(), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.url
    server.shutdown()
    server.server_close()


def make_clip(path: Path, *, shade: int = 60, seconds: int = 1) -> Path:
    """A small H.264 and AAC video, index first; ``shade`` makes two of them differ."""
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 640, 360, "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="mono")
        for index in range(25 * seconds):
            picture = np.full((360, 640, 3), shade, np.uint8)
            picture[100:200, index * 8 : index * 8 + 60] = 255 - shade
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(video.encode(None))
        for index in range(46 * seconds):
            samples = (0.2 * np.sin(np.arange(1024) / shade)).astype(np.float32)[None]
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            frame.rate, frame.pts = 48_000, index * 1024
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))
    return path


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "take.mp4")


@pytest.fixture(scope="session")
def other_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "other.mp4", shade=150)


@pytest.fixture(scope="session")
def given() -> ManifestInput:
    return ManifestInput(
        title="Autumn tea, take 3",
        digital_source=DigitalSource.COMPOSITE,
        engine_name="Avow lips",
        engine_version="1",
        mark=MARK,
        receipt=ReceiptReference("8c7d8a52-3f5d-4a3f-9d39-1f1a5bb0a0c1", "ab" * 32),
        visible_label="数字人 · AI生成",
    )


@pytest.fixture(scope="session")
def signed(
    clip: Path,
    given: ManifestInput,
    installation: Installation,
    tsa_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, SignedFile]:
    target = tmp_path_factory.mktemp("signed") / "take.mp4"
    with override_settings(AVOW_KEYS_DIR=installation.keys):
        return target, sign_file(clip, target, given, installation.custody(ProcessRole.GATE), tsa_url)
