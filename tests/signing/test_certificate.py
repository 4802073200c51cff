"""The certificate: what it says, what its code holds, and that nothing that people type can break it."""

import hashlib
import os
import subprocess
import sys
import time
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from signing.evidence.certificate import (
    A4,
    BOLD,
    MONO,
    SANS,
    UNKNOWN,
    Facts,
    Line,
    Person,
    certificate,
    clean,
    qr_text,
    shown,
)

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
RIGA = ZoneInfo("Europe/Riga")
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


def facts(**changes) -> Facts:
    """Build a process that Ana started, that Ben approved and that Cleo still has to sign."""
    made = Facts(
        process_id="0198c1d2-7f3a-7b44-9c55-2e1f0a6b8d90",
        document_id="0198c1d0-11aa-7c02-8d3e-5b7790aa41c3",
        document_name="Pirkuma līgums.pdf",
        status="In progress",
        initiator="Ana",
        created_at=NOON,
        ended_at=None,
        people=[
            Person(1, "Ben", "Approver", "Approved", NOON + timedelta(hours=1), "192.0.2.17"),
            Person(2, "Cleo", "Signer", "Waiting", None, ""),
        ],
        lines=[
            Line(NOON, "Started", "Ana", "Initiator", "192.0.2.5", ""),
            Line(NOON + timedelta(hours=1), "Approved", "Ben", "Approver", "192.0.2.17", "Fine by me"),
        ],
        head_seq=4711,
        head_digest=hashlib.sha256(b"head").hexdigest(),
        checkpoint_number=212,
        checkpoint_at=NOON + timedelta(hours=2),
        fingerprint=hashlib.sha256(b"key").hexdigest(),
        made_at=NOON + timedelta(hours=3),
        zone=RIGA,
    )
    return replace(made, **changes)


def said_everywhere(text: str) -> Facts:
    """Put the same text in each place that takes text from data."""
    person = Person(1, text, text, text, NOON, text)
    line = Line(NOON, text, text, text, text, text)
    return facts(document_name=text, document_id=text, status=text, initiator=text, people=[person], lines=[line])


def pages(pdf: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def text(pdf: bytes) -> str:
    return " ".join("\n".join(pages(pdf)).split())


def test_it_says_the_document_the_process_and_the_people() -> None:
    said = text(certificate(facts()))

    for words in (
        "Certificate of the signing process",
        "Pirkuma līgums.pdf",
        "0198c1d0-11aa-7c02-8d3e-5b7790aa41c3",
        "0198c1d2-7f3a-7b44-9c55-2e1f0a6b8d90",
        "In progress",
        "1 Ben Approver Approved 2026-03-04 15:00:00 192.0.2.17",
        "2 Cleo Signer Waiting – –",
        "2026-03-04 15:00:00 Approved Ben Approver · 192.0.2.17 Fine by me",
        "verify.py",
    ):
        assert words in said


def test_it_says_where_the_chain_stood() -> None:
    said, given = text(certificate(facts())), facts()

    assert "No. 4711" in said
    assert "No. 212, 2026-03-04 16:00:00" in said
    assert given.head_digest in said.replace(" ", "")
    assert given.fingerprint in said.replace(" ", "")


def test_the_zone_is_said_once_and_all_times_are_on_its_clock() -> None:
    said = text(certificate(facts(zone=ZoneInfo("America/New_York"))))

    assert said.count("America/New_York") == 1
    assert "2026-03-04 07:00:00 Started" in said


@pytest.mark.parametrize("letters", LETTERS)
def test_letters_of_the_region_are_drawn_and_found(letters) -> None:
    for font in (SANS, BOLD, MONO):
        assert clean(letters, font) == letters
    assert text(certificate(said_everywhere(letters))).count(letters) >= 4


def test_an_hour_that_comes_twice_has_its_offset() -> None:
    summer, winter = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)

    assert shown(summer, RIGA) == "2026-10-25 03:30:00+03:00"
    assert shown(winter, RIGA) == "2026-10-25 03:30:00+02:00"
    assert shown(winter + timedelta(hours=1), RIGA) == "2026-10-25 04:30:00"
    assert shown(NOON, timezone(timedelta(hours=-5))) == "2026-03-04 07:00:00"


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        certificate(facts(made_at=datetime(2026, 3, 4, 12)))  # noqa: DTZ001


def test_it_describes_itself() -> None:
    reader = PdfReader(BytesIO(certificate(facts())))

    assert reader.metadata.title == "Certificate of the signing process 0198c1d2-7f3a-7b44-9c55-2e1f0a6b8d90"
    assert reader.metadata.author == "Paraph"
    assert reader.metadata.subject == "Pirkuma līgums.pdf"
    assert reader.metadata.creation_date == NOON + timedelta(hours=3)
    assert reader.trailer["/Root"]["/Lang"] == "en"
    assert [float(side) for side in reader.pages[0].mediabox[2:]] == pytest.approx(A4, abs=0.01)


