"""Implausible moves of one price series, judged by its own σ, its peers and its bar.

A crash spans its bar, trades a multiple of the usual volume, or moves its peers too. A split, a
change of unit or a typing error happens overnight, in one series, and in an ordinary bar.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from unwind.market.price_matrix import Floats, PriceMatrix, moves
from unwind.settings.plausibility import Plausibility

# Shares after over shares before a split; below 3:2 a daily move may look like another ratio.
# Units: pence and pounds, and thousands.
SPLITS = (1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 20, 25, 30, 40, 50)
UNITS = (100.0, 1000.0)
RATIOS = np.log(np.array(sorted((*SPLITS, *UNITS))))
# Peers of a series: the number of its most correlated series, and their least |ρ|.
N_PEERS, MIN_PEER_CORRELATION = 4, 0.35
# Earlier bars for the usual range and volume, and their minimum number.
BAR_WINDOW, MIN_BARS = 63, 10
# Least residual σ, relative to the series' own: two series of one asset still differ.
MIN_RESIDUAL = 0.3
# A ratio explains a jump if the remainder is within EXPLAINED_SIGMAS σ, or within CLEAR times the
# remainder of the next ratio; at most EXPLAINED, and no other ratio within APART_SIGMAS σ.
EXPLAINED_SIGMAS, CLEAR, EXPLAINED, APART_SIGMAS = 3.0, 0.1, 0.06, 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """Moves of a series' peers on one session.

    Attributes
    ----------
    expected : float
        Expected log return given the peers.
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
        Those of them with larger jumps than funds: a move below `impossible_jump` is accepted.

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
        # A series that is mostly unchanged has no usable σ.
        sigma = np.where(median > 0, 1.4826 * median, np.nan)
        object.__setattr__(self, "sigma", sigma)
        object.__setattr__(self, "z", returns / sigma)

    def is_fault(self, row: int, column: int, change: float, *, sessions: int) -> bool:
        """Return True if a move is implausible in a market.

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
        # Closes alone show neither a gap nor a quiet bar: only an exact ratio shows a fault.
        return self._has_bar(row, column) or self.ratio(row, column, change) is not None

    def peers(self, row: int, column: int, change: float) -> Peers:
        """Moves of the peers on one session; peers are selected on earlier sessions."""
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
        support = np.sort(np.sign(rho[closest]) * z * np.sign(change))[::-1]
        sigma = self.sigma[row, column]
        return Peers(
            expected=float(np.median(rho[closest] * z)) * (sigma if np.isfinite(sigma) else 0.0),
            support=float(support[min(1, len(support) - 1)]),
            residual=float(max(MIN_RESIDUAL, np.sqrt(1 - min(1.0, np.abs(rho).max()) ** 2))),
        )

    def ratio(self, row: int, column: int, change: float) -> float | None:
        """Log ratio of the split or unit that explains a jump; None if none or several do."""
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
        """Return True if a bar shows that the move was traded."""
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
        # A split multiplies shares and leaves dollars; a change of unit does the opposite.
        trade = min(_over_usual(shares, row, past), _over_usual(dollars, row, past))
        return float(spans[row]), _over_usual(spans, row, past), trade


def _over_usual(values: Floats, row: int, past: slice) -> float:
    earlier = values[past]
    earlier = earlier[np.isfinite(earlier) & (earlier > 0)]
    if len(earlier) < MIN_BARS or not values[row] > 0:
        return float("nan")
    return float(values[row] / np.median(earlier))


def nearest_ratio(change: float) -> float:
    """Log of the split or unit ratio nearest to a log change."""
    return float(np.sign(change) * RATIOS[np.argmin(np.abs(abs(change) - RATIOS))])


def is_unit(log_ratio: float) -> bool:
    """Return True if a ratio is a change of unit, which leaves the volume unchanged."""
    return bool(np.isclose(np.exp(abs(log_ratio)), UNITS, rtol=1e-9).any())


def ratio_text(log_ratio: float) -> str:
    """Write a ratio in words."""
    size = np.exp(abs(log_ratio))
    if is_unit(log_ratio):
        return f"like a change of unit by {size:.0f}"
    return f"like a split of {size:.4g}"
