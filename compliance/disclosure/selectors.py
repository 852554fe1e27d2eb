"""Reads for people: markets for forms, duties and packs in words."""

from __future__ import annotations

from typing import Any

from .duties import Duty
from .errors import LabelImpossible
from .labels import label_lines
from .packstore import load_packs
from .rulepacks import EVERYWHERE, Rule


def markets(language: str = "en") -> tuple[tuple[str, str], ...]:
    """(code, name) of every market that has a rule pack in force, for forms; Chinese names for any zh tag."""
    key = "zh" if language.lower().startswith("zh") else "en"
    named = {
        pack.jurisdiction: pack.jurisdiction_name[key]
        for pack in load_packs()
        if not pack.is_draft and pack.jurisdiction != EVERYWHERE
    }
    return tuple(sorted(named.items()))


MARKETS = markets()


def find_rule(rule_id: str) -> Rule:
    """The current rule `pack/rule`; raises KeyError when no current pack has it."""
    for pack in load_packs():
        for rule in pack.rules:
            if rule.id == rule_id:
                return rule
    raise KeyError(rule_id)


def describe(duty: Duty, language: str = "en") -> str:
    """What a duty asks for, in one sentence, with the articles that ask for it."""
    chinese = language.lower().startswith("zh")
    what = _SENTENCES[duty.kind][1 if chinese else 0]
    details = _details(duty.parameters, chinese)
    basis = _basis(duty, chinese)
    if chinese:
        return f"{what}{'：' + '；'.join(details) if details else ''}（{basis}）。"
    return f"{what}{': ' + '; '.join(details) if details else ''} ({basis})."


def _basis(duty: Duty, chinese: bool) -> str:
    articles = []
    for rule_id in duty.rule_ids:
        try:
            citation = find_rule(rule_id).citation
        except KeyError:  # a duty of an older decision, whose rule is no longer current
            articles.append(rule_id)
        else:
            articles.append(f"{citation.instrument}, {citation.article}")
    return ("；" if chinese else "; ").join(dict.fromkeys(articles))


def _details(parameters: Any, chinese: bool) -> list[str]:
    details = []
    for name, (english, chinese_text) in _DETAILS.items():
        value = parameters.get(name)
        if value is None or value is False:
            continue
        details.append((chinese_text if chinese else english).format(_plain(name, value, chinese)))
    return details


def _plain(name: str, value: Any, chinese: bool) -> str:
    if name == "mode":
        return _MODES[value][1 if chinese else 0]
    if name == "texts":
        return " / ".join(_wordings(value))
    if name in _PERCENT:
        return f"{100 * value:g}"
    if isinstance(value, int | float):
        return f"{value:g}"
    words = [_WORDS.get(word, word) if chinese else word.replace("_", " ") for word in _as_list(value)]
    return ("、" if chinese else ", ").join(words)


def _wordings(texts: list[dict[str, Any]]) -> tuple[str, ...]:
    try:
        return label_lines(texts)
    except LabelImpossible:  # a description is owed even of duties that cannot be met
        return tuple(dict.fromkeys(wording for text in texts for wording in text["wordings"]))


def _as_list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


_MODES = {
    "start": ("at the start", "起始处显示"),
    "interval": ("at regular intervals", "定期显示"),
    "while_visible": ("for as long as the figure is on screen", "人物出现期间持续显示"),
    "continuous": ("for the whole time", "全程显示"),
}
_PERCENT = frozenset({"min_glyph_ratio"})
# Chinese for the packs' own machine words; English is the word itself.
_WORDS = {
    "face": "人脸",
    "voice": "声音",
    "ad_break": "广告",
    "insert": "插播",
    "first_interaction": "首次互动",
    "session_archive": "直播内容",
    "interaction_management": "互动管理",
    "network_log": "网络日志",
    "impact_assessment": "影响评估与处理记录",
    "unlabelled_release_log": "未标识内容提供日志",
    "free_to_authorities": "对主管机关免费",
    "free_to_all": "对公众免费",
    "court_or_government_order": "法院或政府命令",
    "intimate_imagery": "私密影像",
    "provincial_cac_facial_recognition": "省级网信部门人脸识别备案",
    "100000_stored_faces": "存储人脸达10万人",
    "none": "无",
    "suspected": "疑似",
    "may_be": "可能",
    "is": "属于",
}
_SENTENCES = {
    "visible_label": ("Show a visible label", "显示显式标识"),
    "audible_label": ("Announce it in the sound", "在音频中作出提示"),
    "machine_marking": ("Mark the file in a machine-readable way", "写入机器可读标识"),
    "watermark": ("Embed the invisible watermark", "嵌入不可见水印"),
    "marking_layers": ("Mark in several independent layers", "采用多层标识"),
    "script": ("Keep the script within the rules", "脚本须符合规定"),
    "consent": ("Have the person's consent in the required form", "取得符合要求的本人同意"),
    "notice": ("Tell the audience", "告知观众"),
    "records": ("Keep records", "保存记录"),
    "verification_tool": ("Offer a tool to check files", "提供检测工具"),
    "clock": ("Act within a time limit", "在时限内处理"),
    "filing": ("File with the authority", "向主管机关备案"),
    "propagation": ("Mark as a platform", "平台核验标识"),
}
_DETAILS = {
    "texts": ("wording {}", "文字“{}”"),
    "rhythm": ("or the rhythm {}", "或节奏 {}"),
    "mode": ("{}", "{}"),
    "min_seconds": ("at least {} s", "不少于{}秒"),
    "min_glyph_ratio": ("characters at least {} % of the shorter side", "文字高度不低于短边的{}%"),
    "min_contrast": ("contrast at least {}:1", "对比度不低于{}:1"),
    "reassert_after": ("again after {}", "在{}后再次显示"),
    "max_figure_distance_ratio": ("next to the figure", "位于人物旁"),
    "schema": ("schema {}", "格式 {}"),
    "required_fields": ("fields {}", "字段 {}"),
    "signed": ("signed", "签名"),
    "timestamped": ("time-stamped", "加盖时间戳"),
    "verify_after_write": ("read back after writing", "写入后回读"),
    "min_layers": ("at least {} layers", "不少于{}层"),
    "review_before_use": ("reviewed before use", "使用前审核"),
    "no_first_person_use_claim": ("no claim of own use or experience", "不得宣称亲身使用"),
    "modalities": ("for {}", "范围：{}"),
    "separate": ("given separately", "单独同意"),
    "guardian_below_age": ("a guardian's below {} years", "未满{}周岁须监护人同意"),
    "specific_description": ("with a specific description of use", "具体说明用途"),
    "at": ("at {}", "时机：{}"),
    "data_class": ("{}", "{}"),
    "min_months": ("for at least {} months", "不少于{}个月"),
    "price": ("{}", "{}"),
    "standards_by": ("interoperable by {}", "{}前实现互操作"),
    "reason": ("{}", "{}"),
    "within_hours": ("within {} hours", "{}小时内"),
    "registry": ("{}", "{}"),
    "trigger": ("when {}", "触发条件 {}"),
    "within_working_days": ("within {} working days", "{}个工作日内"),
    "state": ("state {}", "状态 {}"),
}
