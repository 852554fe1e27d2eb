#!/usr/bin/env bash
# Throw-away servers on loopback. `start` brings up PostgreSQL and Redis and prints their settings, `start-others`
# PostgreSQL, RabbitMQ and an S3 server; `stop` ends and removes whatever runs.
set -euo pipefail
cd "$(dirname "$0")/.."
root=${AVOW_TEST_SERVERS:-/tmp/avow-test-servers}
pg_port=54329
redis_port=63799
rabbit_port=56729
s3_port=59000
pg_bin=$(compgen -G "/usr/lib/postgresql/*/bin" | sort -V | tail -n 1 || true)
rabbit_bin=/usr/lib/rabbitmq/bin
rabbit_environment=(
    HOME="$root" RABBITMQ_NODENAME=avow-test@localhost RABBITMQ_MNESIA_BASE="$root/rabbit" RABBITMQ_LOG_BASE="$root/rabbit"
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_NODE_PORT=$rabbit_port RABBITMQ_DIST_PORT=$((rabbit_port + 1))
    RABBITMQ_PID_FILE="$root/rabbit.pid" RABBITMQ_ENABLED_PLUGINS_FILE="$root/plugins"
)

as_postgres() { # the server refuses to run as root
    if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi
}

stop() {
    [ -d "$root/pg" ] && as_postgres "$pg_bin/pg_ctl" -D "$root/pg" -m immediate stop >/dev/null 2>&1 || true
    local name
    for name in redis rabbit s3; do
        [ -f "$root/$name.pid" ] && kill "$(cat "$root/$name.pid")" 2>/dev/null || true
    done
    rm -rf "$root"
}

make_root() {
    stop
    mkdir -p "$root"
    chmod 777 "$root"
}

start_postgres() {
    as_postgres "$pg_bin/initdb" -D "$root/pg" -U avow -A trust -E UTF8 --no-sync >/dev/null
    as_postgres "$pg_bin/pg_ctl" -D "$root/pg" -w -l "$root/pg.log" \
        -o "-p $pg_port -k $root -c listen_addresses=127.0.0.1 -c fsync=off" start >/dev/null
    echo "export DATABASE_URL=postgres://avow@127.0.0.1:$pg_port/postgres"
}

start_redis() {
    redis-server --port $redis_port --bind 127.0.0.1 --daemonize yes --save "" --dir "$root" \
        --pidfile "$root/redis.pid" >/dev/null
    echo "export BROKER_URL=redis://127.0.0.1:$redis_port/0"
}

start_rabbitmq() {
    mkdir -p "$root/rabbit"
    env "${rabbit_environment[@]}" "$rabbit_bin/rabbitmq-server" >"$root/rabbit.log" 2>&1 &
    env "${rabbit_environment[@]}" "$rabbit_bin/rabbitmqctl" wait --timeout 60 "$root/rabbit.pid" >/dev/null
    echo "export BROKER_URL=amqp://guest:guest@127.0.0.1:$rabbit_port//"
}

start_s3() {
    .venv/bin/python -m moto.server --host 127.0.0.1 --port $s3_port >"$root/s3.log" 2>&1 &
    echo $! >"$root/s3.pid"
    timeout 30 bash -c "until (echo >/dev/tcp/127.0.0.1/$s3_port) 2>/dev/null; do sleep 0.2; done"
    echo "export AVOW_S3_ENDPOINT=http://127.0.0.1:$s3_port"
    echo "export AWS_ACCESS_KEY_ID=only AWS_SECRET_ACCESS_KEY=for-tests AWS_DEFAULT_REGION=us-east-1"
}

start() {
    [ -n "$pg_bin" ] && command -v redis-server >/dev/null || return 1
    make_root
    start_postgres
    start_redis
}

start-others() {
    [ -n "$pg_bin" ] && [ -x "$rabbit_bin/rabbitmq-server" ] || return 1
    make_root
    start_postgres
    start_rabbitmq
    start_s3
}

"$1"
