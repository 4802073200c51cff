"""Versioned rows in the back office: the rules of the API, for staff."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from config.access.models import User
from config.versioned import actions as versioned
from contacts.models import Contact, Upload
from templates_app.models import DocumentAttribute, DocumentProfile
from tests.builders import BOSS, NOON, attribute_of, client_user, contact_of, profile_of, template_of
from tests.people import ANA, BEN, CODES, address

pytestmark = pytest.mark.django_db


def staff(name: str, *, rights: list[str] | None = None, groups: list[str] | None = None) -> Client:
    """A member of staff with the permissions of all pages of versioned rows."""
    user = client_user(name, rights=rights or [], groups=groups or [])
    User.objects.filter(pk=user.pk).update(is_staff=True)
    pages = Permission.objects.filter(content_type__app_label__in=["contacts", "templates_app"])
    user.user_permissions.add(*pages)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def form(client: Client, address: str, **entered: Any) -> Any:
    """Submit the form of the page with its current values, except for those entered."""
    page = client.get(address)
    assert page.status_code == 200
    fields = page.context["adminform"].form
    current = {name: fields[name].value() for name in fields.fields}
    for formset in page.context["inline_admin_formsets"]:
        current |= {f"{formset.formset.prefix}-{k}": v for k, v in formset.formset.management_form.initial.items()}
    values = {k: v for k, v in {**current, **entered}.items() if v is not None and v is not False}
    return client.post(address, values)


def errors(response: Any) -> list[str]:
    return sorted(response.context["adminform"].form.errors)


def test_a_contact_is_added_and_changed_by_the_rules() -> None:
    clerk = staff("clerk", groups=["legal"])
    added = form(
        clerk, "/admin/contacts/contact/add/", name=ANA, country="LV", phone="29 123 456", personal_code=CODES[ANA]
    )
    assert added.status_code == 302
    contact = Contact.objects.get()
    assert (contact.phone, contact.owner, contact.scope, contact.version) == ("+37129123456", "clerk", "PERSONAL", 1)
    assert contact.history.get().history_user.username == "clerk"
    page = clerk.get(added["Location"])
    assert "Please check this personal code" in page.content.decode()

    address = f"/admin/contacts/contact/{contact.pk}/change/"
    assert form(clerk, address, name="Anna", scope="GROUP", group="legal").status_code == 302
    contact.refresh_from_db()
    assert (contact.name, contact.name_plain, contact.scope, contact.version) == ("Anna", "anna", "GROUP", 2)
    assert form(clerk, address).status_code == 302
    contact.refresh_from_db()
    assert (contact.version, contact.history.count()) == (2, 2)


@pytest.mark.parametrize(
    ("entered", "shown"),
    [
        ({"name": ""}, ["name"]),
        ({"phone": "12"}, ["phone"]),
        ({"country": "LV", "personal_code": "5"}, ["personal_code"]),
        ({"email": "nobody"}, ["email"]),
        ({"scope": "GLOBAL"}, ["__all__"]),
        ({"owner": "boss"}, ["__all__"]),
        ({"scope": "GROUP"}, ["group"]),
        ({"scope": "GROUP", "group": "sales"}, ["__all__"]),
    ],
)
def test_an_error_is_shown_at_its_field(entered: dict[str, Any], shown: list[str]) -> None:
    clerk = staff("clerk")
    refused = form(clerk, "/admin/contacts/contact/add/", **{"name": ANA, **entered})
    assert (refused.status_code, errors(refused)) == (200, shown)
    assert not Contact.objects.exists()


def test_a_concurrent_change_is_not_overwritten() -> None:
    clerk = staff("clerk", rights=["administer"])
    contact = contact_of()
    refused = form(clerk, f"/admin/contacts/contact/{contact.pk}/change/", name="Anna", seen_version=7)
    assert "This was changed after you opened it" in str(refused.context["adminform"].form.errors)
    contact.refresh_from_db()
    assert contact.name == ANA


def test_staff_see_what_they_could_see_through_the_api() -> None:
    rows = [contact_of(BOSS, name=ANA, owner="boss"), contact_of(BOSS, name=BEN, scope="GLOBAL")]
    clerk, boss = staff("clerk"), staff("boss2", rights=["administer"])

    def listed(client: Client, query: str = "") -> list[str]:
        page = client.get(f"/admin/contacts/contact/{query}")
        return [contact.name for contact in page.context["cl"].result_list]

    assert (listed(clerk), listed(boss)) == ([BEN], [ANA, BEN])
    assert listed(boss, "?q=an") == [ANA]
    hidden, seen = (f"/admin/contacts/contact/{row.pk}" for row in rows)
    assert clerk.get(f"{hidden}/change/").status_code == 302
    assert clerk.get(f"{hidden}/history/").status_code == 404
    assert clerk.get(f"{hidden}/history/{rows[0].history.get().pk}/").status_code == 404
    assert clerk.get(f"{seen}/history/").status_code == 200
    assert clerk.post(f"{seen}/change/", {"name": "x"}).status_code == 403
    assert clerk.post(f"{seen}/delete/", {"post": "yes"}).status_code == 403
    assert boss.post(f"{hidden}/delete/", {"post": "yes"}).status_code == 302
    history = boss.get(f"{hidden}/history/")
    assert history.status_code == 200
    assert "boss2" in history.content.decode()


def test_search_by_name_email_and_code() -> None:
    contact_of(name="Jānis Bērziņš", email="janis@example.com", personalCode="161175-19997", country="LV")
    boss = staff("boss2", rights=["administer"])
    for term in ("berzins", "JANIS@example", "16117519997", "161175-19997", "PNOLV-161175\u201319997"):
        assert boss.get("/admin/contacts/contact/", {"q": term}).context["cl"].result_count == 1, term
    assert boss.get("/admin/contacts/contact/", {"q": "161175"}).context["cl"].result_count == 0
    assert boss.get("/admin/contacts/contact/", {"q": "\u0304"}).context["cl"].result_count == 0


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("email", "a@localhost"),
        ("email", "a@[127.0.0.1]"),
        ("email", "anna@exam\u200bple.org"),
        ("personal_code", "16117\uff15-19997"),
    ],
)
def test_the_back_office_refuses_the_addresses_and_codes_that_the_api_refuses(column: str, value: str) -> None:
    refused = form(staff("clerk"), "/admin/contacts/contact/add/", **{"name": ANA, column: value})
    assert list(errors(refused)) == [column]
    assert not Contact.objects.exists()


def test_the_data_of_a_template_is_stored_byte_by_byte() -> None:
    clerk = staff("clerk")
    template = template_of(data='  {"a": 1}\n ', owner="ilze")
    boss = staff("boss2", rights=["administer"])
    assert form(boss, f"/admin/templates_app/template/{template.pk}/change/", name="Other").status_code == 302
    template.refresh_from_db()
    assert (template.name, template.data) == ("Other", '  {"a": 1}\n ')
    assert clerk.get("/admin/templates_app/template/").status_code == 200


class TestProfiles:
    URL = "/admin/templates_app/documentprofile/"

    def test_only_those_with_the_right_change_profiles(self) -> None:
        profile = profile_of("LEASE")
        clerk = staff("clerk")
        assert clerk.get(self.URL).status_code == 200
        assert clerk.get(f"{self.URL}add/").status_code == 403
        assert clerk.post(f"{self.URL}{profile.pk}/change/", {}).status_code == 403
        assert staff("manager", rights=["manage_profiles"]).get(f"{self.URL}add/").status_code == 200

    def test_attributes_are_stored_in_the_order_on_the_page(self) -> None:
        amount, note = attribute_of("Amount", "NUMBER"), attribute_of("Note")
        manager = staff("manager", rights=["manage_profiles"])
        uses = {
            "profile_attributes-TOTAL_FORMS": 2,
            "profile_attributes-INITIAL_FORMS": 0,
            "profile_attributes-0-attribute": str(amount.pk),
            "profile_attributes-0-position": 1,
            "profile_attributes-1-attribute": str(note.pk),
            "profile_attributes-1-position": 0,
        }
        made = form(manager, f"{self.URL}add/", document_type="LEASE", **uses)
        assert made.status_code == 302, [f.formset.errors for f in made.context["inline_admin_formsets"]]
        profile = DocumentProfile.objects.get()
        assert profile.asks_for == "Note (TEXT), Amount (NUMBER)"
        assert profile.history.first().asks_for == profile.asks_for
        assert profile.history.first().history_change_reason == "manager"

        twice = {**uses, "profile_attributes-1-attribute": str(amount.pk)}
        again = form(manager, f"{self.URL}add/", document_type="OFFER", **twice)
        assert again.status_code == 200

        taken = form(manager, f"{self.URL}add/", document_type="LEASE", **{**uses, "profile_attributes-TOTAL_FORMS": 0})
        assert "already" in str(taken.context["adminform"].form.errors)

        change = f"/admin/templates_app/documentattribute/{amount.pk}/change/"
        assert form(manager, change, required="on").status_code == 302
        profile.refresh_from_db()
        assert profile.asks_for == "Note (TEXT), Amount (NUMBER, required)"

    def test_an_attribute_in_use_is_not_deleted(self) -> None:
        profile_of("LEASE", attributes=[{"name": "Amount", "type": "Number"}])
        attribute = DocumentAttribute.objects.get()
        manager = staff("manager", rights=["manage_profiles"])
        for path, said in (
            (f"/admin/templates_app/documentattribute/{attribute.pk}/delete/", {"post": "yes"}),
            (
                "/admin/templates_app/documentattribute/",
                {"action": "delete_selected", "_selected_action": str(attribute.pk), "post": "yes"},
            ),
        ):
            assert manager.post(path, said).status_code in (200, 302, 403)
            assert DocumentAttribute.objects.exists()


class TestSheets:
    """The import's pages; what a sheet may say is tested beside it."""

    URL = "/admin/contacts/contact/import/"

    def upload(self, client: Client, text: str, form: str = "0", name: str = "contacts.csv") -> Any:
        return client.post(
            self.URL, {"format": form, "resource": "0", "import_file": SimpleUploadedFile(name, text.encode())}
        )

    def test_preview_then_import(self) -> None:
        clerk = staff("clerk")
        preview = self.upload(clerk, f"name,email\nAna,{address(ANA)}\nBen,\n")
        assert "2 new, 0 changed, 0 unchanged" in preview.content.decode()
        assert not Contact.objects.exists()
        confirm = preview.context["confirm_form"].initial
        done = clerk.post("/admin/contacts/contact/process_import/", confirm)
        assert done.status_code == 302
        assert sorted(Contact.objects.values_list("name", "owner")) == [("Ana", "clerk"), ("Ben", "clerk")]
        again = clerk.post("/admin/contacts/contact/process_import/", confirm)
        assert again.status_code == 302
        assert "upload it again" in clerk.get(again["Location"]).content.decode()
        assert Contact.objects.count() == 2

    def test_an_import_that_became_impossible_after_the_preview_is_refused(self) -> None:
        clerk = staff("clerk")
        contact = contact_of(BOSS, owner="clerk")
        preview = self.upload(clerk, f"id,name\n{contact.pk},Anna\n,New\n")
        contact.delete()
        refused = clerk.post("/admin/contacts/contact/process_import/", preview.context["confirm_form"].initial)
        assert refused.status_code == 200
        assert "Nothing was imported" in refused.content.decode()
        assert not Contact.objects.exists()

    @pytest.mark.parametrize(
        ("text", "form", "says"),
        [
            ("name,phone\nAna,12\n", "0", "valid phone number"),
            ("colour\nred\n", "0", "Unknown columns: colour"),
            ("name\n", "0", "no lines below"),
            ("", "0", "empty"),
            ("name\nAna\n", "1", "must be an XLSX file"),
            ("name\nAna,Ben\n\nCleo\nDan,Eve,x\n", "0", "lines: 2, 5"),
            (",,\n\n", "0", "The file is empty. Its first line"),
            ("name\nAna\n", "7", "Select a valid choice"),
        ],
    )
    def test_a_file_that_cannot_be_imported_says_why(self, text: str, form: str, says: str) -> None:
        answer = self.upload(staff("clerk"), text, form)
        assert answer.status_code == 200
        assert says in answer.content.decode()
        assert "confirm_form" not in answer.context
        assert "Traceback" not in answer.content.decode()
        assert not Upload.objects.exists()

    def test_not_utf8(self) -> None:
        file = SimpleUploadedFile("x.csv", b"name\n\xff\xfe\n")
        answer = staff("clerk").post(self.URL, {"format": "0", "resource": "0", "import_file": file})
        assert "must be CSV in UTF-8" in answer.content.decode()

    def test_importing_requires_the_permission_to_add(self) -> None:
        clerk = staff("clerk")
        User.objects.get(username="clerk").user_permissions.remove(Permission.objects.get(codename="add_contact"))
        assert clerk.get(self.URL).status_code == 403
        assert clerk.post("/admin/contacts/contact/process_import/", {}).status_code == 403

    def test_an_export_has_the_visible_contacts(self) -> None:
        contact_of(BOSS, name="=1+1", owner="clerk")
        contact_of(BOSS, name=BEN, owner="boss")
        clerk = staff("clerk")
        answer = clerk.post("/admin/contacts/contact/export/", {"format": "0", "resource": "0"})
        lines = answer.content.decode().splitlines()
        assert len(lines) == 2
        assert "'=1+1" in lines[1]
        assert answer.content.startswith(b"\xef\xbb\xbfid,name")

    def test_a_contact_changed_since_the_preview_is_not_overwritten(self) -> None:
        clerk = staff("clerk")
        contact = contact_of(BOSS, owner="clerk", phone="+37129123456")
        preview = self.upload(clerk, f"id,name,phone\n{contact.pk},{ANA},+37129123456\n,New,\n")
        assert "1 new, 0 changed, 1 unchanged" in preview.content.decode()
        versioned.replace_row(contact, {"phone": "+37129999999"}, actor=BOSS, at=NOON)
        refused = clerk.post("/admin/contacts/contact/process_import/", preview.context["confirm_form"].initial)
        assert "changed after the preview" in refused.content.decode()
        contact.refresh_from_db()
        assert (contact.phone, Contact.objects.count()) == ("+37129999999", 1)

    @pytest.mark.parametrize("wrong", [{"format": "9"}, {"format": "1"}, {"resource": "7"}, {"import_file_name": "x"}])
    def test_a_forged_confirmation_imports_nothing(self, wrong: dict[str, str]) -> None:
        clerk = staff("clerk")
        confirm = self.upload(clerk, "name\nAna\n").context["confirm_form"].initial
        assert clerk.post("/admin/contacts/contact/process_import/", {**confirm, **wrong}).status_code in (200, 302)
        assert not Contact.objects.exists()

    def test_uploads_of_others_and_old_uploads_are_not_imported(self) -> None:
        confirm = self.upload(staff("clerk"), "name\nAna\n").context["confirm_form"].initial
        other = staff("other")
        assert other.post("/admin/contacts/contact/process_import/", confirm).status_code == 302
        Upload.objects.update(created_at=NOON)
        assert staff("clerk").post("/admin/contacts/contact/process_import/", confirm).status_code == 302
        assert not Contact.objects.exists()

    def test_line_numbers_are_those_of_the_file(self) -> None:
        answer = self.upload(staff("clerk"), 'name,phone\n\n\n"Ana\nMaria",\nBen,12\n,\nCleo,13\n')
        rows = re.findall(r"<tr><td>(\d+)</td><td>phone", answer.content.decode())
        assert rows == ["6", "8"]

    def test_an_export_can_be_imported_again(self) -> None:
        contact_of(BOSS, name="Everybody's", scope="GLOBAL")
        contact_of(BOSS, name="Mine\x01", owner="clerk")
        clerk = staff("clerk")
        for form, name in (("0", "a.csv"), ("1", "a.xlsx")):
            sheet = clerk.post("/admin/contacts/contact/export/", {"format": form, "resource": "0"}).content
            file = SimpleUploadedFile(name, sheet)
            again = clerk.post(self.URL, {"format": form, "resource": "0", "import_file": file})
            assert "0 changed, 2 unchanged" in again.content.decode()


