"""The director: which approved block comes next, decided, recorded, reversible, and the same on every replay.

Its only powers are order and repetition inside what legal approved. It never sees a single viewer, never
changes a word, a price or a claim, and gains nothing from distress (outcome.py).
"""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass

from streaming.director.audience import AudiencePicture
from streaming.director.bandit import Arm, BanditSettings, learn, means, pick
from streaming.director.decisions import Decision, Learned, Option, Record, Reverted, explain
from streaming.director.errors import DecisionRefused
from streaming.director.feasibility import LegalLocks, Played, exclusion, urgency
from streaming.director.outcome import BlockOutcome, reward
from streaming.rundown import Rundown, RundownItem

# Records held for taking decisions back: a day and a half of two-minute blocks.
KEPT = 2000


@dataclass(slots=True)
class _State:
    """What the records amount to. `place`: of the last block in the planned order, -1 before the first."""

    played: dict[str, Played]
    arms: dict[str, Arm]
    position: int = 0
    round: int = 0
    place: int = -1
    newest: str = ""

    @classmethod
    def empty(cls, rundown: Rundown) -> _State:
        return cls({item.id: Played() for item in rundown.items}, {item.id: Arm() for item in rundown.items})


class Director:
    """Directs one room. State is the record log folded; times are handed in (epoch seconds)."""

    def __init__(
        self,
        rundown: Rundown,
        *,
        started_at: float,
        seed: str,
        locks: LegalLocks | None = None,
        settings: BanditSettings | None = None,
    ) -> None:
        self._rundown = rundown
        self._planned = [item.id for item in rundown.round()]
        self._started_at, self._seed = started_at, seed
        self._locks = locks or LegalLocks()
        self._settings = settings or BanditSettings()
        self._log: deque[Record] = deque()
        self._made = 0
        self._decisions: dict[str, Decision] = {}
        self._reverted: set[str] = set()
        self._learned: dict[str, Learned] = {}
        self._base = _State.empty(rundown)
        self._state = _State.empty(rundown)
        self._plan_next = False

    @property
    def log(self) -> tuple[Record, ...]:
        """The last `KEPT` records in order; older ones are in the room's archive."""
        return tuple(self._log)

    def set_locks(self, locks: LegalLocks) -> None:
        """Legal changed what is fixed; holds from the next decision."""
        self._locks = locks

    # --- deciding ---
    def decide(self, now: float, picture: AudiencePicture | None = None) -> Decision:
        """Choose the next block and record why. `choice` is None when no block may come."""
        at = now - self._started_at
        excluded = {
            item.id: exclusion(item, self._state.played[item.id], self._locks, at) for item in self._rundown.items
        }
        feasible = [item for item in self._rundown.items if not excluded[item.id]]
        round_ = self._round(feasible)
        rule, choice, options = self._choose(feasible, at, excluded, round_)
        expected = means(self._state.arms)
        listed = tuple(options.get(name, Option(name, why, round(expected[name], 4))) for name, why in excluded.items())
        title = self._rundown.item(choice).title if choice else ""
        about = {"item": title, "options": len(options), "share": self._settings.exploration}
        decision = Decision(
            id=f"d{self._made + 1}",
            position=self._state.position,
            ts=now,
            rule=rule,
            choice=choice,
            options=listed,
            inputs={"at_s": round(at, 3), "round": round_, "picture": picture.to_json() if picture else None},
            reason=explain(rule, **about, mean=expected.get(choice or "", 0.0)),
        )
        self._apply(decision)
        return decision

    def _round(self, feasible: list[RundownItem]) -> int:
        """Number of the round: a new one begins once everything that may come has come."""
        done = bool(feasible) and all(self._state.played[item.id].in_round for item in feasible)
        return self._state.round + done

    def _left(self, feasible: list[RundownItem], round_: int, excluded: dict[str, str]) -> list[RundownItem]:
        """What may be chosen freely: no more often than approved in a round, and nothing twice in a row."""
        fresh = round_ > self._state.round
        left = [item for item in feasible if fresh or self._state.played[item.id].in_round < item.repeats]
        others = [item for item in left if item.id != self._state.newest]
        excluded |= {item.id: "often_enough" for item in feasible if item not in left}
        if others and len(others) < len(left):
            excluded[self._state.newest] = "just_played"
        return others or left

    def _choose(
        self, feasible: list[RundownItem], at: float, excluded: dict[str, str], round_: int
    ) -> tuple[str, str | None, dict[str, Option]]:
        """(rule, choice, options that could have been chosen). Says in `excluded` what else may not come."""
        if not feasible:
            return "none", None, {}
        expected = means(self._state.arms)
        if forced := self._forced(feasible, at, round_):
            rule, item = forced
            return rule, item.id, {item.id: Option(item.id, "", round(expected[item.id], 4), 0.0, 1.0)}
        left = self._left(feasible, round_, excluded)
        if len(left) == 1:
            return "only", left[0].id, {left[0].id: Option(left[0].id, "", round(expected[left[0].id], 4), 0.0, 1.0)}
        picked = pick(self._state.arms, [item.id for item in left], self._settings, self._rng())
        options = {
            name: Option(name, "", round(expected[name], 4), picked.sampled[name], propensity)
            for name, propensity in picked.propensities.items()
        }
        return "explored" if picked.explored else "learned", picked.choice, options

    def _forced(self, feasible: list[RundownItem], at: float, round_: int) -> tuple[str, RundownItem] | None:
        """What legal, duty, a revert or the first round leaves no choice about."""
        by_id = {item.id: item for item in feasible}
        if self._locks.frozen:
            return "frozen", self._next_in_plan(feasible)
        if pinned := by_id.get(self._locks.pinned.get(self._state.position, "")):
            return "pinned", pinned
        due = {item.id: urgency(item, self._state.played[item.id], self._rundown, at) for item in feasible}
        most = max(feasible, key=lambda item: due[item.id])
        if due[most.id] > 0:
            return "duty", most
        if self._plan_next or round_ == 0:
            return "after_revert" if self._plan_next else "first_round", self._next_in_plan(feasible)
        return None

    def _next_in_plan(self, feasible: list[RundownItem]) -> RundownItem:
        """The feasible block that follows the last one played in the planned order."""
        after = self._state.place + 1
        rotated = self._planned[after:] + self._planned[:after]
        return min(feasible, key=lambda item: rotated.index(item.id))

    def _rng(self) -> random.Random:
        """A generator of this decision's own: no decision depends on how often another drew."""
        digest = hashlib.sha256(f"{self._seed}:{self._made + 1}".encode()).digest()
        return random.Random(digest)  # noqa: S311 - reproducibility is the point, not secrecy

    # --- learning and taking back ---
    def learn(self, decision_id: str, outcome: BlockOutcome, now: float) -> Learned:
        """Count what a decision brought, once.

        Raises:
            DecisionRefused: decision_unknown, decision_reverted, decision_already_learned, decision_without_choice.
        """
        decision = self._known(decision_id)
        if decision_id in self._reverted:
            raise DecisionRefused("decision_reverted", "This decision was taken back; nothing is learned from it.")
        if decision_id in self._learned:
            raise DecisionRefused("decision_already_learned", "What this decision brought is counted already.")
        if decision.choice is None:
            raise DecisionRefused("decision_without_choice", "No block was chosen, so there is nothing to learn.")
        record = Learned(decision_id, decision.choice, now, reward(outcome), outcome.to_json())
        self._apply(record)
        return record

    def revert(self, decision_id: str, *, by: str, now: float) -> Reverted:
        """Take a decision back: what it taught is forgotten; if it was not played to its end, it never was.

        The next block then comes from the plan.

        Raises:
            DecisionRefused: decision_unknown, decision_reverted.
        """
        self._known(decision_id)
        if decision_id in self._reverted:
            raise DecisionRefused("decision_reverted", "This decision was taken back before.")
        record = Reverted(decision_id, now, by)
        self._apply(record)
        return record

    def _known(self, decision_id: str) -> Decision:
        if decision_id not in self._decisions:
            raise DecisionRefused(
                "decision_unknown", f"There is no decision {decision_id!r} in this room, or it is too old."
            )
        return self._decisions[decision_id]

    # --- folding records into state ---
    def _apply(self, record: Record) -> None:
        self._log.append(record)
        if isinstance(record, Decision):
            self._made += 1
            self._decisions[record.id] = record
            self._plan_next = False
        elif isinstance(record, Learned):
            self._learned[record.decision_id] = record
        if isinstance(record, Reverted):
            self._reverted.add(record.decision_id)
            self._plan_next = True
            self._rebuild()
        else:
            self._fold(self._state, record)
        while len(self._log) > KEPT:
            self._let_go(self._log.popleft())

    def _fold(self, state: _State, record: Record) -> None:
        """Add one record to `state`, unless it was taken back; what was played to its end stays played."""
        if isinstance(record, Decision) and (record.id not in self._reverted or record.id in self._learned):
            state.position = record.position + 1
            if record.choice is not None:
                self._play(state, record.choice, record)
        elif isinstance(record, Learned):
            state.played[record.item_id].ended = record.ts - self._started_at
            if record.value is not None and record.decision_id not in self._reverted:
                learn(state.arms, record.item_id, record.value, self._settings)

    def _play(self, state: _State, choice: str, record: Decision) -> None:
        if (round_ := int(record.inputs.get("round", state.round))) > state.round:
            state.round = round_
            for played in state.played.values():
                played.in_round = 0
        played = state.played[choice]
        played.count, played.in_round, played.last = played.count + 1, played.in_round + 1, record.ts - self._started_at
        after = state.place + 1
        state.place = (self._planned[after:] + self._planned[:after]).index(choice) + after
        state.place, state.newest = state.place % len(self._planned), choice

    def _rebuild(self) -> None:
        self._state = deepcopy(self._base)
        for record in self._log:
            self._fold(self._state, record)

    def _let_go(self, record: Record) -> None:
        """A record too old to be taken back becomes part of the base, so that rooms of weeks stay small."""
        self._fold(self._base, record)
        if isinstance(record, Decision):
            del self._decisions[record.id]
        elif isinstance(record, Learned):
            del self._learned[record.decision_id]
        else:
            self._reverted.discard(record.decision_id)

    @classmethod
    def replay(
        cls,
        records: Iterable[Record],
        rundown: Rundown,
        *,
        started_at: float,
        seed: str,
        locks: LegalLocks | None = None,
        settings: BanditSettings | None = None,
    ) -> Director:
        """A director in the state after `records`: decides on as the first one would have."""
        director = cls(rundown, started_at=started_at, seed=seed, locks=locks, settings=settings)
        for record in records:
            director._apply(record)
        return director
