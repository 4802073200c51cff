"""Reads environment variables, and collects everything that is wrong with them.

`Environment.finish`, at the end of the settings, refuses the start with all problems at once.
"""

import warnings
from collections.abc import Callable
from email.policy import default as email_policy
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

_BOOLEANS = frozenset({*environ.Env.BOOLEAN_TRUE_STRINGS, "false", "no", "off", "n", "0", ""})


class Environment(environ.Env):
    """The environment; `problems` are the variables that must be corrected before the service can start."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def get_value(
        self,
        var: str,
        cast: Callable[..., object] | None = None,
        default: object = environ.Env.NOTSET,
        parse_default: bool = False,
    ) -> object:
        """The value; the default, and a problem, if it is missing or has the wrong form."""
        fallback = "" if default is self.NOTSET else default
        value = self.ENVIRON.get(var)
        # environ takes every unknown word for false.
        if cast is bool and value is not None and value.lower() not in _BOOLEANS:
            self.problems.append(f"{var} must be true or false.")
            return fallback
        try:
            return super().get_value(var, cast=cast, default=default, parse_default=parse_default)
        except ImproperlyConfigured:
            self.problems.append(f"{var} must be set.")
        except ValueError:
            self.problems.append(f"{var} must be a number.")
        return fallback

    def required(self, name: str, description: str, local: str | Callable[[], str] = "") -> str:
        """A variable that must be set in production; elsewhere it is `local`, or made by it, if it is not set."""
        value: str = self.str(name, default="")
        if value:
            return value
        if self.bool("PRODUCTION", default=False):
            self.problems.append(f"{name} must be set with PRODUCTION=true: {description}.")
            return ""
        if callable(local):
            return local()
        return local

    def parse_url(self, name: str, parse: Callable[[str], dict[str, Any]], url: str, fallback: str) -> dict[str, Any]:
        """The settings in a URL; those of the fallback, and a problem, if it is not a URL of the right form."""
        try:
            with warnings.catch_warnings(action="error"):
                return parse(url or fallback)
        except (ImproperlyConfigured, UserWarning, ValueError, KeyError):
            self.problems.append(f"{name} must be a URL of the form shown in .env.example.")
            return parse(fallback)

    def refuse_if(self, is_wrong: object, message: str) -> None:
        """Collect the message if it applies."""
        if is_wrong and message not in self.problems:
            self.problems.append(message)

    def finish(self) -> None:
        """Refuse the start of the service if there are problems."""
        if self.problems:
            raise ImproperlyConfigured("\n".join(["Invalid settings:", *self.problems]))


def is_sender(text: str) -> bool:
    """Whether the text is exactly one email address, with or without a name."""
    try:
        header = email_policy.header_factory("From", text)
    except (ValueError, IndexError):
        return False
    addresses = header.addresses
    if header.defects or len(addresses) != 1 or not text.isprintable():
        return False
    return bool(addresses[0].username and addresses[0].domain)
