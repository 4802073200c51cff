"""What the schema says of each operation on templates, document attributes and document profiles."""

import json

from drf_spectacular.utils import OpenApiParameter

from config.versioned.filters import GROUP, NAME, PARAMETERS, USER
from config.versioned.schema import crud
from templates_app.serializers import AttributeSerializer, ProfileSerializer, TemplateSerializer

TEMPLATE_SORTS = {"name": "name_plain", "createdAt": "created_at"}
ATTRIBUTE_SORTS = {"name": "name_plain", "createdAt": "created_at"}
PROFILE_SORTS = {"profileorder": "profileorder", "name": "name_plain"}

_STEPS = [{"dueInDays": 5, "processStepSigners": [{"signerName": "Ilze Kalniņa", "signerRole": "APPROVER"}]}]
_TEMPLATE = {
    "name": "Lease, two steps",
    "data": json.dumps({"documentType": "LEASE", "signingProcessSteps": _STEPS}, ensure_ascii=False),
    "scope": "GROUP",
    "group": "legal",
}
_MADE = {"id": "9b8f4c5e-0d7d-4f0f-8d43-6f6c2f8a1b11", "createdAt": "2026-11-24T09:30:00Z"}
_ATTRIBUTE = {"type": "DATETIME", "name": "Contract date", "required": True}
_PROFILE = {
    "name": "Lease agreements",
    "documentType": "LEASE",
    "ownerGroup": "legal",
    "attributes": [_ATTRIBUTE],
    "seal": "company",
    "isSealRequired": True,
    "profileorder": 10,
    "continueOnDecline": False,
    "reviewRequired": True,
}


TEMPLATES = crud(
    "templates",
    "template",
    TemplateSerializer,
    body=_TEMPLATE,
    example=_MADE | _TEMPLATE | {"owner": "ilze"},
    change={"name": "Lease, with approval"},
    says={
        "list": "The templates that the caller may see, by name, a page at a time.",
        "create": "`data` is the client's own. Where it is a SigningProcess body, processes can be made of it.",
        "update": "Send back what you read, changed. Absent keys stay, null clears.",
        "destroy": "Processes made of it stay as they are.",
    },
    sorts=TEMPLATE_SORTS,
    parameters=PARAMETERS,
    behalf=[USER, GROUP],
)
ATTRIBUTES = crud(
    "document profiles",
    "document attribute",
    AttributeSerializer,
    body=_ATTRIBUTE,
    example=_MADE | _ATTRIBUTE,
    change={"required": False},
    says={
        "list": "All attributes, by name, a page at a time.",
        "create": "Needs the right `manage_profiles`. A name is given once (409).",
        "update": "Needs the right `manage_profiles`. Every profile that asks for the attribute sees the change.",
        "destroy": "Needs the right `manage_profiles`. One that is used by a profile stays: 409 says where.",
    },
    sorts=ATTRIBUTE_SORTS,
    parameters=[NAME],
    conflict=(409,),
    in_use=True,
)
PROFILES = crud(
    "document profiles",
    "document profile",
    ProfileSerializer,
    body=_PROFILE,
    example=_MADE | _PROFILE | {"attributes": [_MADE | _ATTRIBUTE]},
    change={"attributes": [{"id": _MADE["id"]}, {"type": "NUMBER", "name": "Amount"}]},
    says={
        "list": "All profiles, in their order, a page at a time.",
        "create": "Needs the right `manage_profiles`. One profile for each documentType and ownerGroup (409). "
        "`attributes` names existing ones by `id`, and brings new ones.",
        "update": "Needs the right `manage_profiles`. Absent keys stay, null clears; `attributes` is the whole list. "
        "Processes that have started keep the rules they started with.",
        "destroy": "Needs the right `manage_profiles`. Its attributes stay, and so do processes that have started.",
    },
    sorts=PROFILE_SORTS,
    parameters=[
        NAME,
        OpenApiParameter("documentType", str, description="Exact."),
        OpenApiParameter("ownerGroup", str, description="Exact."),
    ],
    conflict=(409,),
)
