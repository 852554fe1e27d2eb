#!/usr/bin/env bash
# Install exactly what requirements.lock names. Dependencies are not resolved again, for two reasons: the lock is
# complete, and mediapipe 0.10.21 declares packages it never imports and an old NumPy it does not need.
set -euo pipefail
venv=$1
python=$(command -v python3.11 || command -v python3)
"$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' \
    || { echo "Avow needs Python 3.11 or 3.12; found $("$python" --version)." >&2; exit 1; }
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip=("$venv/bin/python" -m pip --disable-pip-version-check --quiet --no-input)
# PyTorch brings different companions with every build (CPU, CUDA), so it alone resolves its own.
"${pip[@]}" install "$(grep -E '^torch==' requirements.lock)" -c <(grep -vE '^torch==' requirements.lock)
"${pip[@]}" install --no-deps -r requirements.lock
