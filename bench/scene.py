"""The frames and the disclosure that everything is measured with: 1280x720 at 25 frames/s."""

from __future__ import annotations

import base64
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import av
import numpy as np

from avatars.media import frame_of, planes_of
from avatars.presenter.film import shoot
from avatars.presenter.performance import rehearse
from avatars.presenter.picture import Presenter
from avatars.rendering import Disclosure
from avatars.speech import Speech
from compliance.disclosure import evaluate
from compliance.disclosure.labels import compose_label
from watermark import Key, make_patterns

WIDTH, HEIGHT, FPS = 1280, 720, 25
SAMPLE_RATE = 24000
PROVIDER_CODE = "001191000000MA00000AB31A001"
MARK = 0x5EED_0F_BE9C_0002
SPOKEN = (
    "大家好，欢迎来到直播间。这是茉莉花茶润肤霜，每瓶五十毫升。质地清爽，适合秋冬护理。"
    "使用方法很简单，请先洗净双手，再取适量涂抹均匀。敏感肌肤请先试用。请以商品页面为准。"
)
"""What a double says, which every guard lets pass; about 20 s."""

BENCH_KEY = Key(id="bench", secret=np.random.default_rng(2).bytes(32))
_MEDIA = Path(__file__).resolve().parents[2] / "shared" / "media"
FOOTAGE, CONSENTED_MINUTE = _MEDIA / "ai_two_men_talking.mp4", _MEDIA / "grid_s1_60s.mp4"


@dataclass(frozen=True)
class Scene:
    """Decoded frames that go on for ever, forth and back, and what they must carry."""

    name: str
    frames: tuple[av.VideoFrame, ...]
    key: Key
    disclosure: Disclosure

    def play(self, start: int, count: int) -> Iterator[av.VideoFrame]:
        """Copies of `count` frames from number `start` on, so that whoever gets them may write into them."""
        there_and_back = self.frames + self.frames[-2:0:-1]
        first = start % len(there_and_back)
        for frame in islice(cycle(there_and_back), first, first + count):
            yield frame_of(planes_of(frame))

    def order(self) -> bytes:
        """What the gate tells its measuring child about a rendering of this scene."""
        label = self.disclosure.label
        return json.dumps(
            {
                "label": label.to_dict() if label else None,
                "mark": f"{MARK:016x}",
                "key_id": self.key.id,
                "key": base64.b64encode(self.key.secret).decode(),
            }
        ).encode()


def open_scene(limit: int) -> Scene:
    """At most `limit` frames of the real clip where it lies beside the repository, else of the invented presenter."""
    key = BENCH_KEY
    real = FOOTAGE.is_file()
    frames = tuple(islice(_decoded(FOOTAGE) if real else _presenter(limit), limit))
    return Scene("footage" if real else "invented presenter", frames, key, disclosure(key))


def disclosure(key: Key) -> Disclosure:
    """What the rules ask of a recorded ad for China and the EU: a label in two languages, and a mark."""
    decision = evaluate(
        {
            "as_of": "2026-11-22",
            "phase": "plan",
            "markets": ["CN", "EU"],
            "channel": "ad",
            "realism": "photoreal",
            "avatar_kind": "real_replica_living",
            "interaction": "broadcast",
            "commercial": True,
            "frame": {"width": WIDTH, "height": HEIGHT},
            "provider_code": PROVIDER_CODE,
        }
    )
    label = compose_label(decision.duties, width=WIDTH, height=HEIGHT, languages=("zh", "en"))
    return Disclosure(label, make_patterns(key, MARK))


def voice(seconds: float) -> Speech:
    """A sound of that length: harmonics of a voice with breath, for the AAC encoder to work on."""
    t = np.arange(round(seconds * SAMPLE_RATE), dtype=np.float32) / SAMPLE_RATE
    breath = np.random.default_rng(3).standard_normal(len(t), dtype=np.float32)
    samples = 0.05 * breath
    for harmonic in range(1, 6):
        samples += 0.2 / harmonic * np.sin(2 * np.pi * 140 * harmonic * t)
    samples *= 0.5 + 0.5 * np.sin(2 * np.pi * 3 * t)
    return Speech(samples=samples, rate=SAMPLE_RATE, phones=(), words=(), text="", language="zh")


def _decoded(clip: Path) -> Iterator[av.VideoFrame]:
    with av.open(str(clip)) as container:
        for frame in container.decode(video=0):
            yield frame.reformat(width=WIDTH, height=HEIGHT, format="yuv420p")


def _presenter(count: int) -> Iterator[av.VideoFrame]:
    with tempfile.TemporaryDirectory(prefix="avow-bench-") as folder:
        clip = Path(folder) / "presenter.mp4"
        shoot(rehearse(max(2.0, count / FPS), "zh", 1), Presenter(WIDTH, HEIGHT, 1), clip)
        yield from _decoded(clip)
