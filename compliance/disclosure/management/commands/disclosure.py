"""`manage.py disclosure decide|replay|packs|seal`: the rules from a terminal."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compliance.disclosure import Decision, Outcome, evaluate, load_packs, replay
from compliance.disclosure.packstore import seal_packs
from compliance.disclosure.selectors import describe
from compliance.errors import AvowError

# For scripts: whether anything may go ahead, without parsing.
EXIT = {
    Outcome.ALLOW: 0,
    Outcome.ALLOW_WITH_DUTIES: 0,
    Outcome.HOLD: 3,
    Outcome.INSUFFICIENT_EVIDENCE: 4,
    Outcome.BLOCK: 5,
}


class Command(BaseCommand):
    """Decide on facts, decide again on a stored decision, list the rule packs, seal new versions."""

    help = "Disclosure rules: decide on facts, replay a stored decision, list rule packs."
    requires_system_checks = ("disclosure",)  # the rules are pure; pages and tables need not stand

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Four verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        decide = verbs.add_parser("decide", help="decide on facts; exit status 0 allow, 3 hold, 4 evidence, 5 block")
        decide.add_argument("--facts", required=True, help="JSON file, or - for standard input")
        again = verbs.add_parser("replay", help="decide again with the pack versions a decision names")
        again.add_argument("decision", help="JSON file, or - for standard input")
        packs = verbs.add_parser("packs", help="list the rule packs in use")
        verbs.add_parser("seal", help="put new pack versions to use: add their digests")
        for verb in (decide, again, packs):
            verb.add_argument("--json", action="store_true", help="machine-readable output")
            verb.add_argument("--language", default="en", help="en or zh-hans")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run one verb; a refusal becomes a one-line message."""
        try:
            if options["verb"] == "packs":
                self._packs(options)
            elif options["verb"] == "seal":
                for name in seal_packs():
                    self.stdout.write(name)
            else:
                self._decide(options)
        except AvowError as refusal:
            raise CommandError(str(refusal), returncode=2) from refusal

    def _decide(self, options: dict[str, Any]) -> None:
        if options["verb"] == "decide":
            decision = evaluate(_read_json(options["facts"]))
        else:
            decision = replay(Decision.from_dict(_read_json(options["decision"])))
        if options["json"]:
            self.stdout.write(decision.to_json())
        else:
            self._print(decision, options["language"])
        if EXIT[decision.outcome]:
            sys.exit(EXIT[decision.outcome])

    def _print(self, decision: Decision, language: str) -> None:
        self.stdout.write(f"{decision.outcome.value} ({decision.phase})")
        for reason in decision.reasons:
            text, remedy = reason.in_language(language)
            self.stdout.write(f"  {reason.severity.value:<9} {reason.rule_id}: {text} {remedy}")
        for duty in decision.duties:
            self.stdout.write(f"  duty      {describe(duty, language)}")

    def _packs(self, options: dict[str, Any]) -> None:
        rows = [
            {
                "id": pack.id,
                "version": pack.version,
                "jurisdiction": pack.jurisdiction,
                "status": pack.status.value,
                "confidence": pack.confidence.value,
                "rules": len(pack.rules),
                "digest": pack.digest,
                "valid_from": None if pack.valid_from is None else pack.valid_from.isoformat(),
            }
            for pack in load_packs()
        ]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            self.stdout.write(
                "{id:<28} {version:<4} {jurisdiction:<6} {status:<9} {confidence:<3} "
                "from {valid_from} {rules:>3} rules {digest:.12}".format(**row)
            )


def _read_json(name: str) -> Any:
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
        return json.loads(text)
    except (OSError, ValueError) as problem:
        raise CommandError(f"{name}: {problem}", returncode=2) from None
