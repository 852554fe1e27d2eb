#!/usr/bin/env bash
# What a change has to pass: lint, types, import rules, then the tests on SQLite, then what depends on the database
# again on real PostgreSQL and Redis where they can be started. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$0")/.."
py=.venv/bin/python
# One thread each: two workers whose threads wait for each other on two cores take several times as long.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}

bash scripts/system_packages.sh
make --no-print-directory lint
"$py" -m pytest -n 2 --dist loadfile --ignore tests/processes "$@"

if servers=$(bash scripts/test_servers.sh start); then
    trap 'bash scripts/test_servers.sh stop' EXIT
    eval "$servers"
    echo "== again on $DATABASE_URL and $BROKER_URL"
    # All that asks the database, less what spends its time on pictures.
    "$py" -m pytest -n 2 --dist loadfile -m "(django_db or commits) and not browser and not pictures" --ignore tests/processes "$@"
else
    echo "== SKIPPED LOUDLY: PostgreSQL or Redis could not be started here; only SQLite was tested" >&2
fi
