"""Facts in, decision out. Pure: no clock, no database, no settings; the same input gives the same answer
for ever.

One function serves both moments. Before performing (`phase` "plan") it says which duties apply. For a
finished artefact (`phase` "finished", or facts that hold measurements) it also judges whether they were
met.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import rfc8785

from .decisions import PRECEDENCE, Decision, Outcome, Reason, Severity
from .duties import Duty, combine_duties
from .errors import FactsInvalid, ReplayMismatch
from .expressions import Judgement, Truth
from .facts import Facts
from .packstore import find_pack, load_packs
from .rulepacks import EVERYWHERE, MAY_STOP, Effect, Rule, RulePack, Stage, Status

_SEVERITY = {
    Effect.BLOCK: Severity.BLOCK,
    Effect.INSUFFICIENT: Severity.INSUFFICIENT,
    Effect.HOLD: Severity.HOLD,
    Effect.WARN: Severity.WARNING,
}
_WEIGHT = list(reversed(Severity))


def evaluate(facts: Mapping[str, Any], *, packs: Sequence[RulePack] | None = None) -> Decision:
    """Decide under `packs` (default: the current versions).

    Unknown facts never raise and never let anything through. Raises `FactsInvalid` only when `facts` are no
    JSON.
    """
    given = _json_copy(facts)
    read = Facts(given)
    phase = _phase(read)
    day = read.get("as_of")
    asked, reasons = _select_packs(read, load_packs() if packs is None else packs)
    duties: list[Duty] = []
    if isinstance(day, date):
        for pack in asked:
            for rule in _rules_on(pack, day):
                imposed, said = _apply(rule, pack.jurisdiction, read, phase, day)
                duties += imposed
                reasons += said
    else:
        reasons.append(_missing("as_of", frozenset({"as_of"}), may_stop=True))
    combined, conflicts = combine_duties(duties)
    reasons += [_conflict(text) for text in conflicts]
    return Decision(
        outcome=_outcome(reasons, combined, phase),
        phase=phase,
        duties=combined,
        reasons=_in_order(reasons),
        packs=tuple((pack.id, pack.version, pack.digest) for pack in asked),
        facts=given,
    )


def replay(decision: Decision) -> Decision:
    """Decide again with the facts and the stored pack versions of `decision`.

    Raises `PackUnknown` when a version is gone or altered, `ReplayMismatch` when the answer differs.
    """
    packs = [find_pack(*named) for named in decision.packs]
    again = evaluate(decision.facts, packs=packs)
    if again.to_json() != decision.to_json():
        raise ReplayMismatch(decision.to_json(), again.to_json())
    return again


def _json_copy(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as they will be stored, so that deciding and replaying see the same values."""
    if not isinstance(facts, Mapping):
        raise FactsInvalid("they are not an object")
    try:
        copy: dict[str, Any] = json.loads(rfc8785.dumps(dict(facts)))
    except (rfc8785.CanonicalizationError, RecursionError, UnicodeError) as problem:
        raise FactsInvalid(str(problem)) from None
    return copy


def _phase(facts: Facts) -> str:
    stated = facts.get("phase")
    if facts.has("phase"):
        # An unreadable phase is judged as a finished artefact, where every measurement is asked for.
        return "plan" if stated == "plan" else "finished"
    return "finished" if any(facts.has(group) for group in ("label", "audio_label", "marking")) else "plan"


def _select_packs(facts: Facts, packs: Sequence[RulePack]) -> tuple[list[RulePack], list[Reason]]:
    markets, drafts = facts.get("markets"), facts.get("drafts") or ()
    if not isinstance(markets, tuple) or not markets:
        return [], [_missing("markets", frozenset({"markets"}), may_stop=True)]
    assert isinstance(drafts, tuple)
    asked = [
        pack
        for pack in packs
        if pack.jurisdiction in (*markets, EVERYWHERE)
        and pack.status is not Status.REPEALED
        and (not pack.is_draft or pack.id in drafts)
    ]
    covered = {pack.jurisdiction for pack in asked if not pack.is_draft}
    return asked, [_no_pack(market) for market in dict.fromkeys(markets) if market not in covered - {EVERYWHERE}]


