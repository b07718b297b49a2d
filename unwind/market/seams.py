"""Seams of a price series: sessions at which its basis changes, and what becomes of the rows.

Rows before a seam are multiplied onto the basis after it. Where one ratio explains the jump, the
return over the seam is what is left; where none does, that return is set aside.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.contract.source import Fault
from unwind.market.basis import Restatement
from unwind.market.price_jumps import Jumps, is_unit, nearest_ratio, ratio_text
from unwind.market.price_matrix import BAR, Floats, PriceMatrix, moves

# Two slips that cancel agree to this share of their size.
REVERTED = 0.25
# Below it a day's own move hides whether a restated stretch begins with a jump.
SMALL_RATIO = 0.1
Cell = tuple[int, int]


@dataclass(slots=True, eq=False)
class Seams:
    """Log ratios by which the rows before a session are multiplied, and the faults behind them.

    Attributes
    ----------
    close, adj_close, volume : array of shape (n_sessions, n_symbols)
        `close` holds for open, high and low as well; 0 where there is no seam.
    set_aside : array of bool
        Returns that await confirmation.
    jumped : array of bool
        Seams at which close and adjusted close jump alike.
    wrong : array of bool
        Rows without a usable price.
    """

    matrix: PriceMatrix
    close: Floats = field(init=False)
    adj_close: Floats = field(init=False)
    volume: Floats = field(init=False)
    set_aside: NDArray[np.bool_] = field(init=False)
    jumped: NDArray[np.bool_] = field(init=False)
    wrong: NDArray[np.bool_] = field(init=False)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start without a seam."""
        shape = self.matrix.values["close"].shape
        self.close, self.adj_close, self.volume = (np.zeros(shape) for _ in range(3))
        self.set_aside, self.jumped, self.wrong = (np.zeros(shape, dtype=bool) for _ in range(3))

    def name(self, at: Cell, column: str, *, rule: str, value: str, remedy: str) -> None:
        """Add a warning on one row."""
        self.faults.append(
            Fault(
                entity=self.matrix.symbols[at[1]], rule=rule, severity="warning", value=value,
                remedy=remedy, column=column, session=self.matrix.sessions[at[0]],
            )
        )  # fmt: skip

    def on_one_basis(self, prices: pd.DataFrame) -> pd.DataFrame:
        """Return the rows on the basis of the newest; without the prices that are wrong."""
        steps = (self.close, self.adj_close, self.volume)
        columns = np.flatnonzero(
            self.wrong.any(axis=0) | np.any([(s != 0).any(axis=0) for s in steps], axis=0)
        )
        if not len(columns):
            return prices
        out, sessions = prices.copy(), self.matrix.sessions
        for column in columns:
            own = (out["symbol"] == self.matrix.symbols[column]).to_numpy()
            days = pd.DatetimeIndex(out.loc[own, "session"])
            # A row of a closed day is on the basis of the session before it.
            row = np.maximum(sessions.searchsorted(days, side="right") - 1, 0)
            wrong = self.wrong[row, column] & (sessions[row] == days)
            for name in (*BAR, "adj_close", "volume"):
                of = name if name in ("adj_close", "volume") else "close"
                step = getattr(self, of)[:, column]
                # Seams after a row apply to it, its own does not.
                factor = np.exp(step[::-1].cumsum()[::-1] - step)[row]
                values = out.loc[own, name].to_numpy(np.float64) * factor
                out.loc[own, name] = np.where(wrong & (name != "volume"), np.nan, values)
        return out


