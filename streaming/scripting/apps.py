from django.apps import AppConfig


class ScriptingConfig(AppConfig):
    name = "streaming.scripting"
    label = "scripting"
