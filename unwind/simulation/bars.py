"""Open, high, low and close."""

import numpy as np

from unwind.simulation.path import Path
from unwind.simulation.processes import Floats


def bar_columns(bars: Floats) -> dict[str, Floats]:
    """Name the columns of an array of bars."""
    return dict(zip(("open", "high", "low", "close"), bars.T, strict=True))


def bars_around(close: Floats, start: float, generator: np.random.Generator) -> Floats:
    """Return bars around daily closes: a third of each move comes overnight.

    `start` is the level before the first close.
    """
    before = np.concatenate(([start], close[:-1]))
    move = np.log(close / before)
    noise = generator.standard_normal((len(close), 3)) * (0.3 * np.abs(move) + 0.003)[:, None]
    opening = before * np.exp(0.35 * move + 0.3 * noise[:, 0])
    high = np.maximum(opening, close) * np.exp(0.5 * np.abs(noise[:, 1]))
    low = np.minimum(opening, close) * np.exp(-0.5 * np.abs(noise[:, 2]))
    return np.column_stack([opening, high, low, close])


def utc_bars(path: Path, symbol: str, *, hours: int) -> Floats:
    """Return bars of the first hours of each UTC day."""
    day = path.bars[symbol].reshape(-1, 24, 4)[:, :hours]
    return np.column_stack(
        [day[:, 0, 0], day[:, :, 1].max(axis=1), day[:, :, 2].min(axis=1), day[:, -1, 3]]
    )
