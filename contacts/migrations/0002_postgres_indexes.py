"""Trigram indexes for the searches, on PostgreSQL only."""

from django.db import migrations

_TRIGRAMS = {"contact_name_trigrams": "name_plain", "contact_email_trigrams": "email_plain"}


def create(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for name, column in _TRIGRAMS.items():
        schema_editor.execute(f"CREATE INDEX {name} ON contacts_contact USING gin ({column} gin_trgm_ops)")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in _TRIGRAMS:
            schema_editor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):
    dependencies = [("contacts", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
