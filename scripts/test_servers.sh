#!/usr/bin/env bash
# `start` brings up a throw-away PostgreSQL and Redis on loopback and prints their settings; `stop` removes them.
set -euo pipefail
root=${AVOW_TEST_SERVERS:-/tmp/avow-test-servers}
pg_port=54329
redis_port=63799
pg_bin=$(compgen -G "/usr/lib/postgresql/*/bin" | sort -V | tail -n 1 || true)

as_postgres() { # the server refuses to run as root
    if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

stop() {
    [ -d "$root/pg" ] && as_postgres "$pg_bin/pg_ctl" -D "$root/pg" -m immediate stop >/dev/null 2>&1 || true
    [ -f "$root/redis.pid" ] && kill "$(cat "$root/redis.pid")" 2>/dev/null || true
    rm -rf "$root"
}

start() {
    [ -n "$pg_bin" ] && command -v redis-server >/dev/null || return 1
    stop
    mkdir -p "$root"
    chmod 777 "$root"
    as_postgres "$pg_bin/initdb" -D "$root/pg" -U avow -A trust -E UTF8 --no-sync >/dev/null
    as_postgres "$pg_bin/pg_ctl" -D "$root/pg" -w -l "$root/pg.log" \
        -o "-p $pg_port -k $root -c listen_addresses=127.0.0.1 -c fsync=off" start >/dev/null
    redis-server --port $redis_port --bind 127.0.0.1 --daemonize yes --save "" --dir "$root" \
        --pidfile "$root/redis.pid" >/dev/null
    echo "export DATABASE_URL=postgres://avow@127.0.0.1:$pg_port/postgres"
    echo "export BROKER_URL=redis://127.0.0.1:$redis_port/0"
}

"$1"
