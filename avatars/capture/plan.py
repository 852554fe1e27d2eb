"""The consented minute: what a person does before the camera, step by step, and the seal on it.

The words of the passcode are drawn anew for every recording and expire, so that footage recorded earlier or
elsewhere cannot hold them. Nobody's ears are replaced: the words are shown beside the recording, not recognised.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from typing import Any, Self
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from compliance.errors import BadInput

_SALT = "avow.capture.plan"
VALID_S = 1800
WORDS = 3

# What each step is called and what the person is asked to do.
TITLES: dict[str, Promise] = {
    "still": gettext_lazy("Sit still"),
    "passcode": gettext_lazy("Say the passcode"),
    "idle": gettext_lazy("Listen in silence"),
    "reading": gettext_lazy("Read the text"),
}
ADVICE: dict[str, Promise] = {
    "still": gettext_lazy("Look into the camera, mouth closed, and do not move."),
    "passcode": gettext_lazy("Read this sentence aloud, in your usual voice."),
    "idle": gettext_lazy(
        "Keep your mouth closed and look into the camera as if you listened to a friend: breathe, blink, move a little."
    ),
    "reading": gettext_lazy("Read the text aloud, at your usual pace. A slip of the tongue does no harm."),
}
SILENT = frozenset({"still", "idle"})

# Common, concrete and far apart in sound.
_PASSWORDS: dict[str, str] = {
    "en": (
        "amber anchor apple autumn basket beacon bridge butter cabin candle carpet castle cherry circle clover "
        "copper cotton desert dragon eagle ember falcon feather fiddle forest garden ginger guitar hammer harbour "
        "hazel honey island jacket jungle kettle ladder lemon marble meadow mirror mountain needle ocean olive "
        "orange paper pepper pillow planet pocket rabbit ribbon river rocket saddle silver summer thunder timber "
        "tunnel velvet violet window "
    ),
    "zh": (
        "白云 北斗 波浪 彩虹 草原 茶壶 春风 大海 灯塔 东山 翡翠 枫叶 高山 谷雨 桂花 海棠 荷叶 "
        "红豆 湖水 花园 黄昏 吉他 江南 金鱼 菊花 苦瓜 兰花 老虎 梨树 莲子 柳树 芒果 玫瑰 棉花 "
        "明月 牡丹 南瓜 鸟巢 柠檬 葡萄 瀑布 蜻蜓 秋千 日出 森林 沙滩 山谷 石榴 书包 松树 太阳 "
        "桃花 天空 图书 乌龙 西瓜 仙鹤 小溪 雪花 杨柳 银河 樱桃 雨伞 竹子 "
    ),
}
_SENTENCES = {
    "en": "My name is {name}. I agree that {brand} may copy my face and my voice. My words are: {words}.",
    "zh": "我是{name}，我同意{brand}复制我的形象和声音。我的口令是：{words}。",
}
# Every sound that shapes the lips occurs, the closed, rounded and spread ones several times.
_READINGS = {
    "en": (
        "Good evening, and welcome to my show. Before we begin, let me pour you a cup of warm jasmine tea. "
        "My mother bought this blue pot in a village by the river, and I have loved its shape ever since. "
        "Five boys rode past on yellow bicycles, shouting for joy, while two old women sold fresh peaches. "
        "Usually I choose the small ones: they are cheap, juicy and full of flavour. "
        "Think about what you would like to hear, and I will do my best to give you a clear and honest answer."
    ),
    "zh": (
        "大家晚上好，欢迎来到我的直播间。开始之前，我先给各位泡一壶茉莉花茶。这把蓝色的茶壶，是妈妈在河边的小村子里买的，我一直很喜欢它的样子。"
        "五个男孩骑着黄色的自行车飞快地跑过去，高兴得又喊又笑，两位老奶奶在路旁卖新鲜的桃子。我平时爱挑小一点儿的，便宜、多汁、味道足。"
        "请想一想您最想听什么，我会尽量给您一个清楚、诚实的回答。"
    ),
}
LANGUAGES = tuple(_READINGS)


@dataclass(frozen=True)
class Step:
    """One thing to do: at least `least_s` and at most `most_s` seconds; `text` is read aloud, "" in silence."""

    key: str
    least_s: float
    most_s: float
    text: str

    @property
    def silent(self) -> bool:
        return self.key in SILENT

    @property
    def title(self) -> Promise:
        return TITLES[self.key]

    @property
    def advice(self) -> Promise:
        return ADVICE[self.key]


@dataclass(frozen=True)
class CapturePlan:
    """What one person was asked to record under one grant; `words` are the passcode."""

    by: str
    grant: str
    language: str
    sentence: str
    words: tuple[str, ...]

    @classmethod
    def draw(cls, *, by: UUID, grant: UUID, name: str, brand: str, language: str) -> Self:
        """A new plan with fresh words. `language`: one of LANGUAGES."""
        words = tuple(secrets.SystemRandom().sample(_PASSWORDS[language].split(), WORDS))
        spoken = ("、" if language == "zh" else ", ").join(words)
        sentence = _SENTENCES[language].format(name=name, brand=brand, words=spoken)
        return cls(str(by), str(grant), language, sentence, words)

    def steps(self) -> tuple[Step, ...]:
        """In the order in which they are recorded."""
        texts = {"passcode": self.sentence, "reading": self.reading}
        return tuple(
            Step(key, least, most, texts.get(key, ""))
            for key, (least, most) in settings.AVOW_CAPTURE_SECONDS.items()
        )

    @property
    def reading(self) -> str:
        """The text that is read aloud."""
        return _READINGS[self.language]

    def seal(self) -> str:
        """Text for the page; signed, so that it can be read but not changed."""
        return signing.dumps(asdict(self), salt=_SALT, compress=True)

    @classmethod
    def unseal(cls, text: str, *, by: UUID) -> Self:
        """Read back what `seal` wrote for this person.

        Raises:
            BadInput: capture_expired, capture_altered.
        """
        try:
            data: dict[str, Any] = signing.loads(text, salt=_SALT, max_age=VALID_S)
        except signing.SignatureExpired as error:
            text = _("The passcode is older than half an hour. Please reload the page and record again.")
            raise BadInput("capture_expired", text) from error
        except signing.BadSignature as error:
            raise BadInput("capture_altered", _("The recording's plan was altered. Please start again.")) from error
        if data["by"] != str(by):
            raise BadInput("capture_altered", _("The recording's plan was altered. Please start again."))
        return cls(**{**data, "words": tuple(data["words"])})
