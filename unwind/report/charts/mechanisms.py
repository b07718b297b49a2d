"""Charts of the mechanisms as SVG strings, in the style of `unwind.report.charts.prices`.

Written by hand: bars need no plotting library. Colours are the page's variables.
"""

from html import escape

import numpy as np
import pandas as pd

from unwind.contract.text import number, plain
from unwind.hypotheses import REGISTRY, WORDS

LINE = 17.0
LABEL = 88.0  # width of the block names
HEAD = 20.0
GAP = 10.0
CHARACTER = 6.3
FOR, AGAINST = "first", "second"


def vote_chart(votes: pd.DataFrame, *, width: int, name: str) -> str:
    """Draw who votes for what: one panel a hypothesis, one bar a block.

    Parameters
    ----------
    votes : DataFrame of shape (n_blocks, n_hypotheses)
        Log-odds against ordinary volatility; a row of NaN says nothing. Right of zero speaks for
        the hypothesis. All panels have one scale.
    width : int
        In CSS pixels; panels stand side by side where they fit, else below each other.
    name : str
        Begins every id.

    Returns
    -------
    str
        The SVG. The same input gives the same text.

    Raises
    ------
    ValueError
        There is no block or no hypothesis to draw.
    """
    if votes.empty:
        raise ValueError("votes must hold a block and a hypothesis, got none; draw nothing instead")
    across = len(votes.columns) if width >= 600 else 1
    panel = (width - LABEL) / across
    height = HEAD + LINE * len(votes) + GAP
    reach = float(np.nanmax(np.append(votes.abs().to_numpy(), 0.5)))
    drawn = [
        _panel(
            votes[column], str(column), x=LABEL + panel * (place % across),
            y=height * (place // across), width=panel - GAP, reach=reach,
        )
        for place, column in enumerate(votes.columns)
    ]  # fmt: skip
    rows = -(-len(votes.columns) // across)
    labels = [
        f'<text x="0" y="{height * row + HEAD + LINE * (line + 0.72):.1f}" font-size="12">'
        f"{escape(plain(str(block)))}</text>"
        for row in range(rows)
        for line, block in enumerate(votes.index)
    ]
    sums = {
        WORDS.get(str(column), str(column)): number(total, decimals=1, signed=True)
        for column, total in votes.sum().items()
    }
    said = "; ".join(f"{story} {total}" for story, total in sums.items())
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-labelledby="{name}-title {name}-description" '
        f'viewBox="0 0 {width} {height * rows:.0f}">'
        f'<title id="{name}-title">Who votes for what</title>'
        f'<desc id="{name}-description">Log-odds against ordinary volatility, sums: '
        f"{escape(said)}.</desc>{''.join(labels)}{''.join(drawn)}</svg>"
    )


def _panel(
    votes: pd.Series, hypothesis: str, *, x: float, y: float, width: float, reach: float
) -> str:
    middle = x + width / 2
    title = REGISTRY[hypothesis].heading if hypothesis in REGISTRY else plain(hypothesis)
    fits = int(width / CHARACTER)
    if len(title) > fits:
        title = title[: max(fits - 1, 1)] + "…"
    parts = [
        f'<text x="{middle:.1f}" y="{y + 12:.1f}" font-size="11" text-anchor="middle">'
        f"{escape(title)}</text>",
        f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{y + HEAD - 3:.1f}" '
        f'y2="{y + HEAD + LINE * len(votes):.1f}" stroke="var(--chart-muted)"/>',
    ]
    for place, vote in enumerate(votes.to_numpy(dtype=np.float64)):
        top = y + HEAD + LINE * place
        if np.isnan(vote):
            parts.append(
                f'<circle cx="{middle:.1f}" cy="{top + LINE / 2:.1f}" r="2.5" '
                'fill="none" stroke="var(--chart-muted)"/>'
            )
            continue
        length = abs(vote) / reach * (width / 2 - 2)
        left = middle if vote >= 0 else middle - length
        role = FOR if vote >= 0 else AGAINST
        parts.append(
            f'<rect x="{left:.1f}" y="{top + 3:.1f}" width="{length:.1f}" '
            f'height="{LINE - 6:.1f}" fill="var(--chart-{role})"/>'
        )
    return "".join(parts)
