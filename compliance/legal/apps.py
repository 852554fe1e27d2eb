from django.apps import AppConfig


class LegalConfig(AppConfig):
    name = "compliance.legal"
    label = "legal"
