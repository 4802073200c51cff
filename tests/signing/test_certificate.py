"""The certificate: its contents, its QR code, and that no text can break it."""

import hashlib
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader
from pypdf.generic import ContentStream, FloatObject, NumberObject

from audit.models import AuditEvent, Checkpoint, CheckpointLeaf
from signing.evidence.certificate import Certificate, draw, format_time, qr_text
from signing.evidence.replay import Replay
from signing.models import Process, Signer, Step

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
RIGA = ZoneInfo("Europe/Riga")
COLUMNS = "Time Event User Note"
LETTERS = ("āčēģīķļņšūž ĀČĒĢĪĶĻŅŠŪŽ", "ąęėįųū ĄĘĖĮŲŪ", "õäöü ÕÄÖÜ", "łżźćńó ŁŻŹĆŃÓ", "Екатерина Щербакова ёъэ")
NASTY = (
    "<b>&\"'</b>",
    "</para><para>&nbsp;&#0;&bogus;<br/>",
    "<img src='http://192.0.2.1/x.png'/>",
    "Š" * 255,
    "line one\nline two\r\n\ttab\x0b\x0c\x1c\x85\u2028end",
    "\x00\x01\x07\x1b[31m\x7f\x9f",
    "漢字 한국어 😀 👩\u200d👩\u200d👧 🇱🇻 \U0010ffff",
    "\u202eabc\u202c \u200b\ufeff\xad",
    "\ud800 lone \udfff",
    "a" + "\u0301" * 500,
    "",
    "   ",
    "(cid:1) %s {} \\ \\( \\)",
)


# Names in the scripts in which personal names are written.
NAMES = (
    "Nguyễn Thị Ánh",
    "Ζωή Παπαδοπούλου",
    "Екатерина Щербакова",
    "Արամ Խաչատրյան",
    "ნინო ბერიძე",
    "אברהם כהן",
    "דָּוִד",
    "محمد سعيد",
    "علی\u200cرضا پژمان",
    "ٹیپو ڈاڑ ہے",
    "राजेश्वरी शर्मा",
    "শেখ মুজিবুর রহমান",
    "ਗੁਰਪ੍ਰੀਤ",
    "ગુજરાતી",
    "ଓଡ଼ିଆ",
    "தமிழ்ச்செல்வன்",
    "తెలుగు పేరు",
    "ಕನ್ನಡ",
    "മലയാളം",
    "ශ්\u200dරී ලාල්",
    "สมชาย ใจดี",
    "ສົມພອນ",
    "ကျော်စွာ",
    "សុខ សុភាព",
    "བཀྲ་ཤིས",
    "ሰላም ተስፋዬ",
    "ދިވެހި",
    "王小明",
    "𠮷田 太郎",
    "たなか ヒロシ",
    "김철수",
    "陳㐱",
    "ㄅㄆㄇ",
    "ꆈꌠ",
    "ᠮᠣᠩᠭᠣᠯ",
    "𞤀𞤣𞤤𞤢𞤥",
    "ᏣᎳᎩ",
    "ᐃᓄᒃᑎᑐᑦ",
    "ꦗꦮ",
    "ܐܒܐ",
)


BEN_ID = uuid.UUID("0198c1d2-7f3a-7b44-9c55-000000000001")
CLEO_ID = uuid.UUID("0198c1d2-7f3a-7b44-9c55-000000000002")


def event(
    at: datetime, name: str, user: str, address: str, note: str, signer_id: uuid.UUID | None = None
) -> AuditEvent:
    made = AuditEvent(
        created_at=at, event_type=name, source="SERVICE", client_app_name=user, signer_id=str(signer_id or "")
    )
    made.personal_values = {"creator": user, "ipAddress": address, "note": note}
    return made


def signer(signer_id: uuid.UUID, order: int, name: str, role: str, status: str, acted_at: datetime | None) -> Signer:
    step = Step(process_order=order)
    return Signer(id=signer_id, step=step, name=name, role=role, status=status, acted_at=acted_at)


def process(**changes: Any) -> Process:
    columns = {
        "id": "0198c1d2-7f3a-7b44-9c55-2e1f0a6b8d90",
        "document_id": "0198c1d0-11aa-7c02-8d3e-5b7790aa41c3",
        "document_name": "Pirkuma līgums.pdf",
        "status": "In progress",
        "initiator": "Ana",
        "created_at": NOON,
    }
    return Process(**columns | changes)


def leaf(seq: int = 4711, key: str = hashlib.sha256(b"key").hexdigest()) -> CheckpointLeaf:
    checkpoint = Checkpoint(number=212, at=NOON + timedelta(hours=2), key=key)
    return CheckpointLeaf(checkpoint=checkpoint, seq=seq, digest=hashlib.sha256(b"head").hexdigest())


