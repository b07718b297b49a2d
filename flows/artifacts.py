"""The day as Prefect artifacts, in reading order: verdict, why, attribution, then the tables."""

from prefect.artifacts import create_markdown_artifact, create_table_artifact

from unwind.attribution_digest import attribution_markdown
from unwind.digest import verdict_markdown
from unwind.explanation import explanation_markdown
from unwind.formatting import Grid, correlation_grid, quality_grid, shock_grid
from unwind.reading import SessionDay


def publish_artifacts(day: SessionDay) -> None:
    """Write the artifacts of one session to the flow run."""
    regime = day.regime
    create_markdown_artifact(
        key="verdict",
        description=f"Verdict for {day.as_of}",
        markdown=verdict_markdown(
            as_of=day.as_of,
            cutoff=regime["cutoff"],
            source=regime["source"],
            settings_digest=regime["settings_digest"],
            tables=day.tables,
        ),
    )
    create_markdown_artifact(
        key="why", description=f"Why: {day.as_of}", markdown=explanation_markdown(day)
    )
    create_markdown_artifact(
        key="attribution",
        description=f"Which mechanism fits: {day.as_of}",
        markdown=attribution_markdown(day.tables),
    )
    for key, grid, description in (
        ("correlations", correlation_grid(day.tables["correlations"]), "Correlation with the base"),
        ("shocks", shock_grid(day.tables["shocks"]), "Shocks, largest first"),
        ("data-quality", quality_grid(day.tables["quality"]), "Missing, late, quarantined"),
    ):
        create_table_artifact(key=key, table=_rows(grid), description=f"{description}, {day.as_of}")


def _rows(grid: Grid) -> list[dict[str, str]]:
    """Lay a grid out for the UI; the reason of a null stands in a column of its own."""
    heads = [*(heading.text for heading in grid.headings), "Note"]
    return [dict(zip(heads, (*line.cells, line.reason), strict=True)) for line in grid.lines] or [
        dict.fromkeys(heads, "")
    ]
