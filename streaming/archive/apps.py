from django.apps import AppConfig


class ArchiveConfig(AppConfig):
    name = "streaming.archive"
    label = "archive"