def certificate(**changes: Any) -> Certificate:
    """Ana started the process, Ben approved, and Cleo still has to sign."""
    approved = event(NOON + timedelta(hours=1), "Approved", "Ben", "192.0.2.17", "Fine by me", BEN_ID)
    whole = Certificate(
        process=process(),
        signers=[
            signer(BEN_ID, 1, "Ben", "Approver", "Approved", NOON + timedelta(hours=1)),
            signer(CLEO_ID, 2, "Cleo", "Signer", "Waiting", None),
        ],
        replayed=Replay(acts={str(BEN_ID): approved}),
        events=[event(NOON, "Started", "Ana", "192.0.2.5", ""), approved],
        leaf=leaf(),
        made_at=NOON + timedelta(hours=3),
        zone=RIGA,
    )
    return replace(whole, **changes)


def certificate_of(text: str) -> Certificate:
    """A certificate with the same text wherever text comes from data."""
    happened = event(NOON, text, text, text, text)
    return certificate(
        process=process(document_name=text, document_id=text, status=text, initiator=text),
        signers=[signer(BEN_ID, 1, text, text, text, NOON)],
        replayed=Replay(acts={str(BEN_ID): happened}),
        events=[happened],
    )


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def text(pdf: bytes) -> str:
    return " ".join("\n".join(pages(pdf)).split())


def glyphs_of(pdf: bytes, font: str) -> list[int]:
    """The numbers of the glyphs that are drawn with a font whose name contains this, in the order of the file."""
    shown: list[int] = []
    for page in PdfReader(BytesIO(pdf)).pages:
        used = False
        for operands, operator in ContentStream(page["/Contents"].get_object(), None).operations:
            if operator == b"Tf":
                used = font in page["/Resources"]["/Font"][operands[0]]["/BaseFont"]
            # Strings of two bytes for each glyph, between numbers that move the next one.
            if operator in (b"TJ", b"Tj") and used:
                strings = operands[0] if operator == b"TJ" else operands
                for string in strings:
                    if not isinstance(string, (int, float, NumberObject, FloatObject)):
                        content = string.original_bytes
                        shown += [int.from_bytes(content[at : at + 2]) for at in range(0, len(content), 2)]
    return shown


def missing_glyphs(pdf: bytes) -> int:
    """How many times the glyph 0 is drawn: the box that fonts have for characters that they lack."""
    return glyphs_of(pdf, "").count(0)


def visual_lines(pdf: bytes) -> str:
    """The text of the first page in the order in which it is seen: each line from left to right."""
    lines = PdfReader(BytesIO(pdf)).pages[0].extract_text(extraction_mode="layout").splitlines()
    return "\n".join(" ".join(line.split()) for line in lines)


def test_the_document_the_process_and_the_people() -> None:
    drawn = text(draw(certificate()))

    for words in (
        "Certificate of the signing process",
        "Pirkuma līgums.pdf",
        "0198c1d0-11aa-7c02-8d3e-5b7790aa41c3",
        "0198c1d2-7f3a-7b44-9c55-2e1f0a6b8d90",
        "In progress",
        "1 Ben Approver Approved 2026-03-04 15:00:00 192.0.2.17",
        "2 Cleo Signer Waiting – –",
        "2026-03-04 15:00:00 Approved Ben for Ben · Approver · 192.0.2.17 Fine by me",
        "verify.py",
    ):
        assert words in drawn


def test_the_end_of_the_chain() -> None:
    drawn = text(draw(certificate()))

    assert "No. 4711" in drawn
    assert "No. 212, 2026-03-04 16:00:00" in drawn
    assert leaf().digest in drawn.replace(" ", "")
    assert leaf().checkpoint.key in drawn.replace(" ", "")


def test_all_times_are_in_the_zone_which_is_stated_once() -> None:
    drawn = text(draw(certificate(zone=ZoneInfo("America/New_York"))))

    assert drawn.count("America/New_York") == 1
    assert "2026-03-04 07:00:00 Started" in drawn


def test_the_client_that_acted_for_a_user() -> None:
    by_portal = event(NOON, "Approved", "Ben", "", "", BEN_ID)
    by_portal.client_app_name = "portal"

    assert "Ben via portal for Ben · Approver" in text(draw(certificate(events=[by_portal])))


