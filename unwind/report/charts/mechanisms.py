"""Chart of the evidence by block as an SVG string.

The SVG is written directly: bars need no plotting library. Colours are the page's variables.
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


def contribution_chart(contributions: pd.DataFrame, *, width: int, name: str) -> str:
    """Draw contributions to the log-odds: one panel per hypothesis, one bar per block.

    Parameters
    ----------
    contributions : DataFrame of shape (n_blocks, n_hypotheses)
        Log-odds relative to ordinary volatility; a row of NaN has no data. Bars right of zero
        support the hypothesis. All panels have one scale.
    width : int
        In CSS pixels; panels are side by side if they fit, otherwise below each other.
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
    if contributions.empty:
        raise ValueError("contributions need a block and a hypothesis, got none; omit the chart")
    across = len(contributions.columns) if width >= 600 else 1
    panel = (width - LABEL) / across
    height = HEAD + LINE * len(contributions) + GAP
    reach = float(np.nanmax(np.append(contributions.abs().to_numpy(), 0.5)))
    drawn = [
        _panel(
            contributions[column], str(column), x=LABEL + panel * (index % across),
            y=height * (index // across), width=panel - GAP, reach=reach,
        )
        for index, column in enumerate(contributions.columns)
    ]  # fmt: skip
    rows = -(-len(contributions.columns) // across)
    labels = [
        f'<text x="0" y="{height * row + HEAD + LINE * (line + 0.72):.1f}" font-size="12">'
        f"{escape(plain(str(block)))}</text>"
        for row in range(rows)
        for line, block in enumerate(contributions.index)
    ]
    sums = {
        WORDS.get(str(column), str(column)): number(total, decimals=1, signed=True)
        for column, total in contributions.sum().items()
    }
    sums_text = "; ".join(f"{hypothesis} {total}" for hypothesis, total in sums.items())
    return (
        f'<svg class="chart" xmlns="http://www.w3.org/2000/svg" role="img" '
        f'aria-labelledby="{name}-title {name}-description" '
        f'viewBox="0 0 {width} {height * rows:.0f}">'
        f'<title id="{name}-title">Evidence by block</title>'
        f'<desc id="{name}-description">Log-odds relative to ordinary volatility, sums: '
        f"{escape(sums_text)}.</desc>{''.join(labels)}{''.join(drawn)}</svg>"
    )


def _panel(
    contributions: pd.Series, hypothesis: str, *, x: float, y: float, width: float, reach: float
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
        f'y2="{y + HEAD + LINE * len(contributions):.1f}" stroke="var(--chart-muted)"/>',
    ]
    for index, contribution in enumerate(contributions.to_numpy(dtype=np.float64)):
        top = y + HEAD + LINE * index
        if np.isnan(contribution):
            parts.append(
                f'<circle cx="{middle:.1f}" cy="{top + LINE / 2:.1f}" r="2.5" '
                'fill="none" stroke="var(--chart-muted)"/>'
            )
            continue
        length = abs(contribution) / reach * (width / 2 - 2)
        left = middle if contribution >= 0 else middle - length
        role = FOR if contribution >= 0 else AGAINST
        parts.append(
            f'<rect x="{left:.1f}" y="{top + 3:.1f}" width="{length:.1f}" '
            f'height="{LINE - 6:.1f}" fill="var(--chart-{role})"/>'
        )
    return "".join(parts)
