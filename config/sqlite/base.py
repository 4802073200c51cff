"""Django's SQLite backend with the parameter limit of the linked library, in a folder that it creates.

Django 5.2 assumes 999 parameters, SQLite's default until 2020, and splits bulk inserts into many statements.
"""

import sqlite3
from pathlib import Path

from django.db.backends.sqlite3 import base, features
from django.utils.functional import cached_property


class DatabaseFeatures(features.DatabaseFeatures):
    @cached_property
    def max_query_params(self) -> int:  # type: ignore[override]  # a property in Django
        with self.connection.cursor():
            return self.connection.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)


class DatabaseWrapper(base.DatabaseWrapper):
    features_class = DatabaseFeatures

    def get_new_connection(self, conn_params: dict[str, object]) -> sqlite3.Connection:
        Path(self.settings_dict["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        return super().get_new_connection(conn_params)
