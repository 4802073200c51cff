"""The certificate: a PDF that shows the signing process of one document to a reader on paper.

Owns the layout, the fonts, the texts and the QR code. It draws what it is given; where that comes from, how the chain
is kept and how it is verified is left to others.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import partial
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any
from xml.sax.saxutils import escape

from reportlab import platypus
from reportlab.graphics.barcode.qr import QrCode
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, LongTable, Paragraph, Spacer, TableStyle

from audit.chain.append import API_READS
from audit.chain.parts import SIGNER_PREFIX
from audit.models import AuditEvent, CheckpointLeaf
from signing.evidence.replay import Replay
from signing.models import Process, Signer

# reportlab's fonts are shared between threads, and with them the position at which it reads their files.
_ONE_AT_A_TIME = Lock()

SANS = "DejaVuSans"
BOLD = "DejaVuSans-Bold"
MONO = "DejaVuSansMono"
for _font in (SANS, BOLD, MONO):
    pdfmetrics.registerFont(TTFont(_font, Path(__file__).parent / "fonts" / f"{_font}.ttf"))

_TITLE = "Certificate of the signing process"
_EMPTY = "–"
_ERASED = "(erased)"

_INK = HexColor("#1c1c1c")
_GRAY = HexColor("#666666")
_NAVY = HexColor("#1b365d")
_LINE = HexColor("#cfd3d9")

# The page, in points.
_MARGIN = 54
_WIDTH = A4[0] - 2 * _MARGIN
_HEIGHT = A4[1] - 2 * _MARGIN
# What reportlab adds to each cell: above and below together, and on the right.
_CELL_PADDING = 6

_PROSE = ParagraphStyle("Prose", fontName=SANS, fontSize=8.5, leading=12, textColor=_INK)
_STRONG = ParagraphStyle("Strong", _PROSE, fontName=BOLD)
_CODE = ParagraphStyle("Code", _PROSE, fontName=MONO)
_FIELD = ParagraphStyle("Field", _PROSE, textColor=_GRAY)
_CELL = ParagraphStyle("Cell", _PROSE, fontSize=7.5, leading=10.5)
_COLUMN = ParagraphStyle("Column", _CELL, fontName=BOLD, textColor=_NAVY)
_HEADLINE = ParagraphStyle("Headline", _PROSE, fontSize=20, leading=26, textColor=_NAVY)
_HEADING = ParagraphStyle("Heading", _COLUMN, fontSize=10.5, leading=14, spaceBefore=20, spaceAfter=5)

_ALL = ((0, 0), (-1, -1))
_FIELD_TABLE = TableStyle([("VALIGN", *_ALL, "TOP"), ("FONTNAME", *_ALL, SANS), ("LEFTPADDING", *_ALL, 0)])
_RULES = [("LINEBELOW", *_ALL, 0.4, _LINE), ("LINEBELOW", (0, 0), (-1, 0), 0.8, _NAVY)]
_RULED_TABLE = TableStyle(_RULES, _FIELD_TABLE)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate shows: a replayed process with its signers in order, its events, and the end of its chain.

    Times are shown in the zone.
    """

    process: Process
    signers: Sequence[Signer]
    replayed: Replay
    events: Sequence[AuditEvent]
    leaf: CheckpointLeaf
    made_at: datetime
    zone: tzinfo


def draw(certificate: Certificate) -> bytes:
    """The certificate as a PDF on A4. The same content gives the same bytes; a time without a zone is a ValueError."""
    out = BytesIO()
    document = platypus.BaseDocTemplate(
        out,
        pagesize=A4,
        pageTemplates=[platypus.PageTemplate(frames=[platypus.Frame(_MARGIN, _MARGIN, _WIDTH, _HEIGHT, 0, 0, 0, 0)])],
        title=f"{_TITLE} {certificate.process.id}",
        subject=clean(certificate.process.document_name or "", SANS),
        author="Paraph",
        lang="en",
        initialFontName=SANS,
        invariant=1,
    )
    story = [*_head(certificate), *_people(certificate), *_events(certificate), *_verification(certificate)]
    with _ONE_AT_A_TIME:
        document.build(story, canvasmaker=partial(_NumberedCanvas, certificate))
    return out.getvalue()


