"""Contacts over HTTP."""

from drf_spectacular.utils import extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import Fault, Invalid
from config.kept.api import KeptViewSet
from config.personal_codes import doubtful
from contacts.api import docs
from contacts.api.filters import ContactFilter
from contacts.api.serializers import ContactSerializer
from contacts.models import Contact


@extend_schema_view(**docs.SCHEMA)
class ContactViewSet(KeptViewSet):
    model = Contact
    shape = ContactSerializer
    filters = ContactFilter
    sorts = docs.SORTS
    default_sort = "name,asc"
    address = "contact"

    @docs.UPDATE_BY_BODY
    def update_by_body(self, request: Request) -> Response:
        body = self.body(ContactSerializer)
        if not body.get("id"):
            detail = "The body names the contact by its id."
            raise Invalid(faults=[Fault(detail, code="required", pointer="#/id")])
        return self.replaced(body["id"], body)

    def remarks(self, row: Contact) -> list[Fault]:
        return doubtful(row.country, row.personal_code, "#/personalCode")
