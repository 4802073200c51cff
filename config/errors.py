"""`DomainError`, the base class of every refusal.

Apps subclass it next to the rule that the error guards. `config.api` turns it into a problem body,
the back office into a message on the page, a command into its error text.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One error in a request.

    `pointer` is a JSON pointer into the body as in RFC 9457 (`#/signingProcessSteps/0`), `parameter`
    the name of a query parameter. A fault in stored data has neither.
    """

    detail: str
    code: str = "invalid"
    pointer: str | None = None
    parameter: str | None = None


def cleared(pointer: str) -> Fault:
    """The warning that a null in the body has cleared a value."""
    name = pointer.rpartition("/")[2]
    return Fault(
        f"{name} was cleared because it was null; omit the field to keep its value.", code="cleared", pointer=pointer
    )


class DomainError(Exception):
    """A rule refuses the request.

    `code` is stable and meant for machines. `detail` is meant for people and states what is allowed.
    `status` is the HTTP status of the response. `faults` list the errors one by one.
    """

    code = "refused"
    status = 400
    detail = "The request was refused."

    def __init__(
        self, detail: str | None = "", faults: Sequence[Fault] = (), *, code: str = "", status: int = 0
    ) -> None:
        self.detail = detail or self.detail
        self.faults = tuple(faults)
        self.code = code or self.code
        self.status = status or self.status
        super().__init__(self.detail)


class Forbidden(DomainError):
    """The caller may see the object, but not do this with it."""

    code = "forbidden"
    status = 403
    detail = "You do not have permission to do this."


class NotFound(DomainError):
    """The object does not exist, or the caller may not see it: the response is the same."""

    code = "not_found"
    status = 404
    detail = "The object does not exist, or you do not have permission to see it."


class Invalid(DomainError):
    """The request contains invalid values; `faults` locate them."""

    code = "invalid"
    status = 400
    detail = "The request is invalid (see `errors`)."
