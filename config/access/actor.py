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
    `narrowed`: it named somebody, and sees no more than that one would; `own` is false when it named
    a group alone, whose things it then sees, and not the subject's own.
    """

    client: str
    subject: str
    groups: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()
    person: str = ""
    address: str | None = None
    narrowed: bool = False
    own: bool = True

    def may(self, right: Right) -> bool:
        return right in self.rights or Right.ADMINISTER in self.rights

    @property
    def acts_for_others(self) -> bool:
        """Whether it may act for somebody else, and make a process the property of somebody else."""
        return self.may(Right.ON_BEHALF)

    @property
    def sees_everything(self) -> bool:
        return self.acts_for_others and not self.narrowed

    @property
    def administers(self) -> bool:
        """Whether it sees and changes what others keep for themselves; naming somebody leaves that aside."""
        return self.may(Right.ADMINISTER) and not self.narrowed

    def acting_for(self, *, subject: str | None, group: str | None) -> "Actor":
        """The same client for that subject, that group, or for itself without its wider view."""
        itself = subject in (None, self.subject)
        if group is not None:
            groups = frozenset({group})
        else:
            groups = self.groups if itself else frozenset()
        return replace(
            self,
            subject=self.subject if subject is None else subject,
            groups=groups,
            person=self.person if itself and group is None else "",
            narrowed=True,
            own=subject is not None or group is None,
        )


@dataclass(frozen=True, slots=True)
class TokenCaller:
    """Whom an identity provider vouches for: `request.user` where there is no user of ours."""

    actor: Actor
    is_authenticated: bool = True
    is_active: bool = True
    is_staff: bool = False
    pk: None = None


SERVICE = Actor(client="paraph", subject="paraph", rights=frozenset({Right.ADMINISTER}))
"""Paraph itself, when a job acts and nobody called."""
