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
from reportlab.lib.colors import Color, HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import CondPageBreak, Flowable, HRFlowable, LongTable, Paragraph, Spacer

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
REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

_INK = HexColor("#1c1c1c")
_GRAY = HexColor("#666666")
_NAVY = HexColor("#1b365d")
_LINE = HexColor("#cfd3d9")
_BACKGROUND = HexColor("#f6f7f9")

# The page, in points.
_MARGIN = 54
_TOP = 56
_BOTTOM = 60
_WIDTH = A4[0] - 2 * _MARGIN
_HEIGHT = A4[1] - _TOP - _BOTTOM
_CELL_PADDING = 8


def _style(
    font: str, size: float, leading: float, color: Color = _INK, before: int = 0, after: int = 0
) -> ParagraphStyle:
    return ParagraphStyle(
        font, fontName=font, fontSize=size, leading=leading, textColor=color, spaceBefore=before, spaceAfter=after
    )


_HEADLINE = _style(SANS, 20, 26, _NAVY)
_HEADING = _style(BOLD, 10.5, 14, _NAVY, before=20, after=5)
_PROSE = _style(SANS, 8.5, 12)
_FIELD = _style(SANS, 8, 12, _GRAY)
_STRONG = _style(BOLD, 8.5, 12)
_CODE = _style(MONO, 8.5, 12)
_COLUMN = _style(BOLD, 7.5, 10, _NAVY)
_CELL = _style(SANS, 7.5, 10.5)

_TableCommands = list[tuple[Any, ...]]
_ALL_CELLS = ((0, 0), (-1, -1))
_HEADER_ROW = ((0, 0), (-1, 0))
_BODY_ROWS = ((0, 1), (-1, -1))


def _cells(left: float, right: float, top: float, bottom: float) -> _TableCommands:
    """The part that all table styles share, with this padding."""
    return [
        ("VALIGN", *_ALL_CELLS, "TOP"),
        ("FONTNAME", *_ALL_CELLS, SANS),
        ("LEFTPADDING", *_ALL_CELLS, left),
        ("RIGHTPADDING", *_ALL_CELLS, right),
        ("TOPPADDING", *_ALL_CELLS, top),
        ("BOTTOMPADDING", *_ALL_CELLS, bottom),
    ]


_FIELD_TABLE = _cells(0, 6, 1.5, 1.5)
_RULED_TABLE = [
    *_cells(0, _CELL_PADDING, 3.5, 4.5),
    ("LINEABOVE", *_HEADER_ROW, 0.8, _NAVY),
    ("LINEBELOW", *_HEADER_ROW, 0.8, _NAVY),
    ("LINEBELOW", *_BODY_ROWS, 0.4, _LINE),
]
_BOX = [*_cells(14, 14, 12, 12), ("BOX", *_ALL_CELLS, 0.8, _NAVY), ("BACKGROUND", *_ALL_CELLS, _BACKGROUND)]


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
        pageTemplates=[platypus.PageTemplate(frames=[platypus.Frame(_MARGIN, _BOTTOM, _WIDTH, _HEIGHT, 0, 0, 0, 0)])],
        title=f"{_TITLE} {certificate.process.id}",
        subject=clean(certificate.process.document_name or "", SANS),
        author="Paraph",
        creator="Paraph",
        lang="en",
        initialFontName=SANS,
        invariant=1,
        pageCompression=1,
    )
    story = [*_head(certificate), *_people(certificate), *_events(certificate), _verification(certificate)]
    with _ONE_AT_A_TIME:
        document.build(story, canvasmaker=partial(_NumberedCanvas, certificate))
    return out.getvalue()


def qr_text(certificate: Certificate) -> str:
    """The content of the QR code: enough to find the process, and to compare its chain with another copy."""
    leaf = certificate.leaf
    return f"paraph:1:{certificate.process.id}:{leaf.seq}:{leaf.digest}:{leaf.checkpoint.key[:16]}"


def clean(value: str, font: str) -> str:
    """The text on one line. Characters that are invisible, change the direction or lack a glyph become U+FFFD."""
    line = " ".join(unicodedata.normalize("NFC", value).split())
    if line.isascii() and line.isprintable():
        return line
    glyphs = pdfmetrics.getFont(font).face.charToGlyph  # type: ignore[attr-defined]
    undrawable = [c for c in line if ord(c) not in glyphs or unicodedata.category(c).startswith("C")]
    return line.translate(dict.fromkeys(map(ord, undrawable), REPLACEMENT))


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
            self._draw_edges()
            super().showPage()
        super().save()

    def _draw_edges(self) -> None:
        right = A4[0] - _MARGIN
        number = self.getPageNumber()
        self.setStrokeColor(_LINE)
        self.setLineWidth(0.5)
        self.line(_MARGIN, 51, right, 51)
        self.setFont(SANS, 7)
        self.setFillColor(_GRAY)
        self.drawString(_MARGIN, 40, self._footer)
        self.drawRightString(right, 40, f"Page {number} of {len(self._pages)}")
        if number > 1:
            self.drawString(_MARGIN, A4[1] - 38, _TITLE)


