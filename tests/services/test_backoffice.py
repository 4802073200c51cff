"""The back office in a real browser."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.people import ANA, BEN, address, body
from tests.services.stack import Stack

pytestmark = pytest.mark.services

MAKE_STAFF = """
from config.access.models import User
User.objects.create_superuser("boss", "boss@example.org", "a-good-password")
"""


@pytest.fixture(scope="module")
def page(stack: Stack) -> Iterator[Page]:
    """A browser window in which the boss has logged in."""
    stack.manage("shell", "-c", MAKE_STAFF)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{stack.port}/")
        page.fill("#id_username", "boss")
        page.fill("#id_password", "a-good-password")
        page.click("button[type=submit]")
        yield page
        browser.close()


def test_a_process_on_one_page_is_reminded_sent_again_and_canceled(stack: Stack, page: Page) -> None:
    wire = body([[ANA], [BEN]], documentName="Ūdens līgums", processInitiatorEmail=None)
    process = stack.call("POST", "/api/processes", wire).body
    stack.sink.wait_for(1)

    page.goto(f"http://127.0.0.1:{stack.port}/admin/signing/process/?q=udens")
    page.click("text=Ūdens līgums")
    expect(page.locator("h2", has_text="Step 1")).to_contain_text("STARTED")
    expect(page.locator("section", has_text="History").last).to_contain_text("TASK_STARTED")

    page.click("text=Remind signers")
    expect(page.locator("body")).to_contain_text("Reminded: Ana.")
    stack.sink.wait_for(2)
    page.click("text=Remind signers")
    expect(page.locator("body")).to_contain_text("only one reminder per hour is allowed")

    page.reload()
    page.locator("button", has_text="Send again").first.click()
    expect(page.locator("body")).to_contain_text("will be sent again")
    stack.sink.wait_for(3)

    page.get_by_label("Reason for the cancellation").fill("Not needed.")
    page.click("text=Cancel process")
    expect(page.locator(".paraph h2").first).to_contain_text("CANCELED")
    assert stack.call("GET", f"/api/processes/{process['id']}").body["status"] == "CANCELED"
    subjects = [str(mail["Subject"]).strip() for mail in stack.sink.wait_for(4) if address(ANA) in str(mail["To"])]
    assert subjects[-1] == "Canceled: Ūdens līgums"
    assert page.locator("text=Remind signers").count() == 0


def test_buttons_take_post_alone(stack: Stack, page: Page) -> None:
    process = stack.call("POST", "/api/processes", body([[ANA]], processInitiatorEmail=None)).body
    answer = page.goto(f"http://127.0.0.1:{stack.port}/admin/signing/process/{process['id']}/cancel/")
    assert answer is not None
    assert answer.status == 405
    assert stack.call("GET", f"/api/processes/{process['id']}").body["status"] == "STARTED"


def test_every_list_of_the_back_office_opens(stack: Stack, page: Page) -> None:
    stack.call("POST", "/api/templates", {"name": "Lease", "scope": "GROUP", "group": "legal"})
    kept = ("contacts/contact", "templates_app/template", "templates_app/documentprofile")
    rest = ("signing/process", "audit/auditevent", "notifications/message", "access/user", "auth/group")
    for path in (*kept, "templates_app/documentattribute", *rest):
        answer = page.goto(f"http://127.0.0.1:{stack.port}/admin/{path}/")
        assert answer is not None
        assert answer.status == 200, path
        row = page.locator("#result_list tbody th a, #result_list tbody td a").first
        if row.count():
            href = row.get_attribute("href")
            opened = page.goto(f"http://127.0.0.1:{stack.port}{href}")
            assert opened is not None
            assert opened.status == 200, href


def test_the_api_docs_draw_themselves(stack: Stack, page: Page) -> None:
    page.goto(f"http://127.0.0.1:{stack.port}/api/docs/")
    expect(page.locator("text=Report what a signer did")).to_be_visible(timeout=15000)
    assert json.loads(page.request.get(f"http://127.0.0.1:{stack.port}/api/schema?format=json").text())["openapi"]


def test_contacts_are_imported_after_a_preview(stack: Stack, page: Page, tmp_path: Path) -> None:
    kept = stack.call("POST", "/api/contacts", {"name": "Ben", "scope": "GROUP", "group": "legal"}).body
    lines = [f"{kept['id']},Benedikts,GROUP,legal,", *(f",Jānis {n},GROUP,legal,+3712912{n:04}" for n in range(1500))]
    file = tmp_path / "contacts.csv"

    def upload(*rows: str) -> None:
        file.write_text("\n".join(["id,name,scope,group,phone", *rows]), encoding="utf-8")
        page.goto(f"http://127.0.0.1:{stack.port}/admin/contacts/contact/")
        page.click("text=Import")
        page.set_input_files("#id_import_file", file)
        page.select_option("#id_format", label="csv")
        page.click("button:has-text('Preview')")

    upload(*lines, ",Bad,GROUP,legal,12", ",Worse,ALL,,")
    wrong = page.locator("section", has_text="Nothing was imported")
    expect(wrong.locator("tr", has_text="1503")).to_contain_text("valid phone number")
    expect(wrong.locator("tr", has_text="1504")).to_contain_text("ALL is only allowed in filters")

    upload(*lines)
    expect(page.locator("h2", has_text="Preview")).to_contain_text("1500 new, 1 changed, 0 unchanged")
    changed = page.locator("tr", has_text="Benedikts")
    expect(changed.locator("del")).to_have_text("Ben")
    expect(page.locator("body")).to_contain_text("1301 more lines will be imported.")
    assert stack.call("GET", "/api/contacts?name=janis").body["totalElements"] == 0

    page.click("button:has-text('Import')")
    expect(page.locator("body")).to_contain_text("Import finished: 1500 new, 1 updated")
    assert stack.call("GET", "/api/contacts?name=janis").body["totalElements"] == 1500
    assert stack.call("GET", f"/api/contacts/{kept['id']}").body["name"] == "Benedikts"

    page.goto(f"http://127.0.0.1:{stack.port}/admin/contacts/contact/{kept['id']}/history/")
    expect(page.locator("#change-history")).to_contain_text("boss, import")


def test_a_profiles_attributes_are_dragged_into_order(stack: Stack, page: Page) -> None:
    stack.manage("create_client", "portal", "--right", "manage_profiles")
    attributes = [{"name": name, "type": "Text"} for name in ("First", "Second", "Third")]
    body = {"documentType": "DRAGGED", "attributes": attributes}
    profile = stack.call("POST", "/api/document-profiles", body).body
    page.goto(f"http://127.0.0.1:{stack.port}/admin/templates_app/documentprofile/{profile['id']}/change/")

    handles = page.locator(".formset .form-group.original .material-symbols-outlined:has-text('drag_indicator')")
    handles.nth(2).drag_to(handles.nth(0))
    page.locator("button[name=_save]").click()

    expect(page.locator("body")).to_contain_text("was changed successfully")
    read = stack.call("GET", f"/api/document-profiles/{profile['id']}").body
    assert [a["name"] for a in read["attributes"]] == ["Third", "First", "Second"]


def test_a_user_with_a_token_is_saved_and_the_token_revoked(stack: Stack, page: Page) -> None:
    token = stack.manage("create_client", "reporting", "--token-name", "nightly").strip().splitlines()[-1]
    page.goto(f"http://127.0.0.1:{stack.port}/admin/access/user/?q=reporting")
    page.click("th a:has-text('reporting')")
    page.fill("#id_email", "reporting@example.org")
    page.locator("button[name=_continue]").click()
    expect(page.locator("body")).to_contain_text("was changed successfully")
    expect(page.locator("#id_email")).to_have_value("reporting@example.org")

    headers = {"Authorization": f"Token {token}"}
    assert page.request.get(f"http://127.0.0.1:{stack.port}/api/processes", headers=headers).status == 200
    page.get_by_label("Revoke the API token nightly").click()
    expect(page.locator("body")).to_contain_text("The API token 'nightly' has been revoked.")
    assert page.request.get(f"http://127.0.0.1:{stack.port}/api/processes", headers=headers).status == 401
