"""`manage.py demo`: the whole road, walked once, by the people of the demonstration.

Needs the processes of deploy/supervisord.conf; `make demo` starts them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from avatars import demo, services
from avatars.copies import stripped_copy
from avatars.models import Avatar, AvatarState
from compliance import storage
from compliance.accounts.demo import BRAND
from compliance.accounts.models import Organisation, User
from compliance.audit.services import export_bundle
from compliance.consent.models import Grant
from compliance.consent.rules import AgeBand
from compliance.consent.services import current_notice, give_grant
from compliance.consent.terms import Approval, Brand, GrantTerms, Modality, Mode
from compliance.inspection.models import Inspection, InspectionState
from compliance.inspection.services import ask
from compliance.jobs.models import Job, JobState
from compliance.ledger.events import Event
from compliance.ledger.selectors import entry_for, latest_checkpoint
from compliance.release.models import Release, Review, ReviewState, Take, TakeState
from compliance.release.services import Campaign, decide_review

T = TypeVar("T")
PATIENCE_S = 1800


@dataclass(frozen=True)
class Order:
    """One asset to be made."""

    name: str
    text: str
    language: str
    markets: tuple[str, ...]
    picture: str


ORDERS = (
    Order(
        "zh-cn-eu",
        "大家好，欢迎来到直播间。今天为大家介绍茉莉花茶润肤霜，每瓶50毫升，售价199元。"
        "请注意，我是数字人主播，产品详情请以商品页面为准。",
        "zh",
        ("CN", "EU"),
        "landscape",
    ),
    Order(
        "en-eu",
        "Hello and welcome. This is our jasmine hand cream, fifty millilitres for nineteen euros. "
        "I am a digital presenter, so please read the product page for all details.",
        "en",
        ("EU",),
        "portrait",
    ),
)


@dataclass
class Walk:
    """What the demo has made so far."""

    out: Path
    progress: Progress
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[Callable[[float, str], None]]:
        """One line with a bar; yields a function that moves it."""
        line = self.progress.add_task(name, total=1.0, detail="")
        started = time.monotonic()
        yield lambda fraction, detail: self.progress.update(line, completed=fraction, detail=detail)
        self.seconds[name] = round(time.monotonic() - started, 2)
        self.progress.update(line, completed=1.0, detail="")


def wait_for(read: Callable[[], T | None], what: str, move: Callable[[], None] = lambda: None) -> T:
    """Poll until `read` gives something.

    Raises:
        CommandError: it takes longer than half an hour.
    """
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if (found := read()) is not None:
            return found
        move()
        time.sleep(0.2)
    raise CommandError(f"{what} did not happen within {PATIENCE_S} s; see {settings.VAR_DIR}/processes.log.")


class Command(BaseCommand):
    help = "Walk the whole road unattended and leave every asset, copy, bundle and a report in a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--out", type=Path, required=True)
        parser.add_argument("--clip", type=Path)
        parser.add_argument("--text", default="")
        parser.add_argument("--markets", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        demo.seed()
        console = Console()
        name, detail = TextColumn("{task.description:<34}"), TextColumn("{task.fields[detail]}")
        with Progress(name, BarColumn(28), TimeElapsedColumn(), detail, console=console) as progress:
            walk = Walk(options["out"], progress)
            clip = options["clip"] or _presenter(walk)
            grant = _consent(walk)
            avatar = _avatar(walk, grant, clip)
            assets = [_asset(walk, avatar, order) for order in _orders(options)]
        report = {
            "grant": str(grant.id),
            "avatar": str(avatar.id),
            "releases": assets,
            "checkpoint": _head(),
            "seconds": walk.seconds,
        }
        (walk.out / "report.json").write_text(json.dumps(report, ensure_ascii=False, indent=2), encoding="utf-8")
        _print(console, report)


def _orders(options: dict[str, Any]) -> tuple[Order, ...]:
    markets = tuple(code.strip().upper() for code in options["markets"].split(",") if code.strip())
    if options["text"]:
        language = "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in options["text"]) else "en"
        return (Order(f"{language}-own-text", options["text"], language, markets or ("CN", "EU"), "landscape"),)
    return tuple(Order(o.name, o.text, o.language, markets or o.markets, o.picture) for o in ORDERS)


def _person(role: str) -> User:
    return User.objects.get(email=f"{role}@avow.example")


def _presenter(walk: Walk) -> Path:
    clip = walk.out / "presenter.mp4"
    if not clip.exists():
        with walk.step("0 drawing a presenter"):
            demo.draw_presenter(clip)
    return clip


def _consent(walk: Walk) -> Grant:
    streamer, brand = _person("streamer"), Organisation.objects.get(name=BRAND)
    now = timezone.now()
    terms = GrantTerms(
        modalities=frozenset({Modality.FACE, Modality.VOICE}),
        brands=frozenset({Brand(str(brand.id), brand.name)}),
        product_categories=frozenset({"cosmetics"}),
        purposes=frozenset({"product_presentation"}),
        platforms=frozenset({demo.PLATFORM}),
        territories=frozenset({"CN", "EU"}),
        languages=frozenset({"zh", "en"}),
        modes=frozenset({Mode.RECORDED}),
        starts_at=now,
        ends_at=now + timedelta(days=365),
        intended_uses="Short videos that present skin care of this brand in livestream shops.",
        max_hours=100,
        approvals_needed=frozenset({Approval.SCRIPT, Approval.AVATAR}),
    )
    with walk.step("1 consent and its signed receipt"):
        grant = give_grant(
            principal=streamer,
            by=streamer,
            grantee=brand,
            terms=terms,
            notice=current_notice(language=streamer.language),
            separate_consent=True,
            age_band=AgeBand.ADULT,
        )
        return wait_for(lambda: Grant.objects.filter(pk=grant.pk, receipt__isnull=False).first(), "The receipt")


def _avatar(walk: Walk, grant: Grant, clip: Path) -> Avatar:
    with walk.step("2 checking the clip, building") as move, clip.open("rb") as upload:
        avatar = services.start_avatar(
            organisation=grant.grantee,
            created_by=_person("producer"),
            grant=grant,
            name="Lin Mei",
            upload=upload,
            upload_name=clip.name,
            upload_size=clip.stat().st_size,
        )
        avatar = wait_for(
            lambda: Avatar.objects.exclude(state=AvatarState.BUILDING).filter(pk=avatar.pk).first(),
            "The avatar",
            lambda: _follow(avatar.pk, move),
        )
    if not avatar.ready:
        raise CommandError("; ".join(f"{f['code']}: {f['text']}" for f in avatar.findings))
    return avatar


def _follow(subject_id: Any, move: Callable[[float, str], None]) -> None:
    """Show the newest job of a thing on its bar, and stop at a failure."""
    job = Job.objects.filter(subject_id=subject_id).order_by("-created_at").first()
    if job is None:
        return
    if job.state == JobState.FAILED:
        raise CommandError(f"{job.kind}: {job.error_code}: {job.error_text}")
    move(job.progress, job.step)


def _asset(walk: Walk, avatar: Avatar, order: Order) -> dict[str, Any]:
    take = _order(walk, avatar, order)
    with walk.step(f"4-5 {order.name}: perform, gate") as move:
        ended = (TakeState.RELEASED, TakeState.QUARANTINED, TakeState.CANCELLED, TakeState.HELD)
        take = wait_for(
            lambda: Take.objects.filter(pk=take.pk, state__in=ended).first(), "The take", lambda: _follow(take.pk, move)
        )
    if take.state != TakeState.RELEASED:
        raise CommandError(f"{order.name} is {take.state}: {take.reasons}")
    return _deliver(walk, take.release, order)


def _order(walk: Walk, avatar: Avatar, order: Order) -> Take:
    producer, legal = _person("producer"), _person("legal")
    with walk.step(f"3 {order.name}: script, approvals"):
        script = services.write_script(
            organisation=avatar.organisation,
            created_by=producer,
            title=order.name,
            language=order.language,
            text=order.text,
        )
        campaign = Campaign(
            brand_id=str(avatar.organisation_id),
            brand_name=avatar.organisation.name,
            product_category="cosmetics",
            purpose="product_presentation",
            platform=demo.PLATFORM,
            markets=order.markets,
            language=order.language,
            channel="live_commerce",
        )
        take = services.order_performance(
            created_by=producer, avatar=avatar, script=script, campaign=campaign, picture=order.picture
        )
        # The gate first holds the take: nothing is approved yet.
        wait_for(lambda: Take.objects.filter(pk=take.pk, state=TakeState.HELD).first(), "The gate's first answer")
        for review in Review.objects.filter(organisation=avatar.organisation, state=ReviewState.PENDING):
            decide_review(review=review, decided_by=legal, approve=True, comment="demonstration")
        waiting = (TakeState.ORDERED, TakeState.HELD)
        return wait_for(lambda: Take.objects.filter(pk=take.pk).exclude(state__in=waiting).first(), "The permit")


def _deliver(walk: Walk, release: Release, order: Order) -> dict[str, Any]:
    asset, copy = walk.out / f"{order.name}.mp4", walk.out / f"{order.name}.stripped-540p.mp4"
    asset.write_bytes(storage.read_bytes(release.file))
    with walk.step(f"6 {order.name}: strip a copy, inspect both"):
        wait_for(lambda: entry_for(event=Event.RELEASE_ASSET_RELEASED, subject_id=release.id), "The log entry")
        stripped_copy(asset, copy)
        verdicts = {path.name: _inspect(path) for path in (asset, copy)}
    with walk.step(f"7 {order.name}: evidence bundle"):
        bundle = walk.out / f"{order.name}.evidence.zip"
        bundle.write_bytes(export_bundle(release=release))
        verified = _verify_elsewhere(bundle)
    original, stripped = verdicts[asset.name], verdicts[copy.name]
    return {
        "release": str(release.id),
        "file": asset.name,
        "stripped": copy.name,
        "bundle": bundle.name,
        "mark": release.mark_id,
        "markets": release.markets,
        "sha256": release.sha256,
        "duration_s": release.duration_s,
        "c2pa": release.credentials["state"],
        "aigc": release.aigc,
        "verdict": original["verdict"]["code"],
        "verdict_stripped": stripped["verdict"]["code"],
        "grant_from_stripped": (stripped["trace"] or {}).get("grant"),
        "ledger_index": (original["trace"] or {}).get("ledger", {}).get("index"),
        "bundle_verified": verified,
    }


def _inspect(path: Path) -> dict[str, Any]:
    """Ask as anybody would, and wait for the inspector's answer."""
    with path.open("rb") as upload:
        asked = ask(upload=upload, upload_name=path.name, upload_size=path.stat().st_size)
    done = wait_for(
        lambda: Inspection.objects.exclude(state=InspectionState.WAITING).filter(pk=asked.pk).first(), "The answer"
    )
    if done.state != InspectionState.DONE:
        raise CommandError(f"{path.name}: {done.error_code}: {done.error_text}")
    return dict(done.result or {})


