"""The web process."""

import os

from django.core.asgi import get_asgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "compliance.settings")

application = get_asgi_application()
# Load every page's code now, not while the first visitor waits.
_ = get_resolver().url_patterns
