"""The back office in a real browser."""

import json
from collections.abc import Iterator

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
    expect(page.locator("section", has_text="Audit").last).to_contain_text("TASK_STARTED")

    page.click("text=Remind everybody")
    expect(page.locator("body")).to_contain_text("Reminded: Ana.")
    stack.sink.wait_for(2)
    page.click("text=Remind everybody")
    expect(page.locator("body")).to_contain_text("once an hour is allowed")

    page.reload()
    page.locator("button", has_text="Send again").first.click()
    expect(page.locator("body")).to_contain_text("waits to be sent again")
    stack.sink.wait_for(3)

    page.fill("input[name=reason]", "Not needed.")
    page.click("text=Cancel the process")
    expect(page.locator(".paraph h2").first).to_contain_text("CANCELED")
    assert stack.call("GET", f"/api/processes/{process['id']}").body["status"] == "CANCELED"
    subjects = [str(mail["Subject"]).strip() for mail in stack.sink.wait_for(4) if address(ANA) in str(mail["To"])]
    assert subjects[-1] == "Canceled: Ūdens līgums"
    assert page.locator("text=What you can do").count() == 0


def test_buttons_take_post_alone(stack: Stack, page: Page) -> None:
    process = stack.call("POST", "/api/processes", body([[ANA]], processInitiatorEmail=None)).body
    answer = page.goto(f"http://127.0.0.1:{stack.port}/admin/signing/process/{process['id']}/cancel/")
    assert answer is not None
    assert answer.status == 405
    assert stack.call("GET", f"/api/processes/{process['id']}").body["status"] == "STARTED"


def test_every_list_of_the_back_office_opens(stack: Stack, page: Page) -> None:
    for path in ("signing/process", "audit/auditevent", "notifications/message", "access/user", "auth/group"):
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
    expect(page.locator("text=Report what one signer did")).to_be_visible(timeout=15000)
    assert json.loads(page.request.get(f"http://127.0.0.1:{stack.port}/api/schema?format=json").text())["openapi"]
