"""The certificate: a PDF that shows one document's signing process to a reader on paper.

Owns the page: its words, its layout, its letters and its QR code. Leaves to others what the facts are, how the chain
is kept and how it is verified: this module draws what it is given and vouches for none of it.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import cache, partial
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from reportlab import platypus
from reportlab.graphics.barcode.qr import QrCode
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, HRFlowable, LongTable, Paragraph, Spacer

# The fonts are shared, and so is the place in their files that reportlab reads at.
_ONE_AT_A_TIME = Lock()

SANS, BOLD, MONO = FONTS = ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSansMono")
for _name in FONTS:
    pdfmetrics.registerFont(TTFont(_name, Path(__file__).parent / "fonts" / f"{_name}.ttf"))

TITLE, NOTHING, UNKNOWN, MORE = "Certificate of the signing process", "–", "\ufffd", "…"
INK, GREY, NAVY, RULE, WASH = map(HexColor, ("#1c1c1c", "#666666", "#1b365d", "#cfd3d9", "#f6f7f9"))
MARGIN, TOP, BOTTOM, GAP = 54, 56, 60, 8
WIDTH, HEIGHT = A4[0] - 2 * MARGIN, A4[1] - TOP - BOTTOM


def _style(font: str, size: float, leading: float, colour: Any = INK, **more: Any) -> ParagraphStyle:
    return ParagraphStyle(font, fontName=font, fontSize=size, leading=leading, textColor=colour, **more)


HEADLINE, HEADING = _style(SANS, 20, 26, NAVY), _style(BOLD, 10.5, 14, NAVY, spaceBefore=20, spaceAfter=5)
PROSE, FIELD, VALUE = _style(SANS, 8.5, 13), _style(SANS, 8, 12, GREY), _style(SANS, 8.5, 12)
STRONG, CODE = _style(BOLD, 8.5, 12), _style(MONO, 8.5, 12)
COLUMN, CELL, SMALL = _style(BOLD, 7.5, 10, NAVY), _style(SANS, 7.5, 10.5), _style(SANS, 6.5, 9, GREY)
ALL, HEADER, BODY = ((0, 0), (-1, -1)), ((0, 0), (-1, 0)), ((0, 1), (-1, -1))
EVERY = [("VALIGN", *ALL, "TOP"), ("FONTNAME", *ALL, SANS), ("LEFTPADDING", *ALL, 0)]
PLAIN: Any = [*EVERY, ("TOPPADDING", *ALL, 1.5), ("BOTTOMPADDING", *ALL, 1.5)]
RULED: Any = [
    *(*EVERY, ("RIGHTPADDING", *ALL, GAP), ("TOPPADDING", *ALL, GAP / 2 - 0.5), ("BOTTOMPADDING", *ALL, GAP / 2 + 0.5)),
    *(("LINEABOVE", *HEADER, 0.8, NAVY), ("LINEBELOW", *HEADER, 0.8, NAVY), ("LINEBELOW", *BODY, 0.4, RULE)),
]
BOXED: Any = [
    *(*EVERY, ("BOX", *ALL, 0.8, NAVY), ("BACKGROUND", *ALL, WASH), ("TOPPADDING", *ALL, 12)),
    *(("BOTTOMPADDING", *ALL, 12), ("LEFTPADDING", *ALL, 14), ("RIGHTPADDING", *ALL, 14)),
]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened."""

    at: datetime
    what: str
    who: str
    role: str
    address: str
    note: str


