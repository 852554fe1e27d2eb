"""Environment of the tests, set before Django reads its settings (a pytest plugin, see pyproject.toml)."""

from __future__ import annotations

import os
import tempfile

from hypothesis import HealthCheck, settings

os.environ.setdefault("AVOW_SECRET_KEY", "only-for-tests")
os.environ.setdefault("BROKER_URL", "memory://")
os.environ["AVOW_VAR_DIR"] = tempfile.mkdtemp(prefix="avow-test-")
os.environ["AVOW_EMAIL_BACKEND"] = "django.core.mail.backends.locmem.EmailBackend"
os.environ["AVOW_EMAIL_VERIFICATION"] = "none"
# Jobs run in the test itself: no second thread may need the database meanwhile.
os.environ["AVOW_JOB_LEASE_S"] = "3600"
# Searching unmarked footage for cut and turned marks takes half a minute of processor; the tests of it ask for it.
os.environ["AVOW_ORIGIN_SEARCH_S"] = "0"
os.environ["DJANGO_SETTINGS_MODULE"] = "compliance.settings"

# How long an example takes says how busy the machine is, nothing else.
settings.register_profile("avow", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("avow")
