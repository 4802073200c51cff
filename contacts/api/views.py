"""Contacts over HTTP."""

from drf_spectacular.utils import extend_schema_view
from rest_framework.request import Request
from rest_framework.response import Response

from config.errors import Fault, Invalid
from config.personal_codes import personal_code_warnings
from config.versioned.views import VersionedViewSet
from contacts.api import schema
from contacts.api.filters import CONTACT_SORTS, ContactFilter
from contacts.models import Contact
from contacts.serializers import ContactSerializer


@extend_schema_view(**schema.CONTACT_SCHEMA)
class ContactViewSet(VersionedViewSet):
    model = Contact
    shape = ContactSerializer
    filters = ContactFilter
    sorts = CONTACT_SORTS
    default_sort = "name,asc"
    address = "contact"

    @schema.UPDATE_BY_BODY
    def update_by_body(self, request: Request) -> Response:
        body = self.body(ContactSerializer)
        if not body.get("id"):
            raise Invalid(faults=[Fault("The body must contain the contact's id.", code="required", pointer="#/id")])
        return self.replaced(body["id"], body)

    def remarks(self, row: Contact) -> list[Fault]:
        return personal_code_warnings(row.country, row.personal_code, "#/personalCode")
