"""The filters and sort fields of the list of contacts."""

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from config.text import code_key, plain
from config.versioned.filters import OwnedFilter
from contacts.models import Contact

CONTACT_SORTS = {"name": "name_plain", "email": "email_plain", "createdAt": "created_at"}


class ContactFilter(OwnedFilter):
    email = filters.CharFilter(method="filter_email")
    personalCode = filters.CharFilter(method="filter_personal_code")

    class Meta:
        model = Contact
        fields: list[str] = []

    def filter_email(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        return queryset.filter(email_plain__contains=plain(value))

    def filter_personal_code(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        # A value without letters and digits has an empty key, as do contacts without a code.
        return queryset.filter(code_key=code_key(value)).exclude(code_key="")
