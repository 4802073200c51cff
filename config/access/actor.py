"""The caller as every rule sees it, however it authenticated."""

from dataclasses import dataclass, replace

from config.errors import Forbidden
from config.text import spellings
from config.vocabulary import Right


class MissingRight(Forbidden):
    code = "missing_right"

    def __init__(self, right: Right, what: str) -> None:
        super().__init__(f"{what} requires the right '{right}'.")


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller: the client, the user it acts for, and what they were granted.

    - `client`: the user name of the API client or staff member that sent the request
    - `subject`: the user on whose behalf the client acts, by default the client itself
    - `groups`: the codes of the groups whose processes, contacts and templates the actor sees
    - `rights`: the granted rights; `may` takes into account that `administer` includes the others
    - `person`: the key of `config.personal_codes.person_key`, by which signer rows are found; empty if unknown
    - `address`: the IP address of the client, if the request came over HTTP
    - `narrowed`: the request named a user or group, so that the actor sees no more than those
    - `own`: whether the actor sees the subject's own rows; not if the request named only a group
    """

    client: str
    subject: str
    groups: frozenset[str] = frozenset()
    rights: frozenset[str] = frozenset()
    person: str = ""
    address: str | None = None
    narrowed: bool = False
    own: bool = True

    def __post_init__(self) -> None:
        # A group is the same in composed and decomposed letters.
        forms = frozenset().union(*map(spellings, self.groups))
        object.__setattr__(self, "groups", forms)

    def may(self, right: Right) -> bool:
        """Whether the actor has this right, either directly or because it may administer."""
        return right in self.rights or Right.ADMINISTER in self.rights

    @property
    def acts_for_others(self) -> bool:
        """Whether the actor may act for any user, and create rows that belong to other users and groups."""
        return self.may(Right.ON_BEHALF)

    @property
    def sees_everything(self) -> bool:
        """Whether the actor sees all processes: it may act for any user, and has not named one."""
        return self.acts_for_others and not self.narrowed

    @property
    def administers(self) -> bool:
        """Whether the actor sees and changes other users' personal rows too; not if it has named a user or group."""
        return self.may(Right.ADMINISTER) and not self.narrowed

    def acting_for(self, *, subject: str | None, group: str | None) -> "Actor":
        """The same client, narrowed to this subject, or this group, or to itself if both are None."""
        groups: frozenset[str] = frozenset()
        person = ""
        if group is not None:
            groups = frozenset({group})
        elif subject in (None, self.subject):
            groups = self.groups
            person = self.person
        own = subject is not None or group is None
        return replace(self, subject=subject or self.subject, groups=groups, person=person, narrowed=True, own=own)


@dataclass(frozen=True, slots=True)
class TokenCaller:
    """`request.user` of a caller whom an identity provider authenticated and who needs no `User` row.

    Both kinds of tokens put the `Actor` into `request.auth`.
    """

    is_authenticated: bool = True
    is_active: bool = True
    is_staff: bool = False
    pk: None = None


# Paraph itself, where a job acts without a caller.
SERVICE = Actor(client="paraph", subject="paraph", rights=frozenset({Right.ADMINISTER}))
