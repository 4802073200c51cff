from typing import Any

from django_filters import rest_framework as filters

from config.text import code_key, plain
from config.versioned.filters import OwnedFilter
from contacts.models import Contact


class ContactFilter(OwnedFilter):
    email = filters.CharFilter(method="with_address")
    personalCode = filters.CharFilter(method="with_code")

    class Meta:
        model = Contact
        fields: list[str] = []

    def with_address(self, rows: Any, name: str, text: str) -> Any:
        return rows.filter(email_plain__contains=plain(text))

    def with_code(self, rows: Any, name: str, code: str) -> Any:
        return rows.filter(code_key=code_key(code)).exclude(code_key="")