def test_erased_names_and_users() -> None:
    anonymous = [signer(BEN_ID, 1, "", "Approver", "Approved", NOON), signer(CLEO_ID, 2, "", "Signer", "Waiting", None)]
    by_erased = event(NOON, "Approved", "", "", "", BEN_ID)
    by_erased.client_app_name = "portal"
    replayed = Replay(erased_groups={f"signers/{BEN_ID}"})

    drawn = text(draw(certificate(signers=anonymous, replayed=replayed, events=[by_erased])))

    assert "1 (erased) Approver Approved" in drawn
    assert "2 – Signer Waiting" in drawn
    assert "(erased) via portal · Approver" in drawn


def test_reads_are_not_shown() -> None:
    read = event(NOON, "PROCESS_GETONE", "Ana", "192.0.2.5", "")

    assert "PROCESS_GETONE" not in text(draw(certificate(events=[read, *certificate().events])))


@pytest.mark.parametrize("letters", LETTERS)
def test_letters_of_the_region_are_drawn_and_found(letters) -> None:
    assert text(draw(certificate_of(letters))).count(letters) >= 4


def test_an_hour_that_comes_twice_has_its_offset() -> None:
    summer = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    winter = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)

    assert format_time(summer, RIGA) == "2026-10-25 03:30:00+03:00"
    assert format_time(winter, RIGA) == "2026-10-25 03:30:00+02:00"
    assert format_time(winter + timedelta(hours=1), RIGA) == "2026-10-25 04:30:00"
    assert format_time(NOON, timezone(timedelta(hours=-5))) == "2026-03-04 07:00:00"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        draw(certificate(made_at=datetime(2026, 3, 4, 12)))  # noqa: DTZ001


def test_the_metadata() -> None:
    reader = PdfReader(BytesIO(draw(certificate())))

    assert reader.metadata.title == "Certificate of the signing process 0198c1d2-7f3a-7b44-9c55-2e1f0a6b8d90"
    assert reader.metadata.author == "Paraph"
    assert reader.metadata.subject == "Pirkuma līgums.pdf"
    assert reader.metadata.creation_date == NOON + timedelta(hours=3)
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert [float(side) for side in reader.pages[0].mediabox[2:]] == pytest.approx((595.276, 841.89), abs=0.01)


def test_all_fonts_are_embedded() -> None:
    resources = PdfReader(BytesIO(draw(certificate_of("Ana 王小明 김철수")))).pages[0]["/Resources"]
    descendants = [font.get_object()["/DescendantFonts"][0].get_object() for font in resources["/Font"].values()]
    names = {str(font["/BaseFont"]).partition("+")[2].partition("-Regular")[0] for font in descendants}

    assert names == {"DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono", "DroidSansFallback", "NotoSansCJKjp"}
    assert all({"/FontFile2", "/FontFile3"} & font["/FontDescriptor"].keys() for font in descendants)


def test_the_same_content_gives_the_same_bytes_later_and_elsewhere() -> None:
    first = draw(certificate())
    draw(certificate_of(LETTERS[0]))
    time.sleep(1.1)
    code = (
        "import hashlib, django; django.setup(); from tests.signing import test_certificate as t; "
        "print(hashlib.sha256(t.draw(t.certificate())).hexdigest())"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo", "DJANGO_SETTINGS_MODULE": "config.settings"}
    elsewhere = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
    )

    assert draw(certificate()) == first
    assert elsewhere.stdout.strip() == hashlib.sha256(first).hexdigest()
    assert draw(certificate(leaf=leaf(seq=4712))) != first


@pytest.fixture
def short_switch_interval() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("short_switch_interval")
def test_threads_do_not_disturb_one_another() -> None:
    certificates = [
        certificate(process=process(initiator=letters), events=[*certificate().events] * 4) for letters in LETTERS * 4
    ]
    alone = [draw(one) for one in certificates]

    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(draw, certificates)) == alone


@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
def test_no_text_breaks_it(nasty) -> None:
    assert "How to verify this certificate" in text(draw(certificate_of(nasty)))


def test_markup_is_text() -> None:
    drawn = text(draw(certificate_of("<b>&\"'</b>")))

    assert drawn.count("<b>&\"'</b>") >= 7


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_of_every_script_are_drawn_and_can_be_copied(name) -> None:
    people = [signer(BEN_ID, 1, name, "SIGNER", "SIGNED", NOON)]
    pdf = draw(certificate(signers=people, process=process(document_name=name), events=[]))

    assert "[U+" not in text(pdf)
    assert missing_glyphs(pdf) == 0
    # Of the marks, pypdf finds only those with a glyph of their own.
    assert set(text(pdf)) >= {char for char in name if char.isalpha()}


