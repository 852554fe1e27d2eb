#!/usr/bin/env bash
# Debian packages that only the tests use: a browser, a database server, a message broker, an RTMP server. Without root the tests
# that need them are skipped, and say so. Arguments name further packages, by the command each one brings.
set -euo pipefail
missing=()
for package in "$@"; do
    command -v "$package" >/dev/null || missing+=("$package")
done
command -v chromium >/dev/null || missing+=(chromium)
command -v redis-server >/dev/null || missing+=(redis-server)
compgen -G "/usr/lib/postgresql/*/bin/postgres" >/dev/null || missing+=(postgresql)
compgen -G "/usr/lib/nginx/modules/ngx_rtmp_module.so" >/dev/null || missing+=(nginx-light libnginx-mod-rtmp)
fc-list :lang=zh 2>/dev/null | grep -q . || missing+=(fontconfig fonts-noto-cjk)
[ ${#missing[@]} -eq 0 ] && exit 0
if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "== not installed and not installable here: ${missing[*]}; the tests that need them will be skipped" >&2
    exit 0
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null \
    || echo "== could not install ${missing[*]}; the tests that need them will be skipped" >&2
