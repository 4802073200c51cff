"""What the schema says of each operation on contacts."""

from drf_spectacular.utils import OpenApiParameter, extend_schema

from config.api.schema import IF_MATCH, answer, operation, request_example
from config.versioned.filters import GROUP, PARAMETERS, USER
from config.versioned.schema import crud
from contacts.serializers import ContactSerializer

SORTS = {"name": "name_plain", "email": "email_plain", "createdAt": "created_at"}

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
_ANSWER = {
    "id": "2e47f112-1251-43e4-8e91-184ac94e1a5f",
    "createdAt": "2026-11-24T09:30:00Z",
    **_BODY,
    "defaultAnonymous": False,
    "owner": "ilze",
}
_WARNED = _ANSWER | {
    "warnings": [
        {
            "pointer": "#/personalCode",
            "code": "doubtful_personal_code",
            "detail": "Please check this personal code: its form, date or check digit is not right for LV.",
        }
    ]
}
SCHEMA = crud(
    "contacts",
    "contact",
    ContactSerializer,
    body=_BODY,
    example=_WARNED,
    change={"phone": "+37129654321"},
    says={
        "list": "The contacts that the caller may see, by name, a page at a time.",
        "create": "A contact has a name or an address. It belongs to the caller unless it names another owner.",
        "update": "Send back what you read, changed. Absent keys stay, null clears.",
        "destroy": "Processes stay as they are.",
    },
    sorts=SORTS,
    parameters=[
        *PARAMETERS,
        OpenApiParameter("email", str, description="Part of the address, without case and diacritics."),
        OpenApiParameter("personalCode", str, description="Exact, but for case, spaces and hyphens."),
    ],
    behalf=[USER, GROUP],
)
UPDATE_BY_BODY = extend_schema(
    **operation(
        "updateContactByBody",
        "Change a contact that the body names",
        "The same as with the id in the address, as the reference has it.",
        answer(ContactSerializer, "The contact; `ETag` is its version.", _WARNED),
        versioned=True,
        tag="contacts",
        refusals=(400, 401, 403, 404, 412, 413),
        request=ContactSerializer,
        parameters=[USER, GROUP, IF_MATCH],
        examples=[request_example("Another phone number", {"id": _ANSWER["id"], "phone": "+37129654321"})],
    )
)
