from django.apps import AppConfig


class ReleaseConfig(AppConfig):
    name = "compliance.release"
    label = "release"