def _verify_elsewhere(bundle: Path) -> bool:
    """Run the stand-alone verifier as a stranger would: isolated, without our packages."""
    verifier = settings.BASE_DIR / "compliance" / "audit" / "verify_bundle.py"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", str(verifier), str(bundle)], capture_output=True, text=True, check=False
    )
    bundle.with_suffix(".verified.txt").write_text(ran.stdout + ran.stderr, encoding="utf-8")
    return ran.returncode == 0


def _head() -> str:
    checkpoint = latest_checkpoint()
    return checkpoint.note if checkpoint else ""


def _print(console: Console, report: dict[str, Any]) -> None:
    table = Table(title="Released, stripped, traced", show_lines=True)
    for name in ("asset", "marks", "verdict", "stripped copy leads to", "ledger", "bundle"):
        table.add_column(name, overflow="fold")
    for asset in report["releases"]:
        same = asset["grant_from_stripped"] == report["grant"]
        marks = ["C2PA " + asset["c2pa"], f"mark {asset['mark']}", *(["AIGC"] if asset["aigc"] else [])]
        table.add_row(
            f"{asset['file']}\n{', '.join(asset['markets'])}, {asset['duration_s']:.1f} s",
            "\n".join(marks),
            asset["verdict"],
            f"{asset['verdict_stripped']}\n{'the same grant' if same else 'ANOTHER GRANT'}",
            f"entry {asset['ledger_index']}, proven",
            "verified" if asset["bundle_verified"] else "FAILED",
        )
    console.print(table)
    steps = Table(title="Seconds per step")
    steps.add_column("step")
    steps.add_column("seconds", justify="right")
    for name, seconds in report["seconds"].items():
        steps.add_row(name, f"{seconds:.1f}")
    console.print(steps)
    failed = [
        asset["file"]
        for asset in report["releases"]
        if asset["grant_from_stripped"] != report["grant"] or not asset["bundle_verified"]
    ]
    if failed:
        raise CommandError(f"Not everything held: {', '.join(failed)}")
