"""What a room may spend on a language model, and when to leave a failing one alone (pure; times are handed in)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from streaming.dialogue.errors import ModelFailure


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """Most requests, tokens and money (in the operator's currency) of one room within `window_s` seconds."""

    requests: int = 600
    tokens: int = 400_000
    money: float = 5.0
    window_s: float = 3600.0


@dataclass(slots=True)
class Reservation:
    """Tokens and money set aside for one request; `settle` turns the estimate into what was used."""

    at: float
    tokens: int
    money: float


class Budget:
    """A sliding window of what one room spent; never more than `limits.requests` entries."""

    def __init__(self, limits: BudgetLimits | None = None, *, money_per_1k_tokens: float = 0.0) -> None:
        self._limits = limits or BudgetLimits()
        self._rate = money_per_1k_tokens / 1000
        self._spent: deque[Reservation] = deque()

    def reserve(self, tokens: int, now: float) -> Reservation:
        """Set `tokens` aside. Raises `ModelFailure` (model_budget_spent) when a limit would be passed."""
        while self._spent and now - self._spent[0].at >= self._limits.window_s:
            self._spent.popleft()
        held = Reservation(now, tokens, tokens * self._rate)
        used_tokens = sum(item.tokens for item in self._spent)
        used_money = sum(item.money for item in self._spent)
        fits = len(self._spent) < self._limits.requests and used_tokens + tokens <= self._limits.tokens
        if not fits or used_money + held.money > self._limits.money:
            raise ModelFailure("model_budget_spent", "This room has used its language-model budget for now.")
        self._spent.append(held)
        return held

    def settle(self, held: Reservation, tokens: int) -> None:
        """Replace the estimate of `held` by the tokens really used."""
        held.tokens, held.money = tokens, tokens * self._rate

    @property
    def spent(self) -> tuple[int, int, float]:
        """(requests, tokens, money) in the window as of the last reservation."""
        tokens = sum(item.tokens for item in self._spent)
        return len(self._spent), tokens, sum(item.money for item in self._spent)


class CircuitBreaker:
    """After `threshold` failures in a row no request is made for `rest_s` seconds, then one probe decides."""

    def __init__(self, threshold: int = 3, rest_s: float = 30.0) -> None:
        self._threshold, self._rest_s = threshold, rest_s
        self._failures = 0
        self._open_until = float("-inf")

    def admit(self, now: float) -> None:
        """Raises `ModelFailure` (model_circuit_open) while the model is left alone."""
        if self._failures < self._threshold:
            return
        if now < self._open_until:
            raise ModelFailure(
                "model_circuit_open", "The language model failed repeatedly and is left alone for a while."
            )
        # One probe at a time: whoever comes while it runs meets a closed door.
        self._open_until = now + self._rest_s

    def succeeded(self) -> None:
        """A request was answered: the door is open again."""
        self._failures = 0

    def failed(self, now: float) -> None:
        """A request failed at `now`."""
        self._failures += 1
        if self._failures >= self._threshold:
            self._open_until = now + self._rest_s
