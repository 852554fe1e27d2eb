#!/usr/bin/env bash
# Resolve pyproject.toml into requirements.lock: one file for users, tests and benches.
set -euo pipefail
venv=$1
"$venv/bin/pip-compile" --quiet --strip-extras --no-header --no-annotate --no-emit-options --no-emit-find-links \
    --no-emit-index-url --no-emit-trusted-host --all-extras --constraint <(echo "torch==2.13.0") \
    --output-file requirements.lock.new pyproject.toml
{
    echo "# Made by 'make lock' from pyproject.toml. Installed without resolving: see scripts/install.sh."
    {
        # A build's name (+cpu) belongs to the machine that resolved, not to the lock.
        grep -E '^[A-Za-z]' requirements.lock.new | grep -vE '^(nvidia-|triton)' | sed -E 's/^(torch==[0-9.]+)\+.*/\1/'
        # The last release whose wheel carries its models; it asks for numpy<2 without needing it.
        echo "mediapipe==0.10.21"
        # What redis asks for on Debian 12's Python 3.11.2 and nowhere later, so that a newer one does not resolve it.
        echo 'async-timeout==5.0.1 ; python_full_version < "3.11.3"'
    } | sort -f -u
} > requirements.lock
rm requirements.lock.new
