"""Disclosure: what the law of each market asks of a synthetic item, as data, and a pure function that
applies it.

from compliance.disclosure import evaluate
decision = evaluate({"as_of": "2026-11-22", "markets": ["CN", "EU"], ...})
"""

from .decisions import Decision, Outcome, Reason, Severity
from .duties import Duty
from .evaluator import evaluate, replay
from .packstore import load_packs
from .rulepacks import RulePack

__all__ = [
    "Decision",
    "Duty",
    "Outcome",
    "Reason",
    "RulePack",
    "Severity",
    "evaluate",
    "load_packs",
    "replay",
]
