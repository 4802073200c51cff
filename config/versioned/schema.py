"""What the schema says of the operations on kept rows."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema

from config.api.lists import pages
from config.api.schema import DELETED, NOT_MODIFIED, answer, location, operation, request_example


def crud(
    tag: str,
    one: str,
    shape: Any,
    *,
    body: dict[str, Any],
    example: dict[str, Any],
    change: dict[str, Any],
    says: dict[str, str],
    sorts: dict[str, str],
    parameters: list[OpenApiParameter],
    behalf: list[OpenApiParameter] | None = None,
    conflict: tuple[int, ...] = (),
    in_use: bool = False,
) -> dict[str, Any]:
    """The five operations on one kind of row; `says` describes them, `change` is an example of a PUT."""
    name = one.title().replace(" ", "")
    article = "an" if one[0] in "aeiou" else "a"
    single = answer(shape, f"The {one}; `ETag` is its version.", example)
    told = {
        "list": operation(
            f"list{name}s",
            f"List {one}s",
            says["list"],
            answer(shape(many=True), f"A page of {one}s.", example),
            tag=tag,
            refusals=(400, 401, 403),
            parameters=[*pages.parameters(sorts), *parameters],
        ),
        "retrieve": operation(
            f"get{name}",
            f"Read {article} {one}",
            "With `If-None-Match` of the present version: 304.",
            single,
            versioned=True,
            tag=tag,
            also=NOT_MODIFIED,
            refusals=(401, 403, 404),
        ),
        "create": operation(
            f"create{name}",
            f"Create {article} {one}",
            says["create"],
            single,
            versioned=True,
            tag=tag,
            refusals=(400, 401, 403, 413, *conflict),
            success=201,
            request=shape,
            parameters=[location(one)],
            examples=[request_example("All of it", body)],
        ),
        "update": operation(
            f"update{name}",
            f"Change {article} {one}",
            says["update"],
            single,
            versioned=True,
            tag=tag,
            refusals=(400, 401, 403, 404, 412, 413, *conflict),
            request=shape,
            parameters=behalf or [],
            examples=[request_example("A part of it", change)],
        ),
        "destroy": operation(
            f"delete{name}",
            f"Delete {article} {one}",
            says["destroy"],
            DELETED,
            tag=tag,
            refusals=(401, 403, 404, 412, *((409,) if in_use else ())),
            success=204,
        ),
    }
    return {action: extend_schema(**words) for action, words in told.items()}
