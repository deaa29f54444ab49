"""The audit page: who did what in the reader's areas."""

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response as AnyResponse

from mqtt.centre.accounts.audit import AuditRow, read_audit
from mqtt.centre.accounts.roles import Permission
from mqtt.centre.ingest.database import open_query
from web_ui.centre.access import centre_context, current_fleet, guarded, visible_areas
from web_ui.centre.data.tables import PageTable
from web_ui.centre.pages.rendering import FORMATS, page_formatter, render_page

audit_page = Blueprint("audit", __name__)
ROWS = 100
EXPORTED_ROWS = 50_000


@audit_page.get("/audit")
@guarded(Permission.READ_AUDIT)
def audit() -> AnyResponse:
    """The newest rows first. An auditor of a ward sees the rows of this ward only."""
    before = request.args.get("before", "")
    if before and not (before.isascii() and before.isdigit() and len(before) < 10):
        abort(400)
    formatter, registry = page_formatter(), current_fleet().registry
    limit = EXPORTED_ROWS if request.args.get("format") in FORMATS else ROWS
    with open_query(centre_context().settings.database) as query:
        rows = read_audit(
            query, before=int(before) if before else None, limit=limit, areas=visible_areas(Permission.READ_AUDIT)
        )
    names = {area.number: area.name(formatter.language) for area in registry.rows.areas}

    def cells(row: AuditRow) -> tuple[int, str, str, str, str, str, str]:
        entry = row.entry
        what = formatter.t.code("centre.act", entry.what)
        return (
            row.number,
            formatter.date_time(row.at),
            entry.who,
            what,
            entry.about,
            names.get(entry.area, ""),
            entry.why,
        )

    header = tuple(
        formatter.t(f"centre.column.{name}") for name in ("number", "time", "who", "act", "about", "area", "why")
    )
    shown = tuple(cells(row) for row in rows)
    older = f"?before={rows[-1].number}" if len(rows) == ROWS else ""
    return render_page(
        "audit.html",
        table=PageTable(formatter.t("centre.audit"), header, shown),
        rows=shown,
        header=header,
        older=older,
    )
