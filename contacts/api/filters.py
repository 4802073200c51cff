"""The filters and sort fields of the list of contacts."""

from django.db.models import QuerySet
from django_filters import rest_framework as filters

from config.api.lists.filters import PersonalCodeFilter, containing
from config.personal_codes import with_code
from config.versioned.filters import OwnedFilter
from contacts.models import Contact

CONTACT_SORTS = {
    "id": "id",
    "createdAt": "created_at",
    "name": "name_plain",
    "country": "country",
    "email": "email_plain",
    "role": "role",
    "defaultAnonymous": "default_anonymous",
    "owner": "owner",
    "scope": "scope",
    "group": "group",
    "language": "language",
}


class ContactFilter(OwnedFilter):
    email = filters.CharFilter(method="filter_email")
    personalCode = PersonalCodeFilter(method="filter_personal_code")

    class Meta:
        model = Contact
        fields: list[str] = []

    def filter_email(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        return containing(queryset, "email_plain", value)

    def filter_personal_code(self, queryset: QuerySet[Contact], name: str, value: str) -> QuerySet[Contact]:
        return queryset.filter(with_code(value)).exclude(code_key="")
