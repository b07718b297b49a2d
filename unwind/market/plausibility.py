"""Prices on one basis, without values that no market can have.

The screens read the vintages known at a cut-off, never one extract: a history in one file and the
same rows one per day give the same result, without look-ahead. A jump is a *seam*: rows before it
are scaled to the basis after it. If one ratio explains the jump, the return over it is the
remainder; otherwise that return is set aside until a second observation or a person confirms it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.contract.source import Fault
from unwind.market.basis import restatements
from unwind.market.confirmations import PERSON, VENDOR
from unwind.market.price_jumps import Jumps
from unwind.market.price_matrix import price_matrix
from unwind.market.seam_search import find_seams
from unwind.market.series_faults import frozen_faults, misdated, repeated_opens
from unwind.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlausiblePrices:
    """Prices after the screens.

    Attributes
    ----------
    rows : DataFrame
        One row per key of `prices`.
    set_aside : DataFrame of bool, sessions × symbols
        Returns that await confirmation.
    faults : tuple of Fault
    """

    rows: pd.DataFrame
    set_aside: pd.DataFrame
    faults: tuple[Fault, ...]


def plausible_prices(
    vintages: pd.DataFrame,
    prices: pd.DataFrame,
    *,
    symbols: tuple[str, ...],
    confirmations: pd.DataFrame,
    cutoff: pd.Timestamp,
    settings: Settings,
) -> PlausiblePrices:
    """Screen prices that were known at one cut-off.

    Parameters
    ----------
    vintages : DataFrame
        Every vintage known by the cut-off, sorted by key and known_at.
    prices : DataFrame
        The newest of them, one row per key, up to the session of the run.
    symbols : tuple of str
        Series that the run uses; rows of others are unchanged.
    confirmations : DataFrame
        From `read_confirmations`: moves that are not judged.
    cutoff : Timestamp, UTC
    settings : Settings

    Returns
    -------
    PlausiblePrices
    """
    matrix = price_matrix(prices, symbols)
    clock = settings.clock
    leaping = frozenset((*clock.index_levels, *clock.crypto_daily))
    jumps = Jumps(
        matrix, settings.plausibility, unsplit=leaping | set(clock.weekday), leaping=leaping
    )
    restated = {
        (int(row), int(column)): restatement
        for restatement in restatements(vintages[vintages["symbol"].isin(symbols)])
        for row in [matrix.sessions.searchsorted(restatement.first)]
        for column in [symbols.index(restatement.symbol)]
        if row < len(matrix.sessions)
    }
    known = confirmations[
        (confirmations["known_at"] <= cutoff) & confirmations["symbol"].isin(symbols)
    ]
    confirmed, agreed = known[known["by"] == PERSON], known[known["by"] == VENDOR]
    seams = find_seams(jumps, restated, confirmed=_moves(confirmed), agreed=_moves(agreed))
    wrong, faults = _unusable(jumps, settings)
    seams.wrong |= wrong
    frozen = frozen_faults(matrix, sessions=settings.sources.frozen_sessions)
    return PlausiblePrices(
        rows=seams.on_one_basis(prices),
        set_aside=pd.DataFrame(seams.set_aside, index=matrix.sessions, columns=list(symbols)),
        faults=(*seams.faults, *faults, *frozen),
    )


def _moves(rows: pd.DataFrame) -> dict[tuple[str, pd.Timestamp], str]:
    """Key confirmations by symbol and session; the values are their reasons."""
    return dict(zip(zip(rows["symbol"], rows["session"], strict=True), rows["reason"], strict=True))


def _unusable(jumps: Jumps, settings: Settings) -> tuple[NDArray[np.bool_], list[Fault]]:
    """Rows whose price belongs to another session, and their faults."""
    matrix, rules = jumps.matrix, settings.plausibility
    repeated = repeated_opens(matrix, rows=rules.repeat_rows, share=rules.repeat_share)
    late = misdated(
        jumps.z, window=rules.lag_window, lagged=rules.lagged_correlation,
        same_day=rules.same_day_correlation,
    )  # fmt: skip
    n_rows = (np.isfinite(matrix.values["close"]) | np.isfinite(matrix.values["adj_close"])).sum(
        axis=0
    )
    faults = []
    for rule, remedy, mask in (
        ("close_repeats_open", "ask the vendor for the price at the close", repeated),
        ("moves_one_session_late", "ask the vendor for the dates", late),
    ):
        n_wrong = mask.sum(axis=0)
        for column in np.flatnonzero(n_wrong):
            last = int(np.flatnonzero(mask[:, column])[-1])
            faults.append(
                Fault(
                    entity=matrix.symbols[column], rule=rule, severity="warning", column="close",
                    value=f"{n_wrong[column]} of {n_rows[column]} rows, set aside", remedy=remedy,
                    session=matrix.sessions[last],
                )
            )  # fmt: skip
    return late | repeated, faults
