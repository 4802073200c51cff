"""The HTML of shipped emails shows the same in clients that ignore much of CSS."""

import pytest
from django.utils import timezone

from config.vocabulary import EventType, Role
from notifications.drafts import Draft, message_from
from notifications.texts.render import build_email

pytestmark = pytest.mark.django_db


def test_line_breaks_of_comments_and_the_button_need_no_css_of_paragraphs() -> None:
    context = {"process": {"comment": "one\ntwo <b>"}, "personalComment": "three\nfour", "link": "https://example.org/"}
    draft = Draft("k", EventType.TASK_STARTED, Role.SIGNER, "a@example.org", context=context)

    html = str(build_email(message_from(draft, at=timezone.now())).alternatives[0][0])

    lines = html.replace("<br />", "<br>").replace("<br>\n", "<br>")
    assert "one<br>two &lt;b&gt;" in lines
    assert "three<br>four" in lines
    assert '<td bgcolor="#1d4ed8" style="padding:12px 22px' in html
