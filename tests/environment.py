"""Environment of the tests, set before Django reads its settings (a pytest plugin, see pyproject.toml)."""

from __future__ import annotations

import os
import tempfile

os.environ.setdefault("AVOW_SECRET_KEY", "only-for-tests")
os.environ.setdefault("BROKER_URL", "memory://")
os.environ["AVOW_VAR_DIR"] = tempfile.mkdtemp(prefix="avow-test-")
os.environ["AVOW_EMAIL_BACKEND"] = "django.core.mail.backends.locmem.EmailBackend"
os.environ["AVOW_EMAIL_VERIFICATION"] = "none"
os.environ["DJANGO_SETTINGS_MODULE"] = "compliance.settings"
