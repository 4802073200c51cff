"""Email texts of administrators: what is accepted, which text is used, and what the pages show."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import cache
from django.test import Client

from config.access.models import User
from config.errors import Invalid
from config.versioned import actions as versioned
from notifications.models import Message, MessageTemplate, ReminderSettings
from notifications.texts import render, sandbox
from notifications.texts.choice import NoText, TextDisabled, Texts
from notifications.texts.renderer import RENDERER
from notifications.texts.shipped import shipped_text
from tests.builders import BOSS, NOON, client_user, started_process
from tests.conftest import Api, Outbox
from tests.people import ANA, BEN, ILZE, address, body, signer

pytestmark = pytest.mark.django_db
URL = "/admin/notifications/messagetemplate/"
GOOD = {"subject": "Hello {{ process.name }}", "html": "<p>{{ signer.name }}</p>", "text": "Hello"}


def template(event: str = "TASK_STARTED", role: str = "SIGNER", language: str = "en", **more: Any) -> MessageTemplate:
    columns = {"event": event, "role": role, "language": language, **GOOD, **more}
    return versioned.create_row(MessageTemplate, columns, actor=BOSS, at=NOON)


class TestValidation:
    @pytest.mark.parametrize(
        ("column", "source", "message"),
        [
            ("subject", "{{ proces.name }}", "Line 1: there is no variable 'proces.name'."),
            ("html", "<p>\n{{ signer.code }}</p>", "Line 2: there is no variable 'signer.code'."),
            ("text", "a\nb\n{% if %}", "Line 3: missing expression."),
            ("text", "{{ signer.name", "Line 1: expected '}}'"),
            ("text", "{% for t in tasks %}\n{{ t.owner }}{% endfor %}", "Line 2: t.owner is undefined."),
            ("text", "{{ signer.name | shout }}", "Line 1: unknown filter 'shout'."),
            ("html", "{% include 'x' %}", "unexpected tag 'include'"),
            ("text", "{% render 'x' %}", "unexpected tag 'render'"),
            ("html", "{{ signer.__class__ }}", "there is no variable 'signer.__class__'"),
            ("text", "{% for i in (1..10000) %}{% for j in (1..9) %}x{% endfor %}{% endfor %}", "loop iteration limit"),
            ("text", "{% for i in (1..9999) %}" + "x" * 200 + "{% endfor %}", "output stream limit"),
            ("text", "{% assign a = 'x' %}" + "{% assign a = a | append: a %}" * 30, "local namespace limit"),
            ("text", "{% if true %}" * 40 + "{% endif %}" * 40, "block nesting"),
            ("text", "{{ process" + "[process.name" * 900 + "]" * 900 + " }}", "nested too deeply"),
            ("text", "{{ dueDate | divided_by: 0 }}", "divide"),
            ("text", "{{ '1e308' | times: 10 | ceil }}", "cannot be rendered"),
            ("text", "{{ process[signer.name] }}", "Line 1: process['Jānis Bērziņš'] is undefined"),
            ("text", "x" * 200_001, "at most 200,000 characters"),
            ("subject", " ", "required"),
        ],
    )
    def test_an_invalid_text_is_refused(self, column: str, source: str, message: str) -> None:
        with pytest.raises(Invalid) as refused:
            template(**{column: source})
        (fault,) = refused.value.faults
        assert fault.pointer == f"#/{column}"
        assert message in fault.detail
        assert not MessageTemplate.objects.exists()

    @pytest.mark.parametrize(
        ("place", "pointer"),
        [
            ({"event": "SIGNATURE"}, "#/role"),
            ({"event": "REMINDER", "role": "VIEWER"}, "#/role"),
            ({"role": "ADMINISTRATOR"}, "#/role"),
            ({"language": "lv-LV"}, "#/language"),
        ],
    )
    def test_the_event_role_and_language_must_be_valid(self, place: dict[str, str], pointer: str) -> None:
        with pytest.raises(Invalid) as refused:
            template(**place)
        assert [fault.pointer for fault in refused.value.faults] == [pointer]

    @pytest.mark.parametrize(
        ("source", "line"),
        [
            ("a\n{% if process %}\nb", 3),
            ("a\nb {{ process.name | nothing }}", 2),
            ("a\n{{ 'b' | replace: 'b' | append }}", 2),
            ("a\n" * 100 + "{% for i in (1..9000) %}" + "x" * 200 + "{% endfor %}", 101),
        ],
    )
    def test_an_error_names_its_line(self, source: str, line: int) -> None:
        with pytest.raises(Invalid) as refused:
            template(text=source)
        assert refused.value.faults[0].detail.startswith(f"Line {line}: "), refused.value.faults[0].detail[:200]

    def test_a_text_cannot_reach_python_objects(self) -> None:
        for source in ("{{ process.name.__class__ }}", "{{ process['__init__'] }}", "{{ tasks.append }}"):
            with pytest.raises(sandbox.InvalidText):
                sandbox.render(source, {"process": {"name": "x"}, "tasks": []})

    def test_values_are_escaped_only_in_html(self) -> None:
        values = {"signer": {"name": "<b>&"}}
        assert sandbox.render("{{ signer.name }}", values, html=True) == "&lt;b&gt;&amp;"
        assert sandbox.render("{{ signer.name }}", values) == "<b>&"

    def test_style_sheets_become_style_attributes(self) -> None:
        html = sandbox.inline_styles("<html><head><style>p { color: red }</style></head><body><p>x</p></body></html>")
        assert re.search(r'<p style="color: ?red;?">', html)

    def test_remote_style_sheets_are_not_loaded(self, tmp_path: Path) -> None:
        sheet = tmp_path / "remote.css"
        sheet.write_text("p { color: red }")
        html = sandbox.inline_styles(f'<link rel="stylesheet" href="file://{sheet}"><style>b {{}}</style><p>x</p>')
        assert "red" not in html


class TestChoice:
    def origin(self, tag: str = "", group: str | None = None) -> str:
        return Texts(["TASK_STARTED"]).choose("TASK_STARTED", "SIGNER", tag=tag, group=group).origin

    def test_the_groups_text_comes_before_the_general_and_the_shipped_text(self) -> None:
        assert self.origin("en", "legal") == "as shipped"
        template()
        assert self.origin("en", "legal") == "template for en, version 1"
        template(owner_group="legal")
        assert self.origin("en", "legal") == "template for en, legal, version 1"
        assert self.origin("en", "sales") == self.origin("en") == "template for en, version 1"
        assert self.origin("lv", "legal") == "as shipped"

    def test_a_language_without_shipped_texts(self, settings: Any) -> None:
        template(language="de")
        texts = Texts(["TASK_STARTED"])
        assert texts.choose("TASK_STARTED", "SIGNER", tag="de-AT").language == "de"
        settings.EMAIL_LANGUAGE = "lt"
        assert texts.choose("TASK_STARTED", "SIGNER", tag="sv").language == "lt"

    def test_a_disabled_or_empty_text_means_no_email(self, outbox: Outbox) -> None:
        template(active=False)
        template("TASK_STARTED", "APPROVER", subject="", html="", text="")
        started_process([[ANA, signer(BEN, "APPROVER")]])
        rows = outbox.of("TASK_STARTED")
        assert [(row.status, row.address) for row in rows] == [
            ("SUPPRESSED", address(ANA)),
            ("SUPPRESSED", address(BEN)),
        ]
        assert all("disabled" in row.reason for row in rows)
        with pytest.raises(TextDisabled):
            self.origin()

    def test_an_own_text_adds_an_email_that_the_product_does_not_send(self, api: Api, outbox: Outbox) -> None:
        process = api.post("/api/processes", body([[ANA, BEN]])).json()
        act = f"/api/signers/{process['signers'][0]['id']}/act"
        api.post(act, {"signingStatus": "SIGNED"})
        assert outbox.of("SIGNER_SIGNED") == []
        with pytest.raises(NoText):
            Texts(["SIGNER_SIGNED"]).choose("SIGNER_SIGNED", "INITIATOR")

        template("SIGNER_SIGNED", "INITIATOR")
        template("SIGNER_SIGNED", "SIGNER", owner_group="legal")
        api.post(f"/api/signers/{process['signers'][1]['id']}/act", {"signingStatus": "SIGNED"})
        assert outbox.recipients("SIGNER_SIGNED") == [address(ILZE)]

    def test_a_text_is_outdated_when_the_shipped_text_has_changed(self) -> None:
        row = template()
        assert not row.outdated
        MessageTemplate.objects.update(based_on="what shipped before")
        row.refresh_from_db()
        assert row.outdated
        again = versioned.replace_row(row, dict(GOOD), actor=BOSS, at=NOON)
        assert (again.version, again.outdated) == (2, False)
        assert versioned.replace_row(row, dict(GOOD), actor=BOSS, at=NOON).version == 2


class TestPages:
    @pytest.fixture
    def boss(self) -> Client:
        user = client_user("boss", rights=["administer"])
        User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=True, email="boss@example.com")
        client = Client()
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    def cells(self, page: Any) -> dict[tuple[str, str, str], str]:
        return {
            (line["event"], line["role"], language): cell.state + (" outdated" if cell.outdated else "")
            for line in page.context["matrix"].lines
            for language, cell in zip(page.context["matrix"].languages, line["cells"], strict=True)
        }

    def test_the_matrix_shows_which_text_is_used(self, boss: Client) -> None:
        template()
        template(language="lv", active=False)
        template(language="de")
        template("SIGNER_SIGNED", "INITIATOR", "lv")
        template(language="lt", owner_group="legal")
        MessageTemplate.objects.filter(language="de").update(based_on="x")
        MessageTemplate.objects.filter(language="en").update(based_on="x")
        cells = self.cells(boss.get(URL))
        row = [cells["TASK_STARTED", "SIGNER", language] for language in ("en", "lv", "lt", "de")]
        assert row == ["changed outdated", "disabled", "shipped", "changed"]
        assert cells["SIGNER_SIGNED", "INITIATOR", "lv"] == "changed"
        assert cells["SIGNER_SIGNED", "INITIATOR", "en"] == "missing"
        assert cells["SIGNER_SIGNED", "VIEWER", "en"] == "none"
        assert len(cells) == 37 * 6

        legal = self.cells(boss.get(f"{URL}?group=legal"))
        row = [legal["TASK_STARTED", "SIGNER", language] for language in ("en", "lv", "lt")]
        assert row == ["general", "disabled", "changed"]
        assert boss.get(f"{URL}list/").status_code == 200

    def test_a_new_text_starts_as_a_copy_and_is_validated(self, boss: Client) -> None:
        url = f"{URL}add/?event=TASK_STARTED&role=SIGNER&language=lv"
        page = boss.get(url)
        form = page.context["adminform"].form
        source = shipped_text("TASK_STARTED", "SIGNER", "lv")
        assert source is not None
        assert form["subject"].value() == source.subject
        values = {name: form[name].value() for name in form.fields if form[name].value() is not None}
        refused = boss.post(url, {**values, "subject": "{{ nothing }}"})
        assert "there is no variable" in refused.content.decode()
        assert boss.post(url, {**values, "subject": "Jauns"}).status_code == 302
        row = MessageTemplate.objects.get()
        assert (row.subject, row.html.replace("\r\n", "\n"), row.outdated) == ("Jauns", source.html, False)

    def test_an_earlier_version_can_be_restored(self, boss: Client) -> None:
        row = template()
        versioned.replace_row(row, {"subject": "Second"}, actor=BOSS, at=NOON)
        earlier = row.history.order_by("history_id").first()
        page = boss.get(f"{URL}{row.pk}/change/")
        assert [line.version for line in page.context["earlier"]] == [1]
        boss.post(f"{URL}{row.pk}/restore/", {"version": earlier.pk})
        row.refresh_from_db()
        assert (row.subject, row.version) == (GOOD["subject"], 3)
        assert row.history.count() == 3
        boss.post(f"{URL}{row.pk}/restore/", {"version": "x"})
        row.refresh_from_db()
        assert row.version == 3

    def test_a_preview_shows_every_language_with_a_sample_or_a_process(self, boss: Client) -> None:
        process = started_process([[signer(ANA, commentForSigner="Clause 7")]], documentName="Ūdens līgums")
        query = f"{URL}preview/?event=TASK_STARTED&role=SIGNER"
        sample, real = (boss.get(q).content.decode() for q in (query, f"{query}&process={process.pk}"))
        assert sample.count("<iframe") == real.count("<iframe") == 10
        assert "Nomas līgums" in sample
        assert "Ūdens līgums" in real
        assert "Clause 7" in real
        signer_id = process.signers.get().pk
        assert str(signer_id) not in real.replace(str(process.pk), "")
        assert "sandbox srcdoc" in real
        for wrong in ("&process=x", "&process=9dce9e72-6bf9-4874-8dd1-44342027dd4f"):
            assert boss.get(query + wrong).status_code == 302
        assert boss.get(f"{URL}preview/?event=SIGNATURE&role=SIGNER").status_code == 302

    @pytest.mark.parametrize("role", ["INITIATOR", "SIGNER", "APPROVER", "VIEWER"])
    @pytest.mark.parametrize("event", ["PROCESS_STARTED", "REMINDER", "SIGNER_DECLINED", "PROCESS_COMPLETED"])
    def test_every_event_and_role_has_a_preview(self, boss: Client, event: str, role: str) -> None:
        process = started_process([[ANA]])
        for query in ("", f"&process={process.pk}"):
            page = boss.get(f"{URL}preview/?event={event}&role={role}{query}")
            assert page.status_code == (302 if (event, role) == ("REMINDER", "VIEWER") else 200)

    def test_own_texts_are_previewed_and_saved_only_if_they_can_be_rendered(self, boss: Client, settings: Any) -> None:
        row = template()
        process = started_process([[ANA]], documentName="Ūdens līgums")
        preview = f"{URL}preview/?event=TASK_STARTED&role=SIGNER&process={process.pk}"
        assert "Hello Ūdens līgums" in boss.get(preview).content.decode()

        # A new child cannot answer at once; a running one may.
        RENDERER.stop()
        settings.RENDER_DEADLINE = 0
        assert "The text could not be rendered in time." in boss.get(preview).content.decode()
        page = boss.post(f"{URL}{row.pk}/change/", {**GOOD, "subject": "New", "active": "on", "seen_version": 1})
        assert "The text could not be rendered in time." in page.content.decode()
        assert MessageTemplate.objects.get().subject == GOOD["subject"]

    def test_a_test_email_of_a_template(self, boss: Client) -> None:
        row = template()
        boss.post(f"{URL}{row.pk}/send-test/")
        (message,) = Message.objects.all()
        assert (message.address, message.process_id, message.signer_id) == ("boss@example.com", None, None)

    def test_test_emails_of_a_preview_are_in_its_language_and_limited(self, boss: Client, settings: Any) -> None:
        settings.TEST_EMAILS_PER_HOUR = 3
        cache.clear()
        query = f"{URL}preview/?event=REMINDER&role=SIGNER&several=on"
        assert boss.get(query).content.decode().count("Sutartis") >= 10
        for language in ("lv", "lt", "lv", "et"):
            boss.post(query, {"language": language})
        sent = [message.language for message in Message.objects.order_by("id")]
        assert sent == ["lv", "lt", "lv"]
        email = render.build_email(Message.objects.order_by("id")[0])
        assert email.subject == "[Test] Atgādinājums par dokumentiem, kas jāparaksta vai jāsaskaņo (2)"
        assert "2026. gada 5. marts" in email.body

    def test_only_administrators_change_texts_and_see_previews(self) -> None:
        user = client_user("clerk")
        User.objects.filter(pk=user.pk).update(is_staff=True)
        user.user_permissions.add(*Permission.objects.filter(content_type__app_label="notifications"))
        clerk = Client()
        clerk.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        assert clerk.get(URL).status_code == 200
        assert clerk.get(f"{URL}add/").status_code == 403
        assert clerk.get(f"{URL}preview/?event=TASK_STARTED&role=SIGNER").status_code == 302
        row = template()
        assert clerk.post(f"{URL}{row.pk}/change/", {}).status_code == 403
        clerk.post(f"{URL}{row.pk}/restore/", {"version": row.history.get().pk})
        assert MessageTemplate.objects.get().version == 1
        ReminderSettings.objects.create(pk=1)
        clerk.post("/admin/notifications/remindersettings/1/change/", {"hour": 5, "days": "5, 3, 1"})
        assert ReminderSettings.objects.get().hour == 11
