"""The one kind of refusal: what a rule raises when it says no.

Apps subclass `DomainError` beside the rule it guards; `config.api` turns it into a problem body,
the back office into a message, a command into its error text.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a request.

    `pointer` is a JSON pointer into the body as RFC 9457 writes it (`#/signingProcessSteps/0`),
    `parameter` the name of a query parameter; a fault of a stored thing has neither.
    """

    detail: str
    code: str = "invalid"
    pointer: str | None = None
    parameter: str | None = None


class DomainError(Exception):
    """A rule says no.

    `code` is stable and for machines, `detail` is for people and says what is allowed,
    `status` is the HTTP status it becomes, `faults` name what is wrong one by one.
    """

    code = "refused"
    status = 400
    detail = "The request was refused."

    def __init__(self, detail: str | None = None, faults: Sequence[Fault] = ()) -> None:
        self.detail = detail or self.detail
        self.faults = tuple(faults)
        super().__init__(self.detail)


class Forbidden(DomainError):
    """The caller may know of the thing, but not do this with it."""

    code = "forbidden"
    status = 403
    detail = "You may not do this."


class NotFound(DomainError):
    """There is no such thing, or none that the caller may know of."""

    code = "not_found"
    status = 404
    detail = "There is no such thing, or you may not see it."


class Invalid(DomainError):
    """The request says something that cannot be; `faults` say where."""

    code = "invalid"
    status = 400
    detail = "The request is not valid; see errors."