def _rules_on(pack: RulePack, day: date) -> Iterable[Rule]:
    if (pack.valid_from is None or pack.valid_from <= day) and (pack.valid_to is None or day < pack.valid_to):
        return (rule for rule in pack.rules if rule.in_force(day))
    return ()


def _apply(rule: Rule, market: str, facts: Facts, phase: str, day: date) -> tuple[list[Duty], list[Reason]]:
    applies = rule.when.judge(facts)
    if applies.truth is Truth.FALSE:
        return [], []
    if applies.truth is Truth.UNKNOWN:
        return [], [_missing(rule.id, applies.missing, may_stop=rule.confidence in MAY_STOP)]
    duties = [Duty(rule.duty_kind, rule.duty_parameters, (rule.id,), (market,))] if rule.duty_kind else []
    if rule.require is None or rule.stage not in (Stage.BOTH, Stage(phase)):
        return duties, []
    unmet = _unmet(rule, rule.require.judge(facts))
    if unmet is None:
        return duties, []
    return duties, [_under_grace(rule, unmet, facts, day)]


def _unmet(rule: Rule, judged: Judgement) -> Reason | None:
    if judged.truth is Truth.TRUE:
        return None
    assert rule.otherwise is not None
    severity = _SEVERITY[rule.otherwise.effect] if rule.confidence in MAY_STOP else Severity.WARNING
    if judged.truth is Truth.UNKNOWN:
        # Not knowing is never worse than the worst that could be true: a rule that only warns still only
        # warns.
        return _missing(rule.id, judged.missing, may_stop=severity is not Severity.WARNING)
    text, remedy = rule.otherwise.text, rule.otherwise.remedy
    return Reason(rule.otherwise.code, text["en"], rule.id, severity, text["zh"], remedy["en"], remedy["zh"])


def _under_grace(rule: Rule, unmet: Reason, facts: Facts, day: date) -> Reason:
    if rule.grace is None or day >= rule.grace.until or rule.grace.when.judge(facts).truth is not Truth.TRUE:
        return unmet
    left = (rule.grace.until - day).days
    return Reason(
        "grace_period",
        f"Not enforced yet: {left} days left until {rule.grace.until}. {unmet.text}",
        rule.id,
        Severity.WARNING,
        f"宽限期内，距 {rule.grace.until} 还有 {left} 天。{unmet.text_zh}",
        unmet.remedy,
        unmet.remedy_zh,
    )


def _missing(rule_id: str, missing: frozenset[str], *, may_stop: bool) -> Reason:
    names = ", ".join(sorted(missing))
    return Reason(
        "fact_unknown",
        f"This cannot be judged: {names} is missing or cannot be read.",
        rule_id,
        Severity.INSUFFICIENT if may_stop else Severity.WARNING,
        f"无法判断：缺少或无法读取 {names}。",
        f"State {names}.",
        f"请提供 {names}。",
    )


def _no_pack(market: str) -> Reason:
    return Reason(
        "no_rule_pack",
        f"There is no rule pack for market {market}.",
        f"markets/{market}",
        Severity.HOLD,
        f"市场 {market} 没有规则包。",
        "Remove this market, or add a rule pack that legal counsel has checked.",
        "请移除该市场，或增加经法务核对的规则包。",
    )


def _conflict(text: str) -> Reason:
    return Reason(
        "duties_conflict",
        f"Two duties exclude each other: {text}.",
        "duties",
        Severity.HOLD,
        f"两项义务互相冲突：{text}。",
        "Serve the markets with separate items.",
        "请按市场分别制作内容。",
    )


def _outcome(reasons: Iterable[Reason], duties: Sequence[Duty], phase: str) -> Outcome:
    present = {reason.severity for reason in reasons}
    for severity, outcome in PRECEDENCE.items():
        if severity in present:
            return outcome
    # A finished artefact that met its duties is simply allowed; standing duties (records, clocks) remain
    # listed.
    return Outcome.ALLOW_WITH_DUTIES if duties and phase == "plan" else Outcome.ALLOW


def _in_order(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda r: (_WEIGHT.index(r.severity), r.rule_id, r.code)))
