"""Attachments: multipart uploads, lists by record, downloads (contract.md section 8, Documents)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from .fields import Reading, words
from .listing import Query
from .problems import bad_request, invalid
from .store import Member, Record, Tenant
from .wire import Response

RECORD_TYPES = words("""
Activity Agreement Company Config Configuration Contact CustomImage Document Expense HTMLTemplate Invoice
Opportunity Project ProjectActivity PurchaseOrder Rma SalesOrder Service Ticket ProjectTicket ServiceTemplate
StandardServiceTemplate SrDetail TimeEntry JobHeader MarketingManagerAudit KnowledgeBase ToolbarIcon Meeting
MeetingNote ProductSetup ProjectTemplateTicket BillingSetup ServiceBoard WordTemplate Member
PortalImagePortalLogo PortalImageReportLogo TopNavigationLogo PhaseStatus ProjectStatus TicketStatus Schedule
Priority Unassigned
""")
_HELD = {"Agreement": "agreement", "Company": "company", "Contact": "contact"}
_PARAMETER = re.compile(r';\s*(?P<name>[\w*]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^;\s]*))')


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a multipart body; `filename` is None for plain values."""

    content: bytes
    filename: str | None


def parts_of(content_type: str, body: bytes) -> dict[str, Part]:
    """The parts by lower-case name. Raises 400 for anything that is no complete multipart body."""
    boundary = dict(_parameters(content_type)).get("boundary")
    if not boundary:
        raise bad_request("The multipart body has no boundary.")
    delimiter = b"\r\n--" + boundary.encode()
    pieces = (b"\r\n" + body).split(delimiter)
    if len(pieces) < 3 or not pieces[-1].startswith(b"--"):
        raise bad_request("The multipart body is not complete.")
    found = {}
    for piece in pieces[1:-1]:
        head, separator, content = piece.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        disposition = re.search(rb"(?im)^content-disposition:\s*form-data(.*)$", head)
        if not separator or disposition is None:
            raise bad_request("A part of the multipart body cannot be read.")
        values = dict(_parameters(disposition[1].decode("utf-8", "replace")))
        if "name" not in values:
            raise bad_request("A part of the multipart body has no name.")
        filename = values.get("filename")
        if "filename*" in values:
            filename = unquote(values["filename*"].rpartition("''")[2])
        found[values["name"].lower()] = Part(content, filename)
    return found


def _parameters(text: str) -> list[tuple[str, str]]:
    found = []
    for match in _PARAMETER.finditer(text):
        quoted = match["quoted"]
        value = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else match["bare"]
        found.append((match["name"].lower(), value))
    return found


def _flag(part: Part | None) -> bool:
    return part is not None and part.content.strip().lower() == b"true"


def upload(tenant: Tenant, member: Member, headers: Mapping[str, str], body: bytes) -> Record:
    """Store a document; recordType, recordId and file are needed, the rest is optional. Raises 400."""
    parts = parts_of(headers.get("content-type", ""), body)
    reading = Reading()
    values = {name: part.content.decode("utf-8", "replace").strip() for name, part in parts.items() if name != "file"}
    for name in ("recordType", "recordId", "file"):
        if name.lower() not in parts:
            reading.flaw("MissingRequiredField", f"The {name} field is required.", name)
    record_type = values.get("recordtype", "")
    if record_type and record_type not in RECORD_TYPES:
        reading.flaw("InvalidField", f"The field recordType must be one of {', '.join(RECORD_TYPES)}.", "recordType")
    number = values.get("recordid", "")
    rows = tenant.tables[_HELD[record_type]].rows if record_type in _HELD else {}
    if not reading.flaws and (not number.isdecimal() or int(number) not in rows):
        reading.flaw("NotFound", f"{record_type} {number} not found for recordId.", "recordId")
    file = parts.get("file")
    if file is not None and not file.filename:
        reading.flaw("MissingRequiredField", "The file needs a file name.", "file")
    if reading.flaws or file is None or not file.filename:
        raise invalid("document", reading.flaws)
    guid = str(uuid.uuid4())
    row = {
        "title": values.get("title") or file.filename,
        "fileName": file.filename,
        "serverFileName": f"{guid}{_extension(file.filename)}",
        "owner": member.identifier,
        "linkFlag": False,
        "imageFlag": False,
        "publicFlag": not _flag(parts.get("privateflag")),
        "readOnlyFlag": _flag(parts.get("readonlyflag") or parts.get("readonlyflay")),
        "size": len(file.content),
        "urlFlag": False,
        "createdOnDate": tenant.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "documentType": _type_of(tenant, file.filename),
        "guid": guid,
        "recordType": record_type,
        "recordId": int(number),
    }
    record = tenant.insert("document", row, member.identifier)
    tenant.files[record.id] = file.content
    return record


def _extension(filename: str) -> str:
    stem, dot, extension = filename.rpartition(".")
    return f".{extension.lower()}" if stem and dot else ""


def _type_of(tenant: Tenant, filename: str) -> dict[str, int] | None:
    extension = _extension(filename).removeprefix(".")
    for record in tenant.tables["documentType"].rows.values():
        if record.row.get("fileExtension") == extension:
            return {"id": record.id}
    return None


def of_record(query: Query, records: list[Record]) -> list[Record]:
    """The documents of the record that recordType and recordId name, where given. Raises 400."""
    record_type, number = query.text("recordType"), query.text("recordId")
    if record_type:
        if record_type not in RECORD_TYPES:
            raise bad_request(f"The value '{record_type}' is not valid for recordType.")
        records = [record for record in records if record.row["recordType"] == record_type]
    if number:
        wanted = query.whole("recordId", 0)
        records = [record for record in records if record.row["recordId"] == wanted]
    return records


def download(tenant: Tenant, record: Record) -> Response:
    """The file itself."""
    name = str(record.row["fileName"])
    plain = re.sub(r'[^ -~]|["\\]', "_", name)
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
    content = tenant.files.get(record.id, b"")
    return Response(200, content, "application/octet-stream", (("Content-Disposition", disposition),))