@dataclass(frozen=True, slots=True)
class Person:
    """One who had to look, approve or sign; the address is the one that the act came from."""

    step: int
    name: str
    role: str
    status: str
    acted_at: datetime | None
    address: str


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a certificate says; times are aware and are shown in the zone."""

    process_id: str
    document_id: str
    document_name: str
    status: str
    initiator: str
    created_at: datetime
    ended_at: datetime | None
    people: Sequence[Person]
    lines: Sequence[Line]
    head_seq: int
    head_digest: str
    checkpoint_number: int
    checkpoint_at: datetime
    fingerprint: str
    made_at: datetime
    zone: tzinfo


def certificate(facts: Facts) -> bytes:
    """Draw the certificate as a PDF on A4; the same facts give the same bytes. Refuses a time without a zone."""
    story = [*_head(facts), *_people(facts), *_lines(facts), *_check(facts)]
    title, subject = f"{TITLE} {clean(facts.process_id, SANS)}", clean(facts.document_name, SANS)
    about: Any = {"title": title, "author": "Paraph", "creator": "Paraph", "subject": subject, "lang": "en"}
    sheet = platypus.PageTemplate(frames=[platypus.Frame(MARGIN, BOTTOM, WIDTH, HEIGHT, 0, 0, 0, 0)])
    fixed: Any = {"pagesize": A4, "initialFontName": SANS, "invariant": 1, "pageCompression": 1}
    document = platypus.BaseDocTemplate(out := BytesIO(), pageTemplates=[sheet], **fixed, **about)
    with _ONE_AT_A_TIME:
        document.build(story, canvasmaker=partial(_Sheets, facts))
    return out.getvalue()


def qr_text(facts: Facts) -> str:
    """Say what the QR code holds: enough to find the process and to compare its chain with another copy."""
    return f"paraph:1:{facts.process_id}:{facts.head_seq}:{facts.head_digest}:{facts.fingerprint[:16]}"


def clean(value: str, font: str) -> str:
    """Put text on one line, with U+FFFD for what the font lacks and for what would be invisible or turn the line."""
    line = " ".join(unicodedata.normalize("NFC", value).split())
    if line.isascii() and line.isprintable():
        return line
    known = pdfmetrics.getFont(font).face.charToGlyph  # type: ignore[attr-defined]
    return "".join(c if ord(c) in known and unicodedata.category(c)[0] != "C" else UNKNOWN for c in line)


def shown(at: datetime | None, zone: tzinfo) -> str:
    """Show a time on the zone's clock, to the second; in the hour that a clock goes through twice, with its offset."""
    if at is None:
        return NOTHING
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    local = at.astimezone(zone)
    twice = local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset()
    return local.isoformat(" ", "seconds")[: None if twice else 19]


class _Sheets(Canvas):
    """A canvas that keeps its pages until the last one is there, so that each can say how many there are."""

    def __init__(self, facts: Facts, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        made_at = facts.made_at.astimezone(UTC)
        self.setDateFormatter(lambda *_: f"D:{made_at:%Y%m%d%H%M%S}+00'00'")
        self._foot, self._top = _cut(f"Process {facts.process_id}", 400), _cut(facts.document_name, 320)
        self._sheets: list[dict[str, Any]] = []

    def showPage(self) -> None:  # noqa: N802
        self._sheets.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]

    def save(self) -> None:
        for sheet in self._sheets:
            self.__dict__.update(sheet)
            self._edges(f"Page {self.getPageNumber()} of {len(self._sheets)}")
            super().showPage()
        super().save()

    def _edges(self, page: str) -> None:
        self.setStrokeColor(RULE)
        self.setLineWidth(0.5)
        self.line(MARGIN, 51, A4[0] - MARGIN, 51)
        self.setFont(SANS, 7)
        self.setFillColor(GREY)
        for height, left, right in ((40, self._foot, page), (A4[1] - 38, TITLE, self._top))[: self.getPageNumber()]:
            self.drawString(MARGIN, height, left)
            self.drawRightString(A4[0] - MARGIN, height, right)


class _Rows(LongTable):
    """A table that splits between its rows, and within one only where a whole page is too short for it."""

    def split(self, width: float, height: float) -> list[Flowable]:
        self.splitInRow = height > HEIGHT - 30
        return super().split(width, height)


def _cut(value: str, width: float) -> str:
    whole = line = clean(value, SANS)[:400]
    while pdfmetrics.stringWidth(line, SANS, 7) > width:
        whole = whole[:-1]
        line = whole.rstrip() + MORE
    return line


@cache
def _frag(style: ParagraphStyle) -> Any:
    return Paragraph("x", style).frags[0]


def _text(value: str, style: ParagraphStyle) -> Paragraph:
    """Set text as it is: nothing in it is read as markup."""
    return Paragraph("", style, frags=[_frag(style).clone(text=clean(value, style.fontName) or NOTHING)])


def _code(value: str) -> list[Flowable]:
    return [_text(value[at : at + 32], CODE) for at in range(0, len(value), 32)]


def _fields(width: float, *rows: tuple[str, Any]) -> Flowable:
    return _Rows([[_text(name, FIELD), value] for name, value in rows], [104, width - 104], style=PLAIN)


