"""The day as Prefect artifacts: verdict, why, attribution, mechanisms, charts, tables.

The run page sorts artifacts itself, so each has its number in its description.
"""

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from unwind.indicators.mechanisms.views import MechanismViews
from unwind.report.attribution import attribution_markdown
from unwind.report.charts.one_page import charts_markdown
from unwind.report.explanation import explanation_markdown
from unwind.report.format import Grid, correlation_grid, quality_grid, shock_grid
from unwind.report.markdown import escape_markdown
from unwind.report.mechanisms import mechanisms_markdown
from unwind.report.session import SessionDay
from unwind.report.verdict import verdict_markdown


def publish_artifacts(day: SessionDay, views: MechanismViews) -> None:
    """Write the artifacts of one session to the flow run."""
    regime = day.regime
    pages = {
        "verdict": (
            "Verdict for",
            verdict_markdown(
                as_of=day.as_of,
                cutoff=regime["cutoff"],
                source=regime["source"],
                settings_digest=regime["settings_digest"],
                tables=day.tables,
            ),
        ),
        "why": ("Why:", explanation_markdown(day)),
        "attribution": ("Attribution:", attribution_markdown(day.tables)),
        "mechanisms": (
            "Mechanism indicators:",
            mechanisms_markdown(day.tables["mechanisms"], views, base=regime["base"]),
        ),
        "charts": ("Charts:", charts_markdown(day.tables, views, base=regime["base"])),
    }
    for number, (key, (lead, markdown)) in enumerate(pages.items(), start=1):
        create_markdown_artifact(
            key=key, description=f"{number}. {lead} {day.as_of}", markdown=markdown
        )
    grids = (
        ("correlations", correlation_grid(day.tables["correlations"]), "Correlation with the base"),
        ("shocks", shock_grid(day.tables["shocks"]), "Shocks, largest first"),
        ("data-quality", quality_grid(day.tables["quality"]), "Missing, late, quarantined"),
    )
    for number, (key, grid, description) in enumerate(grids, start=len(pages) + 1):
        create_table_artifact(
            key=key, table=_rows(grid), description=f"{number}. {description}, {day.as_of}"
        )


def _rows(grid: Grid) -> list[dict[str, str]]:
    """Return a grid as rows for the UI, with a column for the reason of a null.

    The UI reads every cell as markdown, links and HTML included.
    """
    heads = [*(heading.text for heading in grid.headings), "Note"]
    return [
        dict(zip(heads, map(escape_markdown, (*line.cells, line.reason)), strict=True))
        for line in grid.lines
    ] or [dict.fromkeys(heads, "")]