def find_seams(
    jumps: Jumps,
    restated: dict[Cell, Restatement],
    confirmed: frozenset[tuple[str, pd.Timestamp]],
) -> Seams:
    """Judge every suspect row in the order of sessions.

    Parameters
    ----------
    jumps : Jumps
    restated : dict of (row, column) to Restatement
        Where a restated stretch begins.
    confirmed : frozenset of (symbol, session)
        Moves that are not judged.
    """
    matrix, rules = jumps.matrix, jumps.rules
    seams = Seams(matrix)
    close, adjusted = (moves(matrix.values[name]) for name in ("close", "adj_close"))
    excess = np.where(close.previous == adjusted.previous, adjusted.change - close.change, np.nan)
    slip = _slips(excess, tolerance=rules.adjustment_tolerance)
    contradiction = slip | (excess < -rules.adjustment_tolerance) | (excess > rules.max_dividend)
    suspect = contradiction.copy()
    for change in (close.change, adjusted.change):
        size = np.abs(change)
        with np.errstate(invalid="ignore"):
            rare = size > rules.min_sigmas * jumps.sigma
            suspect |= (size >= rules.impossible_jump) | ((size >= rules.min_jump) & rare)
    for key in restated:
        suspect[key] = True
    for row, column in zip(*np.nonzero(suspect), strict=True):
        at = (int(row), int(column))
        if (matrix.symbols[at[1]], matrix.sessions[at[0]]) in confirmed:
            continue
        plain, own = float(close.change[at]), float(adjusted.change[at])
        if at in restated and _restate(seams, at, restated[at], plain, own):
            continue
        faulty = [
            jumps.is_fault(*at, change, sessions=at[0] - int(of.previous[at]))
            for of, change in ((close, plain), (adjusted, own))
        ]
        of, wrong = (adjusted, faulty[1]) if np.isfinite(own) else (close, faulty[0])
        before = (int(of.previous[at]), at[1])
        if (
            not slip[at]
            and before[0] > 0
            and _revert(
                jumps,
                seams,
                before,
                at,
                float(of.change[before]),
                float(of.change[at]),
                faulty=wrong,
            )
        ):
            continue
        if np.isfinite(plain) and np.isfinite(own) and not all(faulty):
            _contradict(
                seams, at, plain, own, faulty,
                contradicts=bool(contradiction[at]), slip=bool(slip[at]),
            )  # fmt: skip
        elif any(faulty):
            _jump(jumps, seams, at, plain, own, explained=not contradiction[at])
    return seams


def _slips(excess: Floats, *, tolerance: float) -> NDArray[np.bool_]:
    """Mark both rows of an adjusted close that leaves its close and comes back."""
    large = np.abs(excess) > tolerance
    back = large[1:] & large[:-1]
    back &= np.abs(excess[1:] + excess[:-1]) < REVERTED * np.abs(excess[:-1])
    slips = np.zeros(excess.shape, dtype=bool)
    slips[1:] |= back
    slips[:-1] |= back
    return slips


def _contradict(
    seams: Seams,
    at: Cell,
    plain: float,
    own: float,
    faulty: list[bool],
    *,
    contradicts: bool,
    slip: bool,
) -> None:
    """Find which of close and adjusted close is wrong where they contradict each other."""
    close_fault, own_fault = faulty
    both = f"adj_close {np.expm1(own):+.2%}, close {np.expm1(plain):+.2%}"
    if close_fault and not slip:
        if not contradicts:
            return  # a distribution, which the adjusted close took in
        seams.close[at] = plain - own
        if not is_unit(nearest_ratio(plain - own)):
            seams.volume[at] = own - plain
        seams.name(
            at, "close", rule="not adjusted for a split",
            value=f"{both}; earlier closes and volumes were brought onto the new basis",
            remedy="ask the vendor: close must be adjusted for splits",
        )  # fmt: skip
        return
    large_distribution = 0 < own - plain > 2 * abs(own) and not slip
    if not (contradicts or own_fault) or (large_distribution and not own_fault):
        return
    seams.adj_close[at] = own - plain
    seams.name(
        at, "adj_close", rule="contradicts close",
        value=f"{both}; the return of close is used",
        remedy="ask the vendor: the two differ by dividends and splits alone",
    )  # fmt: skip


