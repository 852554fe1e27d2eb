"""Write Django's secret key on the first run; settings refuse to start without one."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def main() -> None:
    """Create `secrets/django.secret` (mode 0600), in folders of mode 0700, unless it exists."""
    root = Path(os.environ.get("AVOW_VAR_DIR", Path(__file__).resolve().parent.parent / "var"))
    folder = root / "secrets"
    for private in (root, folder):  # `mode` does not hold for parents; people's files lie in the first
        private.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / "django.secret"
    if path.exists():
        return
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as target:
        target.write(secrets.token_urlsafe(48))


if __name__ == "__main__":
    main()
