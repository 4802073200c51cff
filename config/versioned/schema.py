"""The operations on a versioned resource in the generated schema."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.serializers import Serializer

from config.api.lists import pages
from config.api.schema import DELETED, NOT_MODIFIED, answer, location, operation, request_example
from config.api_values import JsonObject


@dataclass(frozen=True)
class Resource:
    """What is specific to one resource: its name (`one`, for example "document profile"), texts and examples."""

    tag: str
    one: str
    shape: type[Serializer]
    # Examples of a POST body, of a response and of a PUT body.
    body: JsonObject
    example: JsonObject
    change: JsonObject
    # The descriptions of "list", "create", "update" and "destroy".
    says: dict[str, str]
    sorts: dict[str, str]
    # The filters of the list, and the query parameters of a PUT.
    parameters: Sequence[OpenApiParameter]
    behalf: Sequence[OpenApiParameter] = ()
    # The errors of a POST or PUT in addition to the usual ones, and whether a DELETE can be refused with 409.
    conflict: tuple[int, ...] = ()
    in_use: bool = False

    def operation(self, verb: str, description: str, response: OpenApiResponse, **more: Any) -> JsonObject:
        summary = f"{verb.title()} a {self.one}"
        return operation(f"{verb}{self.operation_name}", summary, description, response, tag=self.tag, **more)

    @property
    def operation_name(self) -> str:
        return self.one.title().replace(" ", "")

    @property
    def response(self) -> OpenApiResponse:
        return answer(self.shape, f"The {self.one}. `ETag` is its version.", self.example)


def crud(tag: str, one: str, shape: type[Serializer], **texts: Any) -> JsonObject:
    """The five operations on a `Resource` with these texts, as keyword arguments of `extend_schema_view`."""
    resource = Resource(tag, one, shape, **texts)
    return {
        "list": extend_schema(**_list(resource)),
        "retrieve": extend_schema(**_retrieve(resource)),
        "create": extend_schema(**_create(resource)),
        "update": extend_schema(**_update(resource)),
        "destroy": extend_schema(**_destroy(resource)),
    }


def _list(resource: Resource) -> JsonObject:
    return operation(
        f"list{resource.operation_name}s",
        f"List {resource.one}s",
        resource.says["list"],
        answer(resource.shape(many=True), f"A page of {resource.one}s.", resource.example),
        tag=resource.tag,
        refusals=(400, 401, 403),
        parameters=[*pages.parameters(resource.sorts), *resource.parameters],
    )


def _retrieve(resource: Resource) -> JsonObject:
    description = "Returns 304 if `If-None-Match` is the current version."
    refusals = (401, 403, 404)
    return resource.operation(
        "get", description, resource.response, versioned=True, also=NOT_MODIFIED, refusals=refusals
    )


def _create(resource: Resource) -> JsonObject:
    return resource.operation(
        "create",
        resource.says["create"],
        resource.response,
        versioned=True,
        success=201,
        refusals=(400, 401, 403, 413, *resource.conflict),
        request=resource.shape,
        parameters=[location(resource.one)],
        examples=[request_example("All fields", resource.body)],
    )


def _update(resource: Resource) -> JsonObject:
    return resource.operation(
        "update",
        resource.says["update"],
        resource.response,
        versioned=True,
        refusals=(400, 401, 403, 404, 412, 413, *resource.conflict),
        request=resource.shape,
        parameters=resource.behalf,
        examples=[request_example("Some fields", resource.change)],
    )


def _destroy(resource: Resource) -> JsonObject:
    refusals = [401, 403, 404, 412]
    if resource.in_use:
        refusals.append(409)
    return resource.operation("delete", resource.says["destroy"], DELETED, success=204, refusals=refusals)