def test_it_carries_every_font_that_it_uses() -> None:
    fonts = PdfReader(BytesIO(certificate(facts()))).pages[0]["/Resources"]["/Font"].values()

    assert len(fonts) == 3
    assert all("/FontFile2" in font.get_object()["/FontDescriptor"] for font in fonts)


def test_the_same_facts_give_the_same_bytes_later_and_elsewhere() -> None:
    first = certificate(facts())
    certificate(said_everywhere(LETTERS[0]))
    time.sleep(1.1)
    code = (
        "import hashlib; from tests.signing import test_certificate as t; "
        "print(hashlib.sha256(t.certificate(t.facts())).hexdigest())"
    )
    here, seeded = Path(__file__).parents[2], {**os.environ, "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"}
    there = subprocess.run(
        [sys.executable, "-c", code], cwd=here, env=seeded, capture_output=True, text=True, check=True
    )

    assert certificate(facts()) == first
    assert there.stdout.strip() == hashlib.sha256(first).hexdigest()
    assert certificate(facts(head_seq=4712)) != first


@pytest.fixture
def turns_are_short() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("turns_are_short")
def test_threads_do_not_disturb_one_another() -> None:
    given = [facts(initiator=letters, lines=facts().lines * 4) for letters in LETTERS * 4]
    alone = [certificate(one) for one in given]

    with ThreadPoolExecutor(5) as threads:
        assert list(threads.map(certificate, given)) == alone


@pytest.mark.parametrize("nasty", NASTY, ids=ascii)
def test_nothing_that_people_type_breaks_it(nasty) -> None:
    assert "How to check this" in text(certificate(said_everywhere(nasty)))


def test_markup_is_text() -> None:
    said = text(certificate(said_everywhere("<b>&\"'</b>")))

    assert said.count("<b>&\"'</b>") >= 7


def test_what_cannot_be_drawn_is_shown_as_missing() -> None:
    assert clean("a\x00b", SANS) == f"a{UNKNOWN}b"
    assert clean("\u202eb", SANS) == f"{UNKNOWN}b"
    assert clean("漢\ud800", SANS) == UNKNOWN * 2
    assert clean(" one\r\n two\x85three ", SANS) == "one two three"
    assert clean(unicodedata.normalize("NFD", "āģš"), SANS) == "āģš"
    assert text(certificate(facts(initiator="漢字"))).count(UNKNOWN) == 2


def test_any_letter_can_be_typed() -> None:
    every = "".join(map(chr, range(0x30000)))

    certificate(
        facts(lines=[Line(NOON, "x", "y", "z", "w", every[at : at + 4000]) for at in range(0, len(every), 4000)])
    )


@pytest.mark.parametrize("length", [4_000, 9_000])
@pytest.mark.parametrize("word", ["ķ", "ķ "])
def test_a_note_longer_than_a_page_is_whole_and_the_next_line_follows(word, length) -> None:
    before, after = facts().lines
    long = replace(before, note=word * length)

    for lines in ([long, after], [before, long, long, after], [before] * 60 + [long, after]):
        drawn = pages(certificate(facts(lines=lines)))
        assert sum(page.count("ķ") for page in drawn) == length * lines.count(long)
        assert any("Fine by me" in page for page in drawn)
        assert all(page.count("Time\nEvent\nWho\nNote") <= 1 for page in drawn)


@pytest.mark.parametrize("known", ["fingerprint", "document_name", "initiator"])
def test_even_what_the_system_says_may_be_longer_than_a_page(known) -> None:
    assert text(certificate(facts(**{known: "ķ" * 9_000}))).count("ķ") >= 9_000


def test_each_page_says_which_it_is_and_of_how_many() -> None:
    drawn = pages(certificate(facts(lines=facts().lines * 100)))

    assert len(drawn) > 5
    for number, page in enumerate(drawn, 1):
        assert f"Page {number} of {len(drawn)}" in page
        assert "Process 0198c1d2-7f3a-7b44-9c55-2e1f0a6b8d90" in page
    assert sum("Time\nEvent\nWho\nNote" in page for page in drawn) >= len(drawn) - 1


def test_nobody_and_nothing_are_said() -> None:
    said = text(certificate(facts(people=[], lines=[])))

    assert "Nobody was asked." in said
    assert "Nothing happened yet." in said


def test_five_hundred_people_and_five_thousand_lines() -> None:
    given = facts()
    lines = [
        replace(given.lines[1], note=f"Note {number}", at=NOON + timedelta(minutes=number)) for number in range(5000)
    ]
    many = replace(given, people=given.people * 250, lines=lines)

    drawn = certificate(many)

    assert "Note 4999" in "".join(page.extract_text() for page in PdfReader(BytesIO(drawn)).pages[-2:])


def test_the_code_holds_the_head_of_the_chain() -> None:
    given = facts()
    assert qr_text(given) == f"paraph:1:{given.process_id}:4711:{given.head_digest}:{given.fingerprint[:16]}"
