"""The question whether the host is human, and the honest answer to it.

EU AI Act Art. 50(1) (confidence S2) and Live E-commerce Measures Art. 37 (P): people must be told.
"""

from __future__ import annotations

import re

from streaming.dialogue.folding import Folded, fold

# fmt: off
_ASKS_ZH = re.compile(
    r"(?:是|算|属于)(?:不是)?(?:\w{0,4})"
    r"(?:真人|活人|人类|机器人|ai|人工智能|数字人|虚拟人|假人|录播|录像|程序|本人|人吗|人么|人嘛|人还是)"
    r"|真人(?:吗|么|嘛|还是|不|直播吗|主播吗|\?|$)|(?:ai|机器人|数字人|虚拟人|录播)"
    r"(?:吗|么|嘛|吧|还是|主播吗)"
    r"|(?:ai|机器人|数字人)(?:在播|直播)|你(?:到底|究竟)?是(?:谁|什么(?:人|东西))|有真人吗"
)
_ASKS_EN = re.compile(
    r"\b(?:are|r|is) (?:you|u|this|she|he|it|that|the host|the presenter|there)\b[^.!]{0,24}"
    r"\b(?:real|human|a person|robot|bot|ai|a\.i|machine|fake|computer|recording|recorded|alive|virtual|avatar"
    r"|cgi|generated|live person|deepfake)\b"
    r"|\b(?:real|human) (?:person )?or (?:ai|a bot|bot|robot|fake|machine)\b"
    r"|\b(?:ai|bot|robot) or (?:a )?(?:real|human)\b"
    r"|\bwho are (?:you|u)\b"
    r"|\b(?:you|u)(?:'re| are| r)? (?:an? )?(?:ai|bot|robot)\s*\?|^(?:ai|bot|robot|real)\s*\?"
)
_SAYS_ZH = re.compile(
    r"(?:我|这里|本直播间|主播)?(?:就)?(?:是|叫|由)(?:\w{0,10})"
    r"(?:ai|人工智能|数字人|虚拟主播|虚拟人|计算机|程序|机器)"
    r"|(?:人工智能|ai|电脑|计算机)(?:\w{0,4})(?:生成|合成|驱动)|(?:不是|并非)(?:\w{0,4})(?:真人|人类|活人)"
)
_SAYS_EN = re.compile(
    r"\b(?:an? |the )?(?:ai|a\.i\.|artificial intelligence|computer|digital|virtual|machine)"
    r"(?:[- ](?:generated|host|presenter|human|avatar|assistant))"
    r"|\bi(?:'m| am) (?:an? )?(?:ai|a\.i\.|artificial|avatar|virtual|digital|computer)\b"
    r"|\bnot (?:an? )?(?:real |actual )?(?:human|person)\b"
    r"|\b(?:ai|computer|artificially)[- ]generated\b"
)
_DENIES = re.compile(
    r"不是(?:ai|数字人|人工智能|机器人|虚拟)|\bnot (?:an? )?(?:ai|robot|bot|machine)\b|并非(?:ai|数字人)"
)
# fmt: on


def asks_whether_human(text: str) -> bool:
    """Whether a comment asks who or what the host is."""
    folded = fold(text)
    return bool(_ASKS_ZH.search(folded.tight.text) or _ASKS_EN.search(folded.spaced.text))


def says_it_is_ai(folded: Folded) -> bool:
    """Whether a line says plainly that the host is no human being."""
    if _DENIES.search(folded.tight.text) or _DENIES.search(folded.spaced.text):
        return False
    return bool(_SAYS_ZH.search(folded.tight.text) or _SAYS_EN.search(folded.spaced.text))