def _section(name: str, columns: dict[str, float], rows: list[list[list[Paragraph]]], none: str) -> list[Flowable]:
    if not rows:
        return [CondPageBreak(80), _text(name, HEADING), _text(none, PROSE)]
    rows, widths = [[[_text(column, COLUMN)] for column in columns], *rows], list(columns.values())
    heights = [_height(row, widths) for row in rows]
    start = CondPageBreak(min(sum(heights[:2]) + 40, HEIGHT - 1))
    return [start, _text(name, HEADING), _Rows(rows, widths, heights, repeatRows=1, style=RULED)]


def _height(row: list[list[Paragraph]], widths: list[float]) -> float:
    """Measure a row; reportlab measures a long table's rows in time that grows with their square."""
    cells = zip(row, widths, strict=True)
    return GAP + max(sum(text.wrap(width - GAP, HEIGHT)[1] for text in cell) for cell, width in cells)


def _head(facts: Facts) -> list[Flowable]:
    words = (
        "This certificate says who was asked to look at a document, to approve it or to sign it, and what happened"
        f" until the certificate was made. All times are in {facts.zone}."
    )
    fields = _fields(
        WIDTH,
        ("Document", _text(facts.document_name, STRONG)),
        ("Document's id", _text(facts.document_id, CODE)),
        ("Process", _text(facts.process_id, CODE)),
        ("Status", _text(facts.status, STRONG)),
        ("Initiator", _text(facts.initiator, VALUE)),
        ("Created", _text(shown(facts.created_at, facts.zone), VALUE)),
        ("Ended", _text(shown(facts.ended_at, facts.zone), VALUE)),
        ("Certificate made", _text(shown(facts.made_at, facts.zone), VALUE)),
    )
    thick = HRFlowable("100%", 1.4, color=NAVY, spaceBefore=6, spaceAfter=2, lineCap="butt")
    thin = HRFlowable("100%", 0.4, color=NAVY, spaceBefore=0, spaceAfter=10, lineCap="butt")
    return [_text(TITLE, HEADLINE), thick, thin, _text(words, PROSE), Spacer(0, 8), fields]


def _people(facts: Facts) -> list[Flowable]:
    columns = {"Step": 30, "Name": 126, "Role": 62, "Outcome": 72, "When": 94, "From address": WIDTH - 384}
    rows = []
    for one in facts.people:
        said = (str(one.step), one.name, one.role, one.status, shown(one.acted_at, facts.zone), one.address)
        rows.append([[_text(value, CELL)] for value in said])
    return _section("Who was asked", columns, rows, "Nobody was asked.")


def _lines(facts: Facts) -> list[Flowable]:
    columns = {"Time": 94, "Event": 98, "Who": 136, "Note": WIDTH - 328}
    rows = []
    for one in facts.lines:
        note, whence = one.note.strip(), " · ".join(filter(None, (one.role, one.address)))
        who = [_text(one.who, CELL), *([_text(whence, SMALL)] if whence else [])]
        time, what = [_text(shown(one.at, facts.zone), CELL)], [_text(one.what, CELL)]
        rows.append([time, what, who, [_text(note, CELL)] if note else []])
    return _section("What happened", columns, rows, "Nothing happened yet.")


def _check(facts: Facts) -> list[Flowable]:
    why = "What happened is kept as a chain of digests. When this certificate was made, the chain stood here:"
    how = (
        "The folder that this certificate is in holds verify.py, which checks all of this. The fingerprint of the"
        " public key proves nothing by being printed here: it has to be known from elsewhere."
    )
    holds = "Holds the process, the head of the chain and the start of the fingerprint"
    columns = [WIDTH - 136, 136]
    fields = _fields(
        columns[0] - 28,
        ("Head of the chain", _text(f"No. {facts.head_seq}", VALUE)),
        ("Its digest", _code(facts.head_digest)),
        ("Checkpoint", _text(f"No. {facts.checkpoint_number}, {shown(facts.checkpoint_at, facts.zone)}", VALUE)),
        ("Key's fingerprint", _code(facts.fingerprint)),
    )
    left = [_text("How to check this", HEADING), _text(why, PROSE), Spacer(0, 4), fields, Spacer(0, 6)]
    code = QrCode(qr_text(facts), width=108, height=108, qrLevel="M", qrBorder=0)
    right = [code, Spacer(0, 10), _text(holds, SMALL)]
    return [_Rows([[[*left, _text(how, PROSE)], right]], columns, style=BOXED, spaceBefore=22)]