class _Table(LongTable):
    """A table that splits between its rows, and within a row only if that row is higher than a page."""

    def split(self, width: float, height: float) -> list[Flowable]:
        self.splitInRow = height > _HEIGHT - 30
        return super().split(width, height)


def _text(value: str | None, style: ParagraphStyle) -> Paragraph:
    return Paragraph(escape(clean(value or "", style.fontName)) or _EMPTY, style)


def _digest(value: str) -> list[Flowable]:
    return [_text(value[start : start + 32], _CODE) for start in range(0, len(value), 32)]


def _fields(width: float, fields: Mapping[str, Flowable | list[Flowable]]) -> Flowable:
    rows = [[_text(name, _FIELD), value] for name, value in fields.items()]
    return _Table(rows, [104, width - 104], style=_FIELD_TABLE)


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
    introduction = (
        "This certificate lists who was asked to view, approve or sign a document, and what happened until the"
        f" certificate was created. All times are in {certificate.zone}."
    )
    process = certificate.process
    fields = {
        "Document": _text(process.document_name, _STRONG),
        "Document ID": _text(process.document_id, _CODE),
        "Process ID": _text(str(process.id), _CODE),
        "Status": _text(process.status, _STRONG),
        "Initiator": _text(process.initiator_name or process.initiator, _PROSE),
        "Created": _text(format_time(process.created_at, certificate.zone), _PROSE),
        "Ended": _text(format_time(process.finished_at, certificate.zone), _PROSE),
        "Certificate created": _text(format_time(certificate.made_at, certificate.zone), _PROSE),
    }
    rule = HRFlowable("100%", 1.4, color=_NAVY, spaceBefore=6, spaceAfter=12, lineCap="butt")
    return [_text(_TITLE, _HEADLINE), rule, _text(introduction, _PROSE), Spacer(0, 8), _fields(_WIDTH, fields)]


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
    return _section("Recipients", columns, rows, "No recipients.")


def _events(certificate: Certificate) -> list[Flowable]:
    columns = {"Time": 94, "Event": 98, "User": 136, "Note": _WIDTH - 328}
    signers = {str(signer.id): signer for signer in certificate.signers}
    rows = []
    for event in certificate.events:
        if event.event_type in API_READS:
            continue
        user = event.creator or _ERASED
        if event.client_app_name != event.creator:
            user += f" by {event.client_app_name}"
        role = ""
        signer = signers.get(event.signer_id)
        if signer is not None:
            role = signer.role
            if signer.name:
                user += f" for {signer.name}"
        time = format_time(event.created_at, certificate.zone)
        rows.append([time, event.event_type, " · ".join(filter(None, [user, role, event.ip_address])), event.note])
    return _section("Events", columns, rows, "No events.")


def _verification(certificate: Certificate) -> Flowable:
    # On the left, how to verify the certificate.
    leaf = certificate.leaf
    chain = (
        "The events are kept as a chain of digests. When this certificate was created, the chain ended with this event:"
    )
    verifier = (
        "The folder of this certificate contains verify.py, which verifies all of this. The fingerprint of the public"
        " key, as printed here, proves nothing by itself: compare it with the one that the organization publishes."
    )
    checkpoint = f"No. {leaf.checkpoint.number}, {format_time(leaf.checkpoint.at, certificate.zone)}"
    fields: dict[str, Flowable | list[Flowable]] = {
        "Last event": _text(f"No. {leaf.seq}", _PROSE),
        "Its digest": _digest(leaf.digest),
        "Checkpoint": _text(checkpoint, _PROSE),
        "Key fingerprint": _digest(leaf.checkpoint.key),
    }
    widths = [_WIDTH - 136, 136]
    left = [
        _text("How to verify this", _HEADING),
        _text(chain, _PROSE),
        Spacer(0, 4),
        _fields(widths[0] - 28, fields),
        Spacer(0, 6),
        _text(verifier, _PROSE),
    ]
    # On the right, the same for a camera.
    right = [
        QrCode(qr_text(certificate), width=108, height=108, qrLevel="M", qrBorder=0),
        Spacer(0, 10),
        _text("Contains the process, the digest and the beginning of the fingerprint", _FIELD),
    ]
    return _Table([[left, right]], widths, style=_BOX, spaceBefore=22)
