"""The page's HTML: everything that comes from data is escaped here, and nowhere else is HTML made."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape
from urllib.parse import quote

from .problems import HTML_TYPE
from .wire import Response

CSS = """
:root { color-scheme: light dark; --ink: #1d2733; --soft: #5b6775; --line: #d9dfe6; --paper: #fff; --wash: #f4f6f9;
  --accent: #0b5cad; --good: #1c6b38; --bad: #a3261c; }
@media (prefers-color-scheme: dark) { :root { --ink: #e5eaf0; --soft: #a0acb9; --line: #36414d; --paper: #161c23;
  --wash: #1e2630; --accent: #7db8f5; --good: #7fd49b; --bad: #f59a90; } }
* { box-sizing: border-box; }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
header { background: var(--wash); border-bottom: 1px solid var(--line); padding: .75rem 1.5rem; }
header p { margin: 0; color: var(--soft); }
header strong { font-size: 1.1rem; color: var(--ink); }
nav { display: flex; flex-wrap: wrap; gap: 1.25rem; margin-top: .5rem; }
a { color: var(--accent); }
nav a { text-decoration: none; padding-bottom: .15rem; }
nav a[aria-current] { border-bottom: 2px solid; font-weight: 600; }
main { padding: 1rem 1.5rem 3rem; max-width: 90rem; }
h1 { font-size: 1.35rem; margin: .5rem 0 .25rem; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .25rem; }
p.note { color: var(--soft); margin: .25rem 0 1rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .92rem; }
th, td { text-align: left; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { color: var(--soft); font-weight: 600; white-space: nowrap; }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.good { color: var(--good); } td.bad { color: var(--bad); font-weight: 600; }
td.soft { color: var(--soft); } td.code { font-family: ui-monospace, monospace; font-size: .82rem; word-break: break-word; }
"""
_HASH = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
_POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """Any value as HTML; Html stays as it is, None is empty."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else escape(str(value)))


def link(address: str, label: object) -> Html:
    """A link; the address is one of this page's own."""
    return Html(f'<a href="{escape(address)}">{text(label)}</a>')


def path(*parts: object) -> str:
    """Address of a page from its parts."""
    return "/page/" + "/".join(quote(str(part), safe="") for part in parts)


def money(value: Decimal | None) -> str:
    """An amount with at least two decimals and grouped thousands; further decimals are kept."""
    if value is None:
        return ""
    exact = format(value.normalize(), "f")
    decimals = max(2, len(exact.partition(".")[2]))
    return f"{value:,.{decimals}f}"


def plain(value: Decimal | None) -> str:
    """A quantity without needless zeros."""
    return "" if value is None else format(value.normalize(), "f")


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, empty: str) -> Html:
    """A table. A column name that starts with `#` is right-aligned; a cell (class, value) gets that class."""
    body = []
    for row in rows:
        cells = []
        for column, cell in zip(columns, row, strict=True):
            name, value = cell if isinstance(cell, tuple) else ("", cell)
            classes = " ".join(part for part in ("n" if column.startswith("#") else "", name) if part)
            cells.append(f'<td class="{classes}">{text(value)}</td>' if classes else f"<td>{text(value)}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    if not body:
        return Html(f'<p class="note">{text(empty)}</p>')
    heads = "".join(
        f'<th scope="col" class="n">{text(column[1:])}</th>'
        if column.startswith("#")
        else f'<th scope="col">{text(column)}</th>'
        for column in columns
    )
    return Html(
        f'<div class="scroll"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    )


def document(title: str, subtitle: str, links: Sequence[tuple[str, str, bool]], parts: Iterable[object]) -> Response:
    """A whole page: title, one line under it, navigation as (address, label, current), and the parts of its body."""
    navigation = "".join(
        f'<a href="{escape(address)}"{" aria-current=page" if current else ""}>{text(label)}</a>'
        for address, label, current in links
    )
    body = "\n".join(text(part) for part in parts)
    page = f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{text(title)} – ConnectWise sandbox</title><style>{CSS}</style></head>
<body><header><p><strong>ConnectWise sandbox</strong> {text(subtitle)}</p><nav>{navigation}</nav></header>
<main><h1>{text(title)}</h1>
{body}
</main></body></html>
"""
    headers = (("Content-Security-Policy", _POLICY), ("X-Content-Type-Options", "nosniff"))
    return Response(200, page.encode(), HTML_TYPE, headers)
