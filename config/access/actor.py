"""The caller as every rule sees it, whatever the way in."""

from dataclasses import dataclass, replace

from config.errors import Forbidden
from config.vocabulary import Right


class MissingRight(Forbidden):
    code = "missing_right"

    def __init__(self, right: Right, what: str) -> None:
        super().__init__(f"{what} needs the right '{right}'.")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who calls (`client`), for whom (`subject`, `groups`), with which rights, and from where.

    `person` is the key of `config.text.person_key`, empty when the caller is nobody in particular.
    """

    client: str
    subject: str
    groups: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()
    person: str = ""
    address: str | None = None

    def may(self, right: Right) -> bool:
        return right in self.rights

    @property
    def sees_everything(self) -> bool:
        return self.may(Right.ADMINISTER) or self.may(Right.ON_BEHALF)

    @property
    def names_anybody(self) -> bool:
        """Whether it may make a process the property of somebody else."""
        return self.sees_everything

    def narrowed(self, *, subject: str | None = None, groups: frozenset[str] | None = None) -> "Actor":
        """The same client seeing and doing no more than that subject in those groups would."""
        kept = self.rights - {Right.ADMINISTER, Right.ON_BEHALF}
        person = self.person if subject in (None, self.subject) else ""
        return replace(
            self,
            subject=self.subject if subject is None else subject,
            groups=self.groups if groups is None else groups,
            rights=kept,
            person=person,
        )


SERVICE = Actor(client="paraph", subject="paraph", rights=frozenset({Right.ADMINISTER}))
"""Paraph itself, when a job acts and nobody called."""
