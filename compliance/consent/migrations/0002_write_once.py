"""The triggers of `compliance.consent.guards`.

A later migration that makes SQLite rebuild one of the guarded tables drops its triggers and has to remove and
install them again; a test of the migrated database notices.
"""

from django.db import migrations

from compliance.consent import guards


def install(apps, schema_editor):
    guards.install(schema_editor.connection)


def remove(apps, schema_editor):
    guards.remove(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [("consent", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