def qr_text(certificate: Certificate) -> str:
    """The content of the QR code: enough to find the process, and to compare its chain with another copy."""
    leaf = certificate.leaf
    return f"paraph:1:{certificate.process.id}:{leaf.seq}:{leaf.digest}:{leaf.checkpoint.key[:16]}"


def clean(value: str, font: str) -> str:
    """The text on one line.

    Characters that are invisible, change the direction or lack a glyph are shown as code points, `[U+738B]`, so that
    two names stay different. So are those beyond the first plane, which a reader would copy as other characters.
    """
    line = " ".join(unicodedata.normalize("NFC", value).split())
    glyphs = pdfmetrics.getFont(font).face.charToGlyph  # type: ignore[attr-defined]
    undrawable = {c for c in line if ord(c) not in glyphs or ord(c) > 0xFFFF or unicodedata.category(c).startswith("C")}
    return line.translate({ord(c): f"[U+{ord(c):04X}]" for c in undrawable})


def format_time(at: datetime | None, zone: tzinfo) -> str:
    """A time in the zone, to the second. Times that occur twice when the clock is set back include their offset."""
    if at is None:
        return _EMPTY
    if at.utcoffset() is None:
        raise ValueError(f"{at} has no time zone")
    local = at.astimezone(zone)
    text = local.isoformat(" ", "seconds")
    if local.replace(fold=0).utcoffset() != local.replace(fold=1).utcoffset():
        return text
    return text[:19]


class _NumberedCanvas(Canvas):
    """A canvas that draws its pages at the end, when it is known how many there are."""

    def __init__(self, certificate: Certificate, file: BytesIO, **options: Any) -> None:
        super().__init__(file, **options)
        made_at = certificate.made_at.astimezone(UTC)

        # `invariant` sets the creation date to a constant; the date of the certificate is as reproducible.
        def creation_date(*_: int) -> str:
            return f"D:{made_at:%Y%m%d%H%M%S}+00'00'"

        self.setDateFormatter(creation_date)
        self._footer = f"Process {certificate.process.id}"
        self._pages: list[dict[str, object]] = []

    def showPage(self) -> None:  # noqa: N802
        self._pages.append(dict(self.__dict__))
        self._startPage()  # type: ignore[attr-defined]

    def save(self) -> None:
        for page in self._pages:
            self.__dict__.update(page)
            self.setFont(SANS, 7)
            self.setFillColor(_GRAY)
            self.drawString(_MARGIN, 36, self._footer)
            self.drawRightString(A4[0] - _MARGIN, 36, f"Page {self.getPageNumber()} of {len(self._pages)}")
            super().showPage()
        super().save()


class _Table(LongTable):
    """A table that splits between its rows, and within a row only if that row is higher than a page."""

    def split(self, width: float, height: float) -> list[Flowable]:
        self.splitInRow = height > _HEIGHT - 30
        return super().split(width, height)


def _text(value: str | None, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(clean(value or "", style.fontName)) or _EMPTY, style)


def _fields(*fields: tuple[str, str | None, ParagraphStyle]) -> Flowable:
    rows = [[_text(name, _FIELD), _text(value, style)] for name, value, style in fields]
    return _Table(rows, [104, _WIDTH - 104], style=_FIELD_TABLE)


def _section(title: str, columns: Mapping[str, float], rows: list[list[str]], none: str) -> list[Flowable]:
    if not rows:
        return [CondPageBreak(80), _text(title, _HEADING), _text(none, _PROSE)]
    widths = list(columns.values())
    cells = [[_text(name, _COLUMN) for name in columns]]
    cells += [[_text(text, _CELL) for text in row] for row in rows]
    # Heights are given, because the time that reportlab takes to measure a table is quadratic in its rows.
    heights = [_height(row, widths) for row in cells]
    # A cell can be split between pages only if it is a list.
    splittable = [[[text] for text in row] for row in cells]
    table = _Table(splittable, widths, heights, repeatRows=1, style=_RULED_TABLE)
    # The title stays on the page of the first row.
    start = CondPageBreak(min(sum(heights[:2]) + 40, _HEIGHT - 1))
    return [start, _text(title, _HEADING), table]


