"""`manage.py erase_person`: what is kept of a person, and its erasure."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from config.access.actor import SERVICE
from config.errors import DomainError
from signing.erasure.known import known_as
from signing.erasure.person import Plan, erase, look


class Command(BaseCommand):
    help = (
        "Shows what is kept of a person and, after a yes, erases it: values in finished processes, mails, contacts, "
        "and values in the audit trail, which still verifies. Running processes and those on hold keep what they need."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--country", default="", metavar="CC", help="country of the personal code, for example LV")
        parser.add_argument("--code", default="", help="personal code")
        parser.add_argument("--email", default="", metavar="ADDRESS", help="mail address, in place of both")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            person = known_as(country=options["country"], code=options["code"], address=options["email"])
            self._show(look(person), "would go")
            if not (options["yes"] or self._agreed()):
                raise CommandError("Nothing was changed.")
            self._show(erase(person, actor=SERVICE, at=timezone.now()), "erased")
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal

    def _agreed(self) -> bool:
        try:
            return input("Erase this? It cannot be undone. [yes/no] ") == "yes"
        except EOFError:
            raise CommandError("Nothing was changed: nobody is there to be asked. Say --yes.") from None

    def _show(self, plan: Plan, verb: str) -> None:
        for what, count in plan.counts.items():
            if count:
                self.stdout.write(f"{verb}: {count} {what}")
        for what in plan.kept:
            self.stdout.write(f"kept: {what}")
        if plan.again:
            self.stdout.write(f"When that is over, erase again, by each of: {', '.join(plan.again)}")
