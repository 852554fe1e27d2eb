"""`manage.py avatar build|refine|perform|card`: what the studio's pages do, from the terminal, under the same rules.

The processes of deploy/supervisord.conf do the work; this command asks, waits and tells. Exit status: 0 done, 1 refused
or held (the reasons are printed), 2 wrong usage.
"""

from __future__ import annotations

import json
import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import override

from avatars import terminal
from avatars.forms import CHANNELS, LANGUAGE_NAMES
from avatars.models import Avatar, AvatarState
from avatars.services import FORMATS
from compliance.errors import AvowError
from compliance.release.models import TakeState


class Command(BaseCommand):
    help = "Build an avatar from a clip, perform a script with it, or show its quality card."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        build = verbs.add_parser("build", help="check a clip and build an avatar from it")
        build.add_argument("clip", type=Path)
        build.add_argument("--grant", type=UUID, required=True)
        build.add_argument("--name", default="")
        perform = verbs.add_parser("perform", help="order a take and write the released file")
        perform.add_argument("avatar", type=UUID)
        perform.add_argument("--script", type=Path, required=True, help="a text file, UTF-8")
        perform.add_argument("--out", type=Path, required=True)
        perform.add_argument("--speech", type=Path, help="the person's own recording of the script, for their voice")
        perform.add_argument("--language", choices=sorted(LANGUAGE_NAMES), help="told from the text when left out")
        perform.add_argument("--picture", choices=sorted(FORMATS), default="landscape")
        perform.add_argument("--channel", choices=[code for code, _name in CHANNELS], default="live_commerce")
        for field in terminal.CAMPAIGN_FIELDS:
            perform.add_argument(f"--{field}", default="", help="needed where the grant allows more than one")
        refine = verbs.add_parser("refine", help="build a second double that learns longer, where that is better")
        refine.add_argument("avatar", type=UUID)
        for verb in (build, refine, perform):
            verb.add_argument("--by", default="", help="e-mail address of the producer; needed where there are several")
        card = verbs.add_parser("card", help="show the quality card")
        card.add_argument("avatar", type=UUID)
        card.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        verbs = {"build": self._build, "refine": self._refine, "perform": self._perform, "card": self._card}
        verb = verbs[options["verb"]]
        with override("en"):
            try:
                verb(options)
            except AvowError as error:
                raise CommandError(f"{error.text} ({error.code})") from error

    def _build(self, options: dict[str, Any]) -> None:
        clip: Path = options["clip"]
        _require_files(clip)
        self._wait_for(
            terminal.build(clip, grant_id=options["grant"], name=options["name"] or clip.stem, by=options["by"])
        )

    def _refine(self, options: dict[str, Any]) -> None:
        self._wait_for(terminal.refine(options["avatar"], by=options["by"]))

    def _wait_for(self, avatar: Avatar) -> None:
        self.stderr.write(f"avatar {avatar.id}")
        avatar = terminal.wait_for_avatar(avatar, self._progress)
        for line in terminal.findings_of(avatar):
            self.stderr.write(line)
        if avatar.state != AvatarState.READY:
            raise CommandError(f"The avatar is {avatar.get_state_display().lower()}: {terminal.why(avatar.id)}")
        self.stdout.write(str(avatar.id))

    def _perform(self, options: dict[str, Any]) -> None:
        script, out = options["script"], options["out"]
        _require_files(script, options["speech"])
        if out.is_dir() or not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
            raise CommandError(f"{out} cannot be written.", returncode=2)
        take = terminal.order(options, _text_of(script), self._progress)
        self.stderr.write(f"take {take.id}")
        take = terminal.wait_for_take(take, self._progress)
        if take.state != TakeState.RELEASED:
            reasons = "\n".join(f"  {text}" for text in terminal.reasons_of(take)) or f"  {terminal.why(take.id)}"
            raise CommandError(f"The take is {take.get_state_display().lower()}. Nothing was written.\n{reasons}")
        terminal.write_release(take, out)
        self.stdout.write(f"{out} {take.release.sha256}")

    def _card(self, options: dict[str, Any]) -> None:
        avatar = Avatar.objects.filter(pk=options["avatar"]).first()
        if avatar is None or not avatar.card:
            raise CommandError("There is no such avatar, or it has no card yet.")
        if options["json"]:
            self.stdout.write(json.dumps(terminal.card_of(avatar), ensure_ascii=False, indent=2))
            return
        for line in terminal.card_lines(avatar):
            self.stdout.write(line)

    def _progress(self, fraction: float, step: str) -> None:
        self.stderr.write(f"{fraction:4.0%} {step}")


def _require_files(*paths: Path | None) -> None:
    for path in paths:
        if path is not None and not path.is_file():
            raise CommandError(f"There is no file {path}.", returncode=2)


def _text_of(script: Path) -> str:
    try:
        return script.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise CommandError(f"{script} is not text in UTF-8.", returncode=2) from error
