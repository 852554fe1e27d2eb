"""Django app registration of the provenance package."""

from django.apps import AppConfig


class ProvenanceConfig(AppConfig):
    name = "compliance.provenance"
    label = "provenance"
