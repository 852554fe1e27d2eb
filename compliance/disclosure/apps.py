"""Django app without tables: the rules are data files, the evaluator is pure."""

from django.apps import AppConfig


class DisclosureConfig(AppConfig):
    """Registers the system check that refuses to start with an undrawable label."""

    name = "compliance.disclosure"
    label = "disclosure"

    def ready(self) -> None:
        """Checks register on import."""
        from . import checks  # noqa: F401
