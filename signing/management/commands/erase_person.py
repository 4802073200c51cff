"""`manage.py erase_person`: previews and erases the data of a person."""

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from config.access.actor import SERVICE
from config.errors import DomainError
from signing.erasure.erase import ErasureSummary, erase, preview
from signing.erasure.person import find_person


class Command(BaseCommand):
    help = "Preview what is stored about a person, and erase it after confirmation."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--country", default="", metavar="CC", help="country of the personal code, for example LV")
        parser.add_argument("--code", default="", help="personal code")
        parser.add_argument("--email", default="", metavar="ADDRESS", help="email address, instead of country and code")
        parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")

    def handle(self, *, country: str, code: str, email: str, yes: bool, **options: object) -> None:
        try:
            person = find_person(country=country, code=code, address=email)
            self._write("will be erased", preview(person))
            if not yes:
                self._require_confirmation()
            self._write("erased", erase(person, actor=SERVICE, at=timezone.now()))
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal

    def _require_confirmation(self) -> None:
        try:
            answer = input("Erase this data? This cannot be undone. [yes/no] ")
        except EOFError:
            raise CommandError("Nothing was changed: confirming requires a terminal. Use --yes.") from None
        if answer != "yes":
            raise CommandError("Nothing was changed.")

    def _write(self, heading: str, summary: ErasureSummary) -> None:
        for label, count in summary.counts.items():
            self.stdout.write(f"{heading}: {label} ({count})")
        for reason in summary.kept:
            self.stdout.write(f"kept: {reason}")
        if summary.again:
            self.stdout.write(f"Later, erase the person again, using each of these: {', '.join(summary.again)}")