def _jump(
    jumps: Jumps, seams: Seams, at: Cell, plain: float, own: float, *, explained: bool
) -> None:
    """Take the ratio out of a jump, or set its return aside."""
    of, change = ("adj_close", own) if np.isfinite(own) else ("close", plain)
    # Two columns that jump by different ratios are explained by none.
    ratio = jumps.ratio(*at, change) if explained else None
    seams.jumped[at], seams.set_aside[at] = True, ratio is None
    for steps, move in ((seams.close, plain), (seams.adj_close, own)):
        if np.isfinite(move):
            steps[at] = move if ratio is None else ratio
    confirm = (
        f"if it is real: unwind confirm {jumps.matrix.symbols[at[1]]} "
        f"{jumps.matrix.sessions[at[0]]:%Y-%m-%d} --reason …"
    )
    if ratio is None:
        seams.name(
            at, of, rule="unconfirmed move",
            value=f"times {np.exp(change):.4g}, {_in_sigmas(jumps, at, change)}; set aside",
            remedy=f"ask the vendor; {confirm}",
        )  # fmt: skip
        return
    if not is_unit(ratio):
        seams.volume[at] = -ratio
    seams.name(
        at, of, rule="unadjusted split or change of unit",
        value=f"times {np.exp(change):.4g}, {ratio_text(ratio)}; "
        f"{np.expm1(change - ratio):+.2%} without it",
        remedy=f"ask the vendor: earlier rows must be on the same basis; {confirm}",
    )  # fmt: skip


def _revert(
    jumps: Jumps, seams: Seams, before: Cell, at: Cell, first: float, second: float, *, faulty: bool
) -> bool:
    """Drop the one price between a jump and its way back; False where there is no such price.

    A change of unit for one row is taken out exactly, by the rule of its ratio.
    """
    known = bool(seams.jumped[before])
    if not (faulty or known) or not abs(first + second) < REVERTED * abs(second):
        return False
    step = float(seams.adj_close[before] or seams.close[before])
    if known and not seams.set_aside[before] and is_unit(step):
        return False
    for steps in (seams.close, seams.adj_close, seams.volume):
        steps[before] = 0.0
    seams.set_aside[before], seams.wrong[before] = False, True
    for cell, change in ((before, first), (at, second)):
        if cell == before and known:
            continue
        seams.name(
            cell, "close", rule="unconfirmed move",
            value=f"times {np.exp(change):.4g}, {_in_sigmas(jumps, cell, change)}; "
            f"the price of {jumps.matrix.sessions[before[0]]:%Y-%m-%d} is set aside",
            remedy="ask the vendor for the price of that session",
        )  # fmt: skip
    return True


def _restate(seams: Seams, at: Cell, found: Restatement, plain: float, own: float) -> bool:
    """Bring the rows before a restated stretch onto its basis; False where it was a correction.

    A correction of a wrong stretch leaves no jump at its beginning, a restatement does.
    """
    if not np.isfinite(plain):
        return False
    if abs(found.close) > SMALL_RATIO and abs(plain - found.close) > abs(plain):
        return False
    seams.close[at] = found.close
    seams.volume[at] = found.volume if np.isfinite(found.volume) else 0.0
    if np.isfinite(own):
        # An adjusted close is kept on the basis of the rows before it where the two overlap.
        adjusted = found.adj_close if np.isfinite(found.adj_close) else found.close
        seams.adj_close[at] = adjusted if abs(own - adjusted) < abs(own) else 0.0
    seams.name(
        at, "close", rule="restated in part",
        value=f"times {np.exp(found.close):.4g} from here on; earlier rows were brought onto it",
        remedy="ask the vendor for the whole history",
    )  # fmt: skip
    return True


def _in_sigmas(jumps: Jumps, at: Cell, change: float) -> str:
    sigma = jumps.sigma[at]
    return f"{abs(change) / sigma:.0f} σ" if np.isfinite(sigma) else "without a σ to judge it by"
