"""Search for changes of basis in a price series: jumps, contradictions, restatements.

If one ratio explains a jump, the return over the seam is the remainder; otherwise that return is
set aside.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.market.basis import Restatement
from unwind.market.price_jumps import Jumps, is_unit, nearest_ratio, ratio_text
from unwind.market.price_matrix import Floats, moves
from unwind.market.seams import Cell, Seams

# Two errors that cancel agree to this share of their size.
REVERTED = 0.25
# Below it a daily move hides whether a restated stretch begins with a jump.
SMALL_RATIO = 0.1


def find_seams(
    jumps: Jumps,
    restated: Mapping[Cell, Restatement],
    *,
    confirmed: Mapping[tuple[str, pd.Timestamp], str],
    agreed: Mapping[tuple[str, pd.Timestamp], str],
) -> Seams:
    """Classify every suspect row in the order of sessions.

    Parameters
    ----------
    jumps : Jumps
    restated : dict of (row, column) to Restatement
        First rows of restated stretches.
    confirmed : mapping of (symbol, session) to str
        Moves that a person confirmed, with the reason: they are accepted.
    agreed : mapping of the same form
        Moves that two vendors report alike. Both may lack one adjustment: a ratio is still a fault.
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
        move = (matrix.symbols[at[1]], matrix.sessions[at[0]])
        if move in confirmed:
            seams.confirm(at, confirmed[move])
            continue
        plain, own = float(close.change[at]), float(adjusted.change[at])
        if at in restated and _restate(seams, at, restated[at], plain, own):
            continue
        faulty = [
            jumps.is_fault(*at, change, sessions=at[0] - int(of.previous[at]))
            for of, change in ((close, plain), (adjusted, own))
        ]
        jump = own if np.isfinite(own) else plain
        shared = move in agreed and not contradiction[at] and abs(jump) < rules.impossible_jump
        if shared and any(faulty) and jumps.ratio(*at, jump) is None:
            seams.confirm(at, agreed[move])
            continue
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
    """Mark both rows of an adjusted close that leaves its close and returns."""
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
    """Decide which of close and adjusted close is wrong if they contradict each other."""
    close_fault, own_fault = faulty
    both = f"adj_close {np.expm1(own):+.2%}, close {np.expm1(plain):+.2%}"
    if close_fault and not slip:
        if not contradicts:
            return  # a distribution, included in the adjusted close
        seams.close[at] = plain - own
        if not is_unit(nearest_ratio(plain - own)):
            seams.volume[at] = own - plain
        seams.name(
            at, "close", rule="unadjusted_split",
            value=f"{both}; earlier closes and volumes are scaled to the new basis",
            remedy="ask the vendor: close must be adjusted for splits",
        )  # fmt: skip
        return
    large_distribution = 0 < own - plain > 2 * abs(own) and not slip
    if not (contradicts or own_fault) or (large_distribution and not own_fault):
        return
    seams.adj_close[at] = own - plain
    seams.name(
        at, "adj_close", rule="adj_close_contradicts_close",
        value=f"{both}; the return of close is used",
        remedy="ask the vendor: the two differ by dividends and splits alone",
    )  # fmt: skip


def _jump(
    jumps: Jumps, seams: Seams, at: Cell, plain: float, own: float, *, explained: bool
) -> None:
    """Remove the ratio from a jump, or set its return aside."""
    of, change = ("adj_close", own) if np.isfinite(own) else ("close", plain)
    # No ratio explains two columns that jump differently.
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
            at, of, rule="unconfirmed_move",
            value=f"times {np.exp(change):.4g}, {_in_sigmas(jumps, at, change)}; set aside",
            remedy=f"ask the vendor; {confirm}",
        )  # fmt: skip
        return
    if not is_unit(ratio):
        seams.volume[at] = -ratio
    seams.name(
        at, of, rule="split_or_unit_change",
        value=f"times {np.exp(change):.4g}, {ratio_text(ratio)}; "
        f"{np.expm1(change - ratio):+.2%} without it",
        remedy=f"ask the vendor: earlier rows must be on the same basis; {confirm}",
    )  # fmt: skip


def _revert(
    jumps: Jumps, seams: Seams, before: Cell, at: Cell, first: float, second: float, *, faulty: bool
) -> bool:
    """Drop the one price between a jump and its reversal; False if there is no such price.

    A change of unit for one row is removed exactly, by its ratio.
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
            cell, "close", rule="unconfirmed_move",
            value=f"times {np.exp(change):.4g}, {_in_sigmas(jumps, cell, change)}; "
            f"the price of {jumps.matrix.sessions[before[0]]:%Y-%m-%d} is set aside",
            remedy="ask the vendor for the price of that session",
        )  # fmt: skip
    return True


def _restate(seams: Seams, at: Cell, restatement: Restatement, plain: float, own: float) -> bool:
    """Scale the rows before a restated stretch to its basis; False if it was a correction.

    A correction of a wrong stretch leaves no jump at its beginning; a restatement does.
    """
    if not np.isfinite(plain):
        return False
    if abs(restatement.close) > SMALL_RATIO and abs(plain - restatement.close) > abs(plain):
        return False
    seams.close[at] = restatement.close
    seams.volume[at] = restatement.volume if np.isfinite(restatement.volume) else 0.0
    if np.isfinite(own):
        # An adjusted close keeps the basis of earlier rows if the two overlap.
        adjusted = (
            restatement.adj_close if np.isfinite(restatement.adj_close) else restatement.close
        )
        seams.adj_close[at] = adjusted if abs(own - adjusted) < abs(own) else 0.0
    seams.name(
        at, "close", rule="partial_restatement",
        value=f"times {np.exp(restatement.close):.4g} from here on; earlier rows are scaled to it",
        remedy="ask the vendor for the whole history",
    )  # fmt: skip
    return True


def _in_sigmas(jumps: Jumps, at: Cell, change: float) -> str:
    sigma = jumps.sigma[at]
    return f"{abs(change) / sigma:.0f} σ" if np.isfinite(sigma) else "no σ available"
