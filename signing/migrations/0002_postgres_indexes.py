"""Indexes that only PostgreSQL has: trigrams for the searches, and descending sorts with nothing last."""

from django.db import migrations

_TRIGRAMS = {
    "process_name_trigrams": ("signing_process", "name_search"),
    "process_email_trigrams": ("signing_process", "email_search"),
}
_DESCENDING = {
    "process_latest_completed": "completed_at",
    "process_latest_due": "due_at",
    "process_last_name": "document_name",
}


def create(apps, schema_editor):
    if schema_editor.connection.vendor != "postgresql":
        return
    schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    for name, (table, column) in _TRIGRAMS.items():
        schema_editor.execute(f"CREATE INDEX {name} ON {table} USING gin ({column} gin_trgm_ops)")
    for name, column in _DESCENDING.items():
        schema_editor.execute(f"CREATE INDEX {name} ON signing_process ({column} DESC NULLS LAST, id DESC)")


def drop(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in (*_TRIGRAMS, *_DESCENDING):
            schema_editor.execute(f"DROP INDEX {name}")


class Migration(migrations.Migration):
    dependencies = [("signing", "0001_initial")]
    operations = [migrations.RunPython(create, drop)]
