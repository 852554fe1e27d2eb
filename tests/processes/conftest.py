"""One instance for all tests of this folder: starting eight processes costs more than most of what is tested."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.processes.instance import ROOT, Instance, running

CLIP_S = 10


@dataclass
class Stage:
    """A running instance, a grant in it, and the avatar that is made under it."""

    instance: Instance
    clip: Path
    grant: str
    avatar: str

    def order(self, text: str = "大家好。") -> str:
        return str(self.instance.ask("order", avatar=self.avatar, text=text))

    def settled(self) -> None:
        """Wait until all is quiet, and demand that everything holds."""
        self.instance.ask("settle")
        self.instance.ask("an_hour_later")
        assert self.instance.ask("wrongs") == []


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The invented presenter, short and small."""
    path = tmp_path_factory.mktemp("clip") / "presenter.mp4"
    size = ["--seconds", str(CLIP_S), "--width", "640", "--height", "360"]
    subprocess.run([sys.executable, "scripts/make_presenter.py", str(path), *size], cwd=ROOT, check=True)
    return path


@pytest.fixture(scope="session")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    with running(tmp_path_factory.mktemp("instance").resolve()) as started:
        started.ask("cast")
        yield started


@pytest.fixture(scope="session")
def stage(instance: Instance, clip: Path) -> Stage:
    """The building of the avatar has only begun here."""
    grant = str(instance.ask("grant"))
    avatar = str(instance.ask("upload", grant=grant, clip=str(clip)))
    return Stage(instance, clip, grant, avatar)
