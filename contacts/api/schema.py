"""The texts and examples of the contacts' operations in the API schema."""

from drf_spectacular.utils import OpenApiParameter, extend_schema

from config import api_values
from config.api.schema import IF_MATCH, answer, operation, request_example
from config.personal_codes import personal_code_warnings
from config.versioned.filters import GROUP, PARAMETERS, USER
from config.versioned.schema import crud
from contacts.api.filters import CONTACT_SORTS
from contacts.serializers import ContactSerializer

_BODY = {
    "name": "Jānis Bērziņš",
    "country": "LV",
    "personalCode": "150375-10101",
    "phone": "+37129123456",
    "email": "janis.berzins@example.org",
    "role": "SIGNER",
    "scope": "GROUP",
    "group": "legal",
    "language": "lv",
}
_RESPONSE = {
    "id": "2e47f112-1251-43e4-8e91-184ac94e1a5f",
    "createdAt": "2026-11-24T09:30:00Z",
    **_BODY,
    "defaultAnonymous": False,
    "owner": "ilze",
}
# The check digit of the personal code is wrong.
_WARNINGS = personal_code_warnings("LV", "150375-10101", "#/personalCode")
_RESPONSE_WITH_WARNING = _RESPONSE | api_values.warnings(_WARNINGS)
CONTACT_SCHEMA = crud(
    "contacts",
    "contact",
    ContactSerializer,
    body=_BODY,
    example=_RESPONSE_WITH_WARNING,
    change={"phone": "+37129654321"},
    says={
        "list": "The contacts that the caller may see, in pages, sorted by name by default.",
        "create": "A contact must have a name or an email address. It belongs to the caller unless `owner` is set.",
        "update": "Absent fields stay unchanged. Null clears a field, and `warnings` names it.",
        "destroy": "Processes are not affected.",
    },
    sorts=CONTACT_SORTS,
    parameters=[
        *PARAMETERS,
        OpenApiParameter("email", str, description="Part of the email address. Case and diacritics are ignored."),
        OpenApiParameter("personalCode", str, description="The whole code. Case, spaces and hyphens are ignored."),
    ],
    behalf=[USER, GROUP],
)
UPDATE_BY_BODY = extend_schema(
    **operation(
        "updateContactByBody",
        "Update the contact whose ID is in the body",
        "Same as the operation with the ID in the URL.",
        answer(ContactSerializer, "The contact. `ETag` is its version.", _RESPONSE_WITH_WARNING),
        versioned=True,
        tag="contacts",
        refusals=(400, 401, 403, 404, 412, 413),
        request=ContactSerializer,
        parameters=[USER, GROUP, IF_MATCH],
        examples=[request_example("Another phone number", {"id": _RESPONSE["id"], "phone": "+37129654321"})],
    )
)
