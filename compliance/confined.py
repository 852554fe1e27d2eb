"""`python -m compliance.confined LIMITS network|no-network COMMAND ...`: become a foreign program inside limits.

For programs that are not ours and so cannot run as a module of the sandbox: an engine that draws, a voice that speaks.
The limits and the closed network hold for the program and all its children, because both outlive exec(2).
"""

from __future__ import annotations

import json
import os
import sys

from compliance.sandbox import Limits, confine


def main(arguments: list[str]) -> int:
    """Does not return when the command exists."""
    limits, network, *command = arguments
    confine(Limits(**json.loads(limits)), network=network == "network")
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is meant
    except OSError as error:
        print(f"confined: {command[0]} cannot be started: {error.strerror}", file=sys.stderr)
    return 127


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
