#!/usr/bin/env bash
# Kill real processes at every step and look at what is left. Apart from `make test`, because it catches processes in
# the act: on a machine that is busy with other work it may miss its moment.
set -euo pipefail
cd "$(dirname "$0")/.."
py=.venv/bin/python
"$py" -m pytest tests/processes
if servers=$(bash scripts/test_servers.sh start); then
    trap 'bash scripts/test_servers.sh stop' EXIT
    eval "$servers"
    echo "== again on $DATABASE_URL and $BROKER_URL"
    "$py" -m pytest tests/processes
else
    echo "== SKIPPED LOUDLY: PostgreSQL or Redis could not be started here; only SQLite was tested" >&2
fi
