"""The demonstration room: an invented cream, an invented host, a rundown brand legal can read in a minute."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from avatars.demo import PLATFORM
from avatars.models import Avatar
from compliance.accounts.demo import BRAND
from compliance.accounts.models import Organisation, User
from compliance.consent.models import Grant
from compliance.consent.rules import AgeBand
from compliance.consent.services import current_notice, give_grant
from compliance.consent.terms import Approval, Brand, GrantTerms, Modality, Mode
from compliance.release.services import Campaign
from streaming.dialogue.facts import ProductFacts
from streaming.director.expression import ExpressionLimits
from streaming.director.freedom import Freedom
from streaming.models import Room
from streaming.rundown import Rundown, RundownItem
from streaming.scripting.models import Product
from streaming.scripting.services import save_product
from streaming.services import plan_room

# One short sentence a line: an answer waits for the end of the line that is being said.
RUNDOWN = Rundown(
    (
        RundownItem(
            "welcome",
            "开场",
            ("大家好。", "欢迎来到直播间。", "请注意，我是数字人主播。", "来看今天的产品。"),
            pause_s=0.3,
        ),
        RundownItem(
            "cream",
            "茉莉花茶润肤霜",
            (
                "这是茉莉花茶润肤霜。",
                "每瓶五十毫升。",
                "质地清爽。",
                "适合秋冬护理。",
                "价格一百九十九元。",
                "请以商品页面为准。",
            ),
            pause_s=0.3,
            product_id="cream",
            repeats=2,
        ),
        RundownItem(
            "how-to-use",
            "使用方法",
            ("使用方法很简单。", "请先洗净双手。", "再取适量涂抹均匀。", "敏感肌肤请先试用。"),
            pause_s=0.3,
            product_id="cream",
        ),
        RundownItem("questions", "提问", ("有问题请写在评论里。", "我按商品资料回答。"), pause_s=0.5),
    )
)


FREEDOM = Freedom(reorder=True, expression=ExpressionLimits(), model_words=True)


def person(role: str) -> User:
    """One of the demonstration's people."""
    return User.objects.get(email=f"{role}@avow.example")


def give_live_grant() -> Grant:
    """The demonstration streamer's consent to be shown live."""
    streamer, brand = person("streamer"), Organisation.objects.get(name=BRAND)
    now = timezone.now()
    terms = GrantTerms(
        modalities=frozenset({Modality.FACE, Modality.VOICE}),
        brands=frozenset({Brand(str(brand.id), brand.name)}),
        product_categories=frozenset({"cosmetics"}),
        purposes=frozenset({"product_presentation"}),
        platforms=frozenset({PLATFORM}),
        territories=frozenset({"CN", "EU"}),
        languages=frozenset({"zh", "en"}),
        modes=frozenset({Mode.RECORDED, Mode.LIVE}),
        starts_at=now,
        ends_at=now + timedelta(days=365),
        intended_uses="Live rooms and short videos that present skin care of this brand.",
        max_hours=1000,
        approvals_needed=frozenset({Approval.SCRIPT, Approval.AVATAR}),
    )
    return give_grant(
        principal=streamer,
        by=streamer,
        grantee=brand,
        terms=terms,
        notice=current_notice(language=streamer.language),
        separate_consent=True,
        age_band=AgeBand.ADULT,
    )


FACTS = ProductFacts.from_json(Path(__file__).with_name("demo_cream.json").read_text(encoding="utf-8"))


def seed_catalogue() -> None:
    """The invented cream in the brand's catalogue, so that the script desk and the rooms' plans have something to write
    about. What is there already stays as it is.
    """
    brand = Organisation.objects.get(name=BRAND)
    if not Product.objects.filter(organisation=brand, key=FACTS.id).exists():
        save_product(organisation=brand, by=person("producer"), facts=FACTS)


def plan_demo_room(avatar: Avatar, *, picture: str) -> Room:
    """The demonstration room of an avatar, ready for legal."""
    campaign = Campaign(
        brand_id=str(avatar.organisation_id),
        brand_name=avatar.organisation.name,
        product_category="cosmetics",
        purpose="product_presentation",
        platform=PLATFORM,
        markets=("CN", "EU"),
        language="zh",
        channel="live_commerce",
        mode="live",
        interactive=True,
    )
    return plan_room(
        created_by=person("producer"),
        avatar=avatar,
        title="茉莉花茶润肤霜",
        rundown=RUNDOWN,
        products=(FACTS,),
        campaign=campaign,
        picture=picture,
        freedom=FREEDOM,
        hand_over_to=person("producer"),
        quote_comments=True,
    )
