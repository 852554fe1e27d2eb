#!/usr/bin/env bash
# Watch a room of real processes in a browser; kill real processes at every step and look at what is left. Apart from
# `make test`, because it is long and catches processes in the act: on a busy machine it may miss its moment.
set -euo pipefail
cd "$(dirname "$0")/.."
py=.venv/bin/python
trap 'bash scripts/test_servers.sh stop' EXIT

again_on() { # which servers to start, and what they are called
    local settings
    if settings=$(bash scripts/test_servers.sh "$1"); then
        echo "== again on $2"
        (eval "$settings" && "$py" -m pytest tests/processes)
    else
        echo "== SKIPPED LOUDLY: $2 could not be started here" >&2
    fi
}

bash scripts/system_packages.sh rabbitmq-server
"$py" -m pytest tests/processes
again_on start "PostgreSQL and Redis"
again_on start-others "PostgreSQL, RabbitMQ and S3"
