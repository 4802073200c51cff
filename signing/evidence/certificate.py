"""The certificate: a PDF that shows the signing process of one document to a reader on paper.

Owns the texts, their order and the QR code. `certificate.typ` is the layout, and `glyphs` knows what the fonts can
draw. Where the content comes from, how the chain is kept and how it is verified is left to others.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from functools import cache
from pathlib import Path

import typst
from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_M

from audit.chain.append import API_READS
from audit.chain.parts import SIGNER_PREFIX
from audit.models import AuditEvent, CheckpointLeaf
from config.api_values import JsonObject
from signing.evidence import glyphs
from signing.evidence.replay import Replay
from signing.models import Process, Signer

_FOLDER = Path(__file__).parent
_TITLE = "Certificate of the signing process"
_EMPTY = "–"
_ERASED = "(erased)"

# The columns with their widths, which are 487 points together.
_SIGNER_COLUMNS = (("Step", 30), ("Name", 126), ("Role", 62), ("Outcome", 72), ("Time", 94), ("IP address", 103))
_EVENT_COLUMNS = (("Time", 94), ("Event", 98), ("User", 136), ("Note", 159))
# The number of letters that fit in one line: of a column, of the wide column, and of that column in the code font.
_COLUMN_LETTERS = 16
_FIELD_LETTERS = 45
_CODE_LETTERS = 72
# Typst keeps what it has computed for this many documents. See `_forget`.
_REMEMBERED_DOCUMENTS = 10


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
    if certificate.made_at.utcoffset() is None:
        raise ValueError(f"{certificate.made_at} has no time zone")
    inputs = {"certificate": json.dumps(_content(certificate))}
    compiler = typst.Compiler(_FOLDER / "certificate.typ", root=_FOLDER, font_paths=_fonts(), sys_inputs=inputs)
    pdf = compiler.compile(format="pdf", timestamp=int(certificate.made_at.timestamp()))
    _forget()
    assert isinstance(pdf, bytes)
    return pdf


def qr_text(certificate: Certificate) -> str:
    """The content of the QR code: enough to find the process, and to compare its chain with another copy."""
    leaf = certificate.leaf
    return f"paraph:1:{certificate.process.id}:{leaf.seq}:{leaf.digest}:{leaf.checkpoint.key[:16]}"


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


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[glyphs.FONTS])


def _forget() -> None:
    """Let Typst drop what it computed for the certificate. The worker would keep up to 60 MB of each long one."""
    empty = typst.Compiler(_FOLDER / "empty.typ", root=_FOLDER, font_paths=_fonts())
    for _ in range(_REMEMBERED_DOCUMENTS + 1):
        empty.compile(format="pdf")


def _content(certificate: Certificate) -> JsonObject:
    """The texts of the certificate, as `certificate.typ` reads them."""
    process = certificate.process
    leaf = certificate.leaf
    signers = {str(signer.id): signer for signer in certificate.signers}
    events = [event for event in certificate.events if event.event_type not in API_READS]
    return {
        "title": _TITLE,
        "subject": glyphs.printable(process.document_name or ""),
        "introduction": (
            f"This certificate lists who was asked to act, and what happened. Times are in {certificate.zone}."
        ),
        "process": str(process.id),
        "processFields": [
            _field("Document", process.document_name),
            _code_field("Document ID", process.document_id),
            _code_field("Process ID", str(process.id)),
            _field("Status", process.status),
            _field("Initiator", process.initiator_name or process.initiator),
            _field("Created", format_time(process.created_at, certificate.zone)),
            _field("Ended", format_time(process.finished_at, certificate.zone)),
            _field("Certificate created", format_time(certificate.made_at, certificate.zone)),
        ],
        "signerColumns": _SIGNER_COLUMNS,
        "signers": [_signer_row(signer, certificate) for signer in certificate.signers],
        "eventColumns": _EVENT_COLUMNS,
        "events": [_event_row(event, signers.get(event.signer_id), certificate.zone) for event in events],
        "chain": (
            "The events form a chain of digests. When this certificate was created, the chain ended with this event:"
        ),
        "chainFields": [
            _field("Last event", f"No. {leaf.seq}"),
            _code_field("Its digest", leaf.digest),
            _field("Checkpoint", f"No. {leaf.checkpoint.number}, {format_time(leaf.checkpoint.at, certificate.zone)}"),
            _code_field("Key fingerprint", leaf.checkpoint.key),
        ],
        "verifier": (
            "The script verify.py verifies this. The key alone proves nothing: compare its fingerprint with the one"
            " that the organization publishes. The QR code contains the process, the digest and the start of the"
            " fingerprint."
        ),
        "qrText": qr_text(certificate),
        "qrCode": _qr_code(qr_text(certificate)),
    }


def _signer_row(signer: Signer, certificate: Certificate) -> list[list[glyphs.Run]]:
    name = signer.name
    if not name and f"{SIGNER_PREFIX}{signer.id}" in certificate.replayed.erased_groups:
        name = _ERASED
    address = ""
    act = certificate.replayed.acts.get(str(signer.id))
    if act is not None:
        address = act.ip_address
    return [
        [str(signer.step.process_order)],
        _cell(name),
        _cell(signer.role),
        _cell(signer.status),
        [format_time(signer.acted_at, certificate.zone)],
        _cell(address),
    ]


def _event_row(event: AuditEvent, signer: Signer | None, zone: tzinfo) -> list[list[glyphs.Run]]:
    user = _inline(event.creator or _ERASED)
    if event.client_app_name != event.creator:
        user += f" via {_inline(event.client_app_name)}"
    # What a client reported is not what the service has seen.
    if event.reporter:
        user = f"{_inline(event.reporter)}: {user}"
    role = ""
    if signer is not None:
        role = signer.role
        if signer.name:
            user += f" for {_inline(signer.name)}"
    parts = [user, _inline(role), _inline(event.ip_address)]
    return [
        [format_time(event.created_at, zone)],
        _cell(event.event_type),
        glyphs.runs(" · ".join(filter(None, parts))),
        _cell(event.note),
    ]


def _field(name: str, value: str | None) -> list[object]:
    return [name, glyphs.runs(_inline(value or "", longest_word=_FIELD_LETTERS) or _EMPTY)]


def _code_field(name: str, value: str | None) -> list[object]:
    return [name, glyphs.runs(_inline(value or "", longest_word=_CODE_LETTERS) or _EMPTY), "code"]


def _cell(value: str | None) -> list[glyphs.Run]:
    """A value that is alone in its cell."""
    return glyphs.runs(_inline(value or "") or _EMPTY)


def _inline(value: str, *, longest_word: int = _COLUMN_LETTERS) -> str:
    """A value with other texts around it."""
    return glyphs.breakable(glyphs.isolated(glyphs.printable(value)), longest_word=longest_word)


def _qr_code(text: str) -> str:
    """The QR code as an SVG image."""
    code: QRCode = QRCode(error_correction=ERROR_CORRECT_M, border=0)
    code.add_data(text)
    matrix = code.get_matrix()
    squares = []
    for y, row in enumerate(matrix):
        squares += [f"M{x} {y}h1v1h-1z" for x, is_dark in enumerate(row) if is_dark]
    size = len(matrix)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{"".join(squares)}"/></svg>'