def _height(row: list[Paragraph], widths: list[float]) -> float:
    heights = [text.wrap(width - _CELL_PADDING, _HEIGHT)[1] for text, width in zip(row, widths, strict=True)]
    return _CELL_PADDING + max(heights)


def _head(certificate: Certificate) -> list[Flowable]:
    introduction = f"This certificate lists who was asked to act, and what happened. Times are in {certificate.zone}."
    process = certificate.process
    fields = _fields(
        ("Document", process.document_name, _STRONG),
        ("Document ID", process.document_id, _CODE),
        ("Process ID", str(process.id), _CODE),
        ("Status", process.status, _STRONG),
        ("Initiator", process.initiator_name or process.initiator, _PROSE),
        ("Created", format_time(process.created_at, certificate.zone), _PROSE),
        ("Ended", format_time(process.finished_at, certificate.zone), _PROSE),
        ("Certificate created", format_time(certificate.made_at, certificate.zone), _PROSE),
    )
    return [_text(_TITLE, _HEADLINE), Spacer(0, 12), _text(introduction, _PROSE), Spacer(0, 8), fields]


def _people(certificate: Certificate) -> list[Flowable]:
    columns = {"Step": 30, "Name": 126, "Role": 62, "Outcome": 72, "Time": 94, "IP address": _WIDTH - 384}
    rows = []
    for signer in certificate.signers:
        name = signer.name
        if not name and f"{SIGNER_PREFIX}{signer.id}" in certificate.replayed.erased_groups:
            name = _ERASED
        address = ""
        act = certificate.replayed.acts.get(str(signer.id))
        if act is not None:
            address = act.ip_address
        time = format_time(signer.acted_at, certificate.zone)
        rows.append([str(signer.step.process_order), name or "", signer.role, signer.status, time, address])
    return _section("Signers", columns, rows, "No signers.")


def _events(certificate: Certificate) -> list[Flowable]:
    columns = {"Time": 94, "Event": 98, "User": 136, "Note": _WIDTH - 328}
    signers = {str(signer.id): signer for signer in certificate.signers}
    rows = []
    for event in certificate.events:
        if event.event_type in API_READS:
            continue
        user = event.creator or _ERASED
        if event.client_app_name != event.creator:
            user += f" via {event.client_app_name}"
        # What a client reported is not what the service has seen.
        if event.reporter:
            user = f"{event.reporter}: {user}"
        role = ""
        signer = signers.get(event.signer_id)
        if signer is not None:
            role = signer.role
            if signer.name:
                user += f" for {signer.name}"
        time = format_time(event.created_at, certificate.zone)
        rows.append([time, event.event_type, " · ".join(filter(None, [user, role, event.ip_address])), event.note])
    return _section("Events", columns, rows, "No events.")


def _verification(certificate: Certificate) -> list[Flowable]:
    leaf = certificate.leaf
    chain = "The events form a chain of digests. When this certificate was created, the chain ended with this event:"
    verifier = (
        "The script verify.py verifies this. The key alone proves nothing: compare its fingerprint with the one that"
        " the organization publishes. The QR code contains the process, the digest and the start of the fingerprint."
    )
    fields = _fields(
        ("Last event", f"No. {leaf.seq}", _PROSE),
        ("Its digest", leaf.digest, _CODE),
        ("Checkpoint", f"No. {leaf.checkpoint.number}, {format_time(leaf.checkpoint.at, certificate.zone)}", _PROSE),
        ("Key fingerprint", leaf.checkpoint.key, _CODE),
    )
    # All of this is on one page, unless a value is very long.
    start = [CondPageBreak(320), _text("How to verify this certificate", _HEADING), _text(chain, _PROSE)]
    code = QrCode(qr_text(certificate), width=108, height=108, qrLevel="M", qrBorder=0)
    return [*start, Spacer(0, 4), fields, Spacer(0, 6), _text(verifier, _PROSE), Spacer(0, 10), code]
