"""The attribution for readers: posteriors and contributions by block, as markdown and grids."""

from collections.abc import Callable, Mapping

import pandas as pd

from unwind.contract.text import number, plain
from unwind.hypotheses import AMPLIFIER, MECHANISMS, WORDS
from unwind.report.format import Grid, Heading, Row, grid_of, records
from unwind.report.markdown import escape_markdown, markdown_table


def block_contributions(evidence: pd.DataFrame) -> pd.DataFrame:
    """Sum the contributions by block; rows blocks in the desk's order, columns hypotheses.

    A block without data is NaN throughout. A hypothesis that is younger than the rows has no
    column.
    """
    if evidence.empty:
        return pd.DataFrame()
    ordered = evidence.drop_duplicates("block")["block"].tolist()
    sums = evidence.pivot_table(
        index="block", columns="hypothesis", values="contribution", aggfunc="sum"
    )
    observed = (evidence["quality"] != "missing").groupby(evidence["block"]).any()
    contributions: pd.DataFrame = sums.where(observed, axis=0).reindex(
        index=ordered, columns=[name for name in (*MECHANISMS, AMPLIFIER) if name in sums]
    )
    return contributions


def attribution_grid(rows: pd.DataFrame) -> Grid:
    """Format prior and posterior by hypothesis, the likeliest first, the amplifier last."""
    # The reason belongs to the finding; the page shows it once, outside the table.
    ordered = sorted(
        records(rows.drop(columns="reason")),
        key=lambda row: (row["rank"] is None, row["rank"] or 0, row["hypothesis"]),
    )
    return grid_of(
        ordered,
        {
            Heading("Hypothesis"): lambda row: WORDS.get(
                row["hypothesis"], plain(row["hypothesis"])
            ),
            Heading("Prior", numeric=True): lambda row: number(row["prior"], decimals=2),
            Heading("Posterior", numeric=True): lambda row: number(row["posterior"], decimals=2),
            Heading("Log-odds against ordinary", numeric=True): lambda row: number(
                row["log_odds"], decimals=2, signed=True
            ),
        },
    )


def vote_grid(evidence: pd.DataFrame) -> Grid:
    """Format what each block adds to each hypothesis."""
    contributions = block_contributions(evidence)
    if contributions.empty:
        return grid_of([], {Heading("Block"): lambda row: plain(row["block"])})
    headings: dict[Heading, Callable[[Row], str]] = {
        Heading("Block"): lambda row: plain(row["block"])
    }
    headings |= {
        Heading(WORDS[name].capitalize(), numeric=True): _signed(name)
        for name in contributions.columns
    }
    reasons = (
        evidence[evidence["reason"].notna()].drop_duplicates("block").set_index("block")["reason"]
    )
    rows = [
        {"block": str(block), "reason": reasons.get(block) if values.isna().all() else None}
        | {str(name): None if pd.isna(value) else float(value) for name, value in values.items()}
        for block, values in contributions.iterrows()
    ]
    return grid_of(rows, headings)


def _signed(name: str) -> Callable[[Row], str]:
    return lambda row: number(row[name], decimals=2, signed=True)


def attribution_markdown(tables: Mapping[str, pd.DataFrame]) -> str:
    """Write finding, posteriors and contributions as markdown."""
    rows = tables["attribution"]
    if rows.empty:
        return "## No attribution\n\nThis session was published before mechanisms were scored.\n"
    first = records(rows)[0]
    blocks = [
        f"## {escape_markdown(plain(first['verdict']))}"
        + (f": {WORDS.get(first['named'], '')}" if first["named"] else ""),
        escape_markdown(plain(first["sentence"])),
        markdown_table(attribution_grid(rows)),
        "**Contribution of each evidence block** to the log-odds, relative to ordinary volatility; "
        "an empty cell: no data, with the reason",
        markdown_table(vote_grid(tables["evidence"])),
    ]
    return "\n\n".join(blocks) + "\n"
