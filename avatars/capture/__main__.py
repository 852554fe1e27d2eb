"""`python -m avatars.capture PATH [QUESTION]`: the check as a child of `compliance.sandbox`.

Lines of progress, then one line {"ok": true, "result": REPORT}. The check ran whenever that line comes;
whether the recording is accepted is `result["ok"]`, because a person needs all reasons, not the first.

QUESTION is a JSON file: {"steps": [{"key", "start_s", "end_s", "least_s", "silent"}], "earlier_face": TEXT,
"face_model": null or {"path", "other", "same"}}, see `embedder`. With it the result also has
"pictures": {number of the finding: JPEG as base64}, of the seconds that the findings name.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from avatars.capture.check import check_capture
from avatars.capture.embedder import FaceEmbedder
from avatars.capture.identity import Bounds
from avatars.capture.minute import StepTime
from avatars.capture.stills import pictures_of
from compliance.errors import BadInput
from compliance.sandbox import child_main, report


def _work(arguments: list[str]) -> dict[str, Any]:
    if len(arguments) not in (1, 2):
        raise BadInput("usage", "Usage: python -m avatars.capture PATH [QUESTION]")
    path = Path(arguments[0])
    if len(arguments) == 1:
        return check_capture(path, progress=report).to_json()
    question = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    steps = [StepTime(**step) for step in question["steps"]]
    earlier, embedder = question["earlier_face"], _embedder(question["face_model"])
    found = check_capture(path, steps=steps, earlier_face=earlier, embedder=embedder, progress=report)
    return found.to_json() | {"pictures": pictures_of(path, found.findings)}


def _embedder(model: dict[str, Any] | None) -> FaceEmbedder | None:
    return None if model is None else FaceEmbedder(Path(model["path"]), Bounds(model["other"], model["same"]))


if __name__ == "__main__":
    child_main(_work)
