"""Moves of one price series that no market makes: judged by its own σ, its class and its bar.

A crash is spread over its bar, trades a multiple of the usual volume, or takes its class along. A
split, a change of unit or a slip of the pen happens overnight, alone, and in an ordinary bar.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from unwind.market.price_matrix import Floats, PriceMatrix, moves
from unwind.settings.plausibility import Plausibility

# Shares after over shares before a split; below 3:2 a day's own move may pass for another ratio.
# Units: pence and pounds, and thousands.
SPLITS = (1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50)
UNITS = (100.0, 1000.0)
RATIOS = np.log(np.array(sorted((*SPLITS, *UNITS))))
# Peers of a series: so many of the series that it is most correlated with, from this |ρ| on.
N_PEERS, MIN_PEER_CORRELATION = 4, 0.35
# Earlier bars that a bar's range and volume are compared with, and the fewest of them.
BAR_WINDOW, MIN_BARS = 63, 10
# Least residual σ, relative to the series' own: two series of one asset still differ.
MIN_RESIDUAL = 0.3
# A ratio explains a jump when what is left lies within so many σ, or is so small a share of what
# the next ratio leaves; it is at most this log return, and no other ratio comes within so many σ.
EXPLAINED_SIGMAS, CLEAR, EXPLAINED, APART_SIGMAS = 3.0, 0.1, 0.06, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """The series that one series moves with, on one session.

    Attributes
    ----------
    expected : float
        Log return that they let expect.
    support : float
        Their second largest move in the direction of the jump, in σ.
    residual : float
        σ of the series given its closest peer, relative to its own.
    """

    expected: float
    support: float
    residual: float


@dataclass(frozen=True, slots=True, eq=False)
class Jumps:
    """Plausibility of single moves in a matrix of prices.

    Parameters
    ----------
    matrix : PriceMatrix
    rules : Plausibility
    unsplit : frozenset of str
        Currencies, coins and index levels: only a change of unit explains a jump of theirs.
    leaping : frozenset of str
        Those of them that leap as no fund does: a move below `impossible_jump` stands.

    Notes
    -----
    The baseline of row *t* ends at *t* − 1. A move that is judged at *t* is judged again with the
    bar of *t* + 1 once that is known.
    """

    matrix: PriceMatrix
    rules: Plausibility
    unsplit: frozenset[str]
    leaping: frozenset[str]
    sigma: Floats = field(init=False)
    z: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Compute σ and z of every move once."""
        adjusted = moves(self.matrix.values["adj_close"]).change
        plain = moves(self.matrix.values["close"]).change
        returns = np.where(np.isfinite(adjusted), adjusted, plain)
        median = (
            pd.DataFrame(np.abs(returns))
            .rolling(self.rules.window, min_periods=self.rules.min_observations)
            .median()
            .shift()
            .to_numpy()
        )
        # A series that mostly stands still has no σ to judge by.
        sigma = np.where(median > 0, 1.4826 * median, np.nan)
        object.__setattr__(self, "sigma", sigma)
        object.__setattr__(self, "z", returns / sigma)

    def is_fault(self, row: int, column: int, change: float, *, sessions: int) -> bool:
        """Whether a move is one that no market makes.

        Parameters
        ----------
        row, column : int
        change : float
            Log change to `row` from the observation before.
        sessions : int
            Sessions that it spans.
        """
        size, rules = abs(change), self.rules
        if not np.isfinite(change) or size < rules.min_jump:
            return False
        if size >= rules.impossible_jump:
            return True
        if self.matrix.symbols[column] in self.leaping:
            return False
        sigma = self.sigma[row, column] * np.sqrt(sessions)
        large = size >= rules.large_jump
        if not size > rules.min_sigmas * sigma or self._supported(row, column, size, large=large):
            return False
        peers = self.peers(row, column, change)
        excess = (size / sigma - max(peers.support, 0.0)) / peers.residual
        if not excess > (rules.large_sigmas if large else rules.sigmas):
            return False
        # Closes alone show neither a gap nor a quiet bar: only an exact ratio speaks against them.
        return self._has_bar(row, column) or self.ratio(row, column, change) is not None

    def peers(self, row: int, column: int, change: float) -> Peers:
        """Moves on one session of the series that this one moved with before it."""
        past = np.nan_to_num(np.clip(self.z[max(0, row - self.rules.window) : row], -4, 4))
        own = past[:, column]
        norms = np.sqrt((past**2).sum(axis=0) * (own**2).sum())
        rho = np.divide(own @ past, norms, out=np.zeros_like(norms), where=norms > 0)
        rho[column] = 0.0
        rho[~np.isfinite(self.z[row])] = 0.0
        closest = np.argsort(-np.abs(rho), kind="stable")[:N_PEERS]
        closest = closest[np.abs(rho[closest]) >= MIN_PEER_CORRELATION]
        if not len(closest):
            return Peers(expected=0.0, support=0.0, residual=1.0)
        z = self.z[row, closest]
        alike = np.sort(np.sign(rho[closest]) * z * np.sign(change))[::-1]
        sigma = self.sigma[row, column]
        return Peers(
            expected=float(np.median(rho[closest] * z)) * (sigma if np.isfinite(sigma) else 0.0),
            support=float(alike[min(1, len(alike) - 1)]),
            residual=float(max(MIN_RESIDUAL, np.sqrt(1 - min(1.0, np.abs(rho).max()) ** 2))),
        )

    def ratio(self, row: int, column: int, change: float) -> float | None:
        """Log ratio of the split or the unit that explains a jump; None where none alone does."""
        sigma = self.sigma[row, column]
        sigma = float(sigma) if np.isfinite(sigma) else 0.01
        ratios = np.log(UNITS) if self.matrix.symbols[column] in self.unsplit else RATIOS
        left = np.abs(change - np.sign(change) * ratios - self.peers(row, column, change).expected)
        best, second = np.argsort(left, kind="stable")[:2]
        near = max(EXPLAINED_SIGMAS * sigma, CLEAR * float(left[second]))
        alone = left[second] >= left[best] + APART_SIGMAS * sigma
        explained = left[best] <= min(near, EXPLAINED) and alone
        return float(np.sign(change) * ratios[best]) if explained else None

    def _supported(self, row: int, column: int, size: float, *, large: bool) -> bool:
        """Whether a bar shows that the market itself made the move."""
        span, breadth, trade = self._bar(row, column)
        if span >= self.rules.spanned_share * size:
            return True
        if large:
            return breadth >= 2 * self.rules.wide_bar and trade >= self.rules.busy_bar
        if not np.isfinite(breadth):
            return True
        following = self._bar(row + 1, column) if row + 1 < len(self.z) else (0.0, 0.0, 0.0)
        return bool(
            max(breadth, following[1]) >= self.rules.wide_bar
            or np.fmax(trade, following[2]) >= self.rules.busy_bar
        )

    def _has_bar(self, row: int, column: int) -> bool:
        return bool(
            self.matrix.values["high"][row, column] > self.matrix.values["low"][row, column]
        )

    def _bar(self, row: int, column: int) -> tuple[float, float, float]:
        """Log range of a bar, range over its usual, volume over its usual; NaN where unknown."""
        values, past = self.matrix.values, slice(max(0, row - BAR_WINDOW), row)
        with np.errstate(divide="ignore", invalid="ignore"):
            spans = np.log(values["high"][:, column] / values["low"][:, column])
        shares = values["volume"][:, column]
        dollars = shares * values["close"][:, column]
        # A split multiplies shares and leaves dollars; a change of unit the other way round.
        trade = min(_over_usual(shares, row, past), _over_usual(dollars, row, past))
        return float(spans[row]), _over_usual(spans, row, past), trade


def _over_usual(values: Floats, row: int, past: slice) -> float:
    earlier = values[past]
    earlier = earlier[np.isfinite(earlier) & (earlier > 0)]
    if len(earlier) < MIN_BARS or not values[row] > 0:
        return float("nan")
    return float(values[row] / np.median(earlier))


def nearest_ratio(change: float) -> float:
    """Log of the ratio of a split or a unit that lies nearest to a log change."""
    return float(np.sign(change) * RATIOS[np.argmin(np.abs(abs(change) - RATIOS))])


def is_unit(log_ratio: float) -> bool:
    """Whether a ratio is a change of unit, which no volume follows."""
    return bool(np.isclose(np.exp(abs(log_ratio)), UNITS, rtol=1e-9).any())


def ratio_text(log_ratio: float) -> str:
    """Write a ratio as a desk names it."""
    size = np.exp(abs(log_ratio))
    if is_unit(log_ratio):
        return f"like a change of unit by {size:.0f}"
    return f"like a split of {size:.4g}"
