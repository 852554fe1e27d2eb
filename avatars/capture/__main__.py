"""`python -m avatars.capture PATH`: the check as a child of `compliance.sandbox`.

Lines of progress, then one line {"ok": true, "result": REPORT}. The check ran whenever that line comes;
whether the recording is accepted is `result["ok"]`, because a person needs all reasons, not the first.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from avatars.capture.check import check_capture
from compliance.errors import BadInput
from compliance.sandbox import child_main, report


def _work(arguments: list[str]) -> dict[str, Any]:
    if len(arguments) != 1:
        raise BadInput("usage", "Usage: python -m avatars.capture PATH")
    return check_capture(Path(arguments[0]), progress=report).to_json()


if __name__ == "__main__":
    child_main(_work)
