from django.apps import AppConfig


class InspectionConfig(AppConfig):
    name = "compliance.inspection"
    label = "inspection"
