"""Try the host's words from a terminal, without a room.

python -m streaming.dialogue evaluate LINES --facts FACTS --policy POLICY [--at TIME] [--free] [--json]
python -m streaming.dialogue check TEXT --facts FACTS --policy POLICY [--at TIME] [--free] [--reply-to TEXT]
python -m streaming.dialogue answer TEXT --facts FACTS --policy POLICY [--at TIME]
python -m streaming.dialogue draft --facts FACTS --policy POLICY [--at TIME] [--language zh] [--seconds 60]

Exit status: 0 done (check: line allowed), 2 bad input, 5 line blocked.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from compliance.errors import AvowError
from streaming.dialogue.answering import Answerer
from streaming.dialogue.composer import Composer
from streaming.dialogue.drafting import draft_script
from streaming.dialogue.evaluation import as_table, evaluate, read_lines, to_json
from streaming.dialogue.facts import ProductFacts
from streaming.dialogue.guard import Guard, GuardContext
from streaming.dialogue.policy import LiveSpeechPolicy


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        facts = ProductFacts.from_json(asked.facts.read_text("utf-8"))
        guard = Guard(LiveSpeechPolicy.from_json(asked.policy.read_text("utf-8")))
        return _run(asked, facts, guard)
    except (AvowError, OSError) as error:
        print(error, file=sys.stderr)
        return 2


def _run(asked: argparse.Namespace, facts: ProductFacts, guard: Guard) -> int:
    if asked.command == "evaluate":
        evaluation = evaluate(read_lines(asked.lines), guard, facts, asked.at, is_free=asked.free)
        print(_json(to_json(evaluation)) if asked.json else as_table(evaluation))
        return 0
    if asked.command == "check":
        result = guard.check(asked.text, GuardContext((facts,), asked.at, asked.reply_to, asked.free))
        print(_json(result.to_json()))
        return 0 if result.allowed else 5
    if asked.command == "answer":
        print(_json(Answerer(guard, Composer(guard.policy)).answer(asked.text, facts, asked.at).to_json()))
        return 0
    draft = draft_script(facts, guard=guard, now=asked.at, language=asked.language, seconds=asked.seconds)
    print(_json(draft.to_json()))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m streaming.dialogue", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("evaluate", "check", "answer", "draft"):
        command = commands.add_parser(name)
        command.add_argument("--facts", type=Path, required=True)
        command.add_argument("--policy", type=Path, required=True)
        command.add_argument("--at", type=_moment, default=datetime.now(UTC), help="ISO 8601 with offset; default now")
        if name == "evaluate":
            command.add_argument("lines", type=Path)
            command.add_argument("--json", action="store_true")
        elif name == "draft":
            command.add_argument("--language", default="zh")
            command.add_argument("--seconds", type=float, default=60.0)
        else:
            command.add_argument("text")
        if name in ("evaluate", "check"):
            command.add_argument("--free", action="store_true", help="judge as words nobody approved")
        if name == "check":
            command.add_argument("--reply-to")
    return parser


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("give the time with its offset, for instance 2026-11-22T12:00:00+08:00")
    return moment


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=1)


if __name__ == "__main__":
    sys.exit(main())
