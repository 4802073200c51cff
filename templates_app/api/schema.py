"""The texts and examples of the operations on templates, attributes and profiles in the API schema."""

import json

from drf_spectacular.utils import OpenApiParameter

from config.versioned.filters import GROUP, NAME, PARAMETERS, USER
from config.versioned.schema import crud
from templates_app.api.filters import ATTRIBUTE_SORTS, PROFILE_SORTS, TEMPLATE_SORTS
from templates_app.serializers import AttributeSerializer, ProfileSerializer, TemplateSerializer

_STEPS = [{"dueInDays": 5, "processStepSigners": [{"signerName": "Ilze Kalniņa", "signerRole": "APPROVER"}]}]
_TEMPLATE = {
    "name": "Lease, two steps",
    # `data` is a text, so the process in it is encoded on its own.
    "data": json.dumps({"documentType": "LEASE", "signingProcessSteps": _STEPS}, ensure_ascii=False),
    "scope": "GROUP",
    "group": "legal",
}
_CREATED = {"id": "9b8f4c5e-0d7d-4f0f-8d43-6f6c2f8a1b11", "createdAt": "2026-11-24T09:30:00Z"}
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

TEMPLATE_SCHEMA = crud(
    "templates",
    "template",
    TemplateSerializer,
    body=_TEMPLATE,
    example=_CREATED | _TEMPLATE | {"owner": "ilze"},
    change={"name": "Lease, with approval"},
    says={
        "list": "The templates that the caller may see, in pages, sorted by name by default.",
        "create": "`data` can be any text. Processes can be created from it if it is a SigningProcess body.",
        "update": "Absent fields stay unchanged. Null clears a field, and `warnings` names it.",
        "destroy": "Processes created from the template are not affected.",
    },
    sorts=TEMPLATE_SORTS,
    parameters=PARAMETERS,
    behalf=[USER, GROUP],
)
ATTRIBUTE_SCHEMA = crud(
    "document profiles",
    "document attribute",
    AttributeSerializer,
    body=_ATTRIBUTE,
    example=_CREATED | _ATTRIBUTE,
    change={"required": False},
    says={
        "list": "All attributes, in pages, sorted by name by default.",
        "create": "Requires the right `manage_profiles`. The name must be unique (409).",
        "update": "Requires the right `manage_profiles`. The change applies to every profile that uses the attribute.",
        "destroy": "Requires the right `manage_profiles`. An attribute that a profile uses cannot be deleted (409).",
    },
    sorts=ATTRIBUTE_SORTS,
    parameters=[NAME],
    conflict=(409,),
    in_use=True,
)
PROFILE_SCHEMA = crud(
    "document profiles",
    "document profile",
    ProfileSerializer,
    body=_PROFILE,
    example=_CREATED | _PROFILE | {"attributes": [_CREATED | _ATTRIBUTE]},
    change={"attributes": [{"id": _CREATED["id"]}, {"type": "NUMBER", "name": "Amount"}]},
    says={
        "list": "All profiles, in pages, sorted by `profileorder` by default.",
        "create": "Requires the right `manage_profiles`. There is one profile per documentType and ownerGroup (409). "
        "`attributes` refers to existing attributes by `id`; attributes without an `id` are created.",
        "update": "Requires the right `manage_profiles`. Absent fields stay unchanged, null clears a field; "
        "`attributes` is the complete list. Processes keep the rules with which they were started.",
        "destroy": "Requires the right `manage_profiles`. Attributes and started processes are not affected.",
    },
    sorts=PROFILE_SORTS,
    parameters=[
        NAME,
        OpenApiParameter("documentType", str, description="Exact match."),
        OpenApiParameter("ownerGroup", str, description="Exact match."),
    ],
    conflict=(409,),
)
