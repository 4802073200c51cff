"""Concurrent changes of contacts, profiles and attributes, on PostgreSQL with real transactions."""

from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from config.access.actor import Actor
from contacts.models import Contact, Upload
from templates_app.models import DocumentProfile
from tests.builders import attribute_of, client_user, contact_of, profile_of
from tests.config.versioned.test_backoffice import form, staff
from tests.conftest import Api
from tests.faults import SOAK
from tests.faults.test_at_once import at_once
from tests.people import BEN, CLEO, ILZE

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]


def test_a_sheet_confirmed_twice_at_once_is_imported_once() -> None:
    for _ in range(3 * SOAK):
        Contact.objects.all().delete()
        clerk = staff("clerk")
        lines = "\n".join(f"Person {n}" for n in range(600))
        file = SimpleUploadedFile("x.csv", f"name\n{lines}\n".encode())
        preview = clerk.post("/admin/contacts/contact/import/", {"format": "0", "resource": "0", "import_file": file})
        confirm = preview.context["confirm_form"].initial
        clients = [staff("clerk") for _ in range(3)]
        answers = at_once([partial(c.post, "/admin/contacts/contact/process_import/", confirm) for c in clients])
        assert {answer.status_code for answer in answers} == {302}
        assert Contact.objects.count() == 600
        assert not Upload.objects.exists()


def test_concurrent_edits_of_one_contact_are_all_applied() -> None:
    for _ in range(5 * SOAK):
        contact = contact_of()
        api = Api(client_user(ILZE))
        changes = [{"language": "lv"}, {"role": "SIGNER"}, {"email": "a@example.com"}, {"phone": "+37129123456"}]
        answers = at_once([partial(api.put, f"/api/contacts/{contact.pk}", change) for change in changes])
        assert {answer.status_code for answer in answers} == {200}
        read = api.get(f"/api/contacts/{contact.pk}")
        assert all(read.json()[name] == value for change in changes for name, value in change.items())
        assert (read["ETag"], contact.history.count()) == ('"5"', 5)


def test_of_two_forms_submitted_at_once_only_one_is_saved() -> None:
    for _ in range(5 * SOAK):
        contact = contact_of(Actor(client="clerk", subject="clerk"))
        url = f"/admin/contacts/contact/{contact.pk}/change/"
        values = {"scope": "PERSONAL", "owner": "clerk", "seen_version": contact.version}
        clients = [staff("clerk"), staff("clerk")]
        submits = [partial(c.post, url, {**values, "name": name}) for c, name in zip(clients, (BEN, CLEO), strict=True)]
        responses = at_once(submits)
        assert sorted(response.status_code for response in responses) == [200, 302]
        contact.refresh_from_db()
        assert (contact.version, contact.history.count()) == (2, 2)


def test_concurrent_changes_of_attributes_and_profiles_stay_consistent() -> None:
    for number in range(5 * SOAK):
        attribute = attribute_of(f"A{number}")
        profile = profile_of(f"OLD{number}", attributes=[{"id": str(attribute.pk)}])
        api, manager = (
            Api(client_user("manager", rights=["manage_profiles"])),
            staff("manager", rights=["manage_profiles"]),
        )
        listed = {"attributes": [{"id": str(attribute.pk)}]}
        page = f"/admin/templates_app/documentattribute/{attribute.pk}/change/"
        answers = at_once(
            [
                lambda: api.put(f"/api/document-attributes/{attribute.pk}", {"required": True}),  # noqa: B023
                lambda: api.post("/api/document-profiles", {"documentType": f"NEW{number}", **listed}),  # noqa: B023
                lambda: api.put(f"/api/document-profiles/{profile.pk}", {"seal": "x"}),  # noqa: B023
                lambda: form(manager, page, type="NUMBER"),  # noqa: B023
                lambda: api.delete(f"/api/document-profiles/{profile.pk}"),  # noqa: B023
            ]
        )
        assert all(answer.status_code in (200, 201, 204, 302, 404) for answer in answers), answers
        attribute.refresh_from_db()
        for left in DocumentProfile.objects.filter(profile_attributes__attribute=attribute):
            assert left.asks_for == attribute.summary