class TestHistories:
    def test_earlier_versions_are_read_only(self) -> None:
        contact = contact_of(BOSS, scope="GLOBAL", name="First")
        versioned.replace_row(contact, {"name": "Second"}, actor=BOSS, at=NOON)
        clerk = staff("clerk")
        first = contact.history.order_by("history_id").first()
        address = f"/admin/contacts/contact/{contact.pk}/history/{first.pk}/"
        assert clerk.get(address).status_code == 200
        assert clerk.post(address, {"name": "First"}).status_code == 405
        assert Contact.objects.get().name == "Second"

    def test_private_versions_stay_hidden_after_sharing(self) -> None:
        contact = contact_of(BOSS, name="Secret name", owner="boss", personalCode=CODES[ANA])
        versioned.replace_row(
            contact, {"name": "Public", "personal_code": None, "scope": "GLOBAL"}, actor=BOSS, at=NOON
        )
        clerk = staff("clerk")
        page = clerk.get(f"/admin/contacts/contact/{contact.pk}/history/")
        assert page.status_code == 200
        assert "Secret name" not in page.content.decode()
        assert CODES[ANA] not in page.content.decode()
        private = contact.history.order_by("history_id").first()
        assert clerk.get(f"/admin/contacts/contact/{contact.pk}/history/{private.pk}/").status_code == 404

    def test_administrators_see_the_history_of_deleted_rows(self) -> None:
        contact = contact_of(BOSS, owner="boss")
        versioned.delete_row(contact, actor=BOSS, at=NOON)
        boss = staff("boss2", rights=["administer"])
        for version in contact.history.all():
            assert boss.get(f"/admin/contacts/contact/{contact.pk}/history/{version.pk}/").status_code == 200
        for wrong in ("x/history/", "x/history/1/", f"{contact.pk}/history/abc/", f"{contact.pk}/history/99999999/"):
            assert boss.get(f"/admin/contacts/contact/{wrong}").status_code == 404, wrong

    def test_line_endings_of_browsers_are_not_changes(self) -> None:
        boss = staff("boss2", rights=["administer"])
        template = template_of(BOSS, data='{\n "a": 1\n}\n', name=" Lease ")
        page = f"/admin/templates_app/template/{template.pk}/change/"
        assert form(boss, page, data=template.data.replace("\n", "\r\n")).status_code == 302
        template.refresh_from_db()
        assert (template.version, template.name) == (1, " Lease ")
        form(boss, page, data='{\r\n "a": 2\r\n}\r\n')
        template.refresh_from_db()
        assert template.data == '{\n "a": 2\n}\n'


@pytest.mark.parametrize("query", ["owner=%00", "scope__exact=%00", "role__exact=%00", "q=%00"])
def test_nul_in_a_url_is_refused(query: str) -> None:
    assert staff("clerk").get(f"/admin/contacts/contact/?{query}").status_code == 400