def test_people_whose_names_look_alike_can_be_told_apart() -> None:
    names = (
        "王小明",
        "王晓明",
        "김철수",
        "吉田",
        "𠮷田",
        "علیرضا",
        "علی\u200cرضا",
        "葛城",
        "葛\U000e0100城",
        "Ana",
        "A\u200bna",
    )
    people = [signer(BEN_ID, 1, name, "SIGNER", "SIGNED", NOON) for name in names]

    drawn = text(draw(certificate(signers=people, events=[])))

    assert len(set(re.findall("1 (.+?) SIGNER", drawn))) == len(names)


@pytest.mark.parametrize(
    ("name", "in_visual_order"),
    [
        ("אברהם", "םהרבא"),
        ("אברהם כהן", "ןהכ םהרבא"),
        ("Dr. אברהם 2024", "Dr. 2024 םהרבא"),
        ("אברהם 2024!", "!2024 םהרבא"),
    ],
)
def test_right_to_left_names_are_drawn_from_right_to_left(name, in_visual_order) -> None:
    pdf = draw(certificate(process=process(initiator=name), signers=[], events=[]))

    assert in_visual_order in visual_lines(pdf)


def test_a_right_to_left_name_does_not_move_what_follows_it() -> None:
    drawn = visual_lines(draw(certificate(events=[event(NOON, "Started", "כהן", "192.0.2.5", "")])))

    assert "ןהכ · 192.0.2.5" in drawn


def test_arabic_letters_are_joined() -> None:
    """The four letters of the name are four different shapes of one letter."""
    joined = glyphs_of(draw(certificate(process=process(initiator="ببب ب"), signers=[], events=[])), "NotoSansArabic")

    assert len(joined) == 4
    assert len(set(joined)) == 4


def test_long_words_stay_in_their_columns() -> None:
    name = "Wolfeschlegelsteinhausenbergerdorff"
    people = [signer(BEN_ID, 1, name, "SIGNER", "SIGNED", NOON)]

    lines = pages(draw(certificate(signers=people, events=[])))[0].splitlines()

    assert name not in lines
    assert name in "".join(lines)


def test_every_character_can_be_typed() -> None:
    every = "".join(map(chr, range(0x30000)))
    notes = [every[start : start + 4000] for start in range(0, len(every), 4000)]

    pdf = draw(certificate(events=[event(NOON, "x", "y", "w", note) for note in notes]))

    assert missing_glyphs(pdf) == 0


@pytest.mark.parametrize("length", [4_000, 9_000])
@pytest.mark.parametrize("word", ["ķ", "ķ "])
def test_a_note_longer_than_a_page_is_complete_and_the_next_event_follows(word, length) -> None:
    before, after = certificate().events
    long = event(NOON, "Started", "Ana", "192.0.2.5", word * length)

    for events in ([long, after], [before, long, long, after], [before] * 60 + [long, after]):
        drawn = pages(draw(certificate(events=events)))
        assert sum(page.count("ķ") for page in drawn) == length * events.count(long)
        assert any("Fine by me" in page for page in drawn)
        assert all(page.count(COLUMNS) <= 1 for page in drawn)


@pytest.mark.parametrize("column", ["document_name", "initiator"])
def test_values_of_the_process_may_be_longer_than_a_page(column) -> None:
    assert text(draw(certificate(process=process(**{column: "ķ" * 9_000})))).count("ķ") >= 9_000


def test_a_fingerprint_may_be_longer_than_a_page() -> None:
    assert text(draw(certificate(leaf=leaf(key="ķ" * 9_000)))).count("ķ") >= 9_000


def test_each_page_has_its_number_and_the_number_of_pages() -> None:
    drawn = pages(draw(certificate(events=[*certificate().events] * 100)))

    assert len(drawn) > 5
    for number, page in enumerate(drawn, 1):
        assert f"Page {number} of {len(drawn)}" in page
        assert "Process 0198c1d2-7f3a-7b44-9c55-2e1f0a6b8d90" in page
    assert sum(COLUMNS in page for page in drawn) >= len(drawn) - 1


def test_without_recipients_and_events() -> None:
    drawn = text(draw(certificate(signers=[], events=[])))

    assert "No signers." in drawn
    assert "No events." in drawn


def test_five_hundred_recipients_and_five_thousand_events() -> None:
    events = [
        event(NOON + timedelta(minutes=number), "Approved", "Ben", "192.0.2.17", f"Note {number}", BEN_ID)
        for number in range(5000)
    ]

    drawn = draw(certificate(signers=[*certificate().signers] * 250, events=events))

    assert "Note 4999" in "".join(page.extract_text() for page in PdfReader(BytesIO(drawn)).pages[-2:])


def test_the_qr_code_contains_the_end_of_the_chain() -> None:
    end = leaf()
    expected = f"paraph:1:{process().id}:4711:{end.digest}:{end.checkpoint.key[:16]}"
    assert qr_text(certificate()) == expected
