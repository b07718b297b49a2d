"""Regimes of every session from parameters that never saw it: estimate rarely, filter daily."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from models.errors import NotEnoughData
from models.jump_model import JumpFit, fit_jump_model, online_costs
from models.markov_switching import MarkovFit, filtered_probabilities, fit_markov_switching
from models.state_alignment import aligned, matching_order


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RegimePath:
    """States of every session after the first estimate.

    Attributes
    ----------
    values : DataFrame of shape (n, n_states)
        Markov switching: filtered probabilities. Jump model: online costs, 0 for the state.
    estimated_to : Series of shape (n,)
        Last row that the parameters in force at *t* have seen.
    estimates : tuple of MarkovFit or JumpFit
        What is in force after each re-estimation, states aligned with those of the one before.
    """

    values: pd.DataFrame
    estimated_to: pd.Series
    estimates: tuple[MarkovFit | JumpFit, ...]


def walk_forward_markov(
    observations: pd.DataFrame,
    *,
    every: int,
    window: int,
    min_observations: int,
    states: int,
    innovation: str,
    correlated: bool,
    starts: int,
    seed: int,
) -> RegimePath:
    """Filter with parameters re-estimated every `every` rows on at most `window` rows before.

    Each estimate climbs from the one before too, and its states carry the names that the one before
    gave them; one that did not converge leaves the one before in force. The filter begins anew at
    the window's first row. Value at *t*: parameters on rows up to `estimated_to` < *t*, filter on
    rows up to *t*.

    Raises
    ------
    NotEnoughData
        No row follows the first estimate.
    ValueError
        As in `fit_markov_switching`; `every` below 1; `window` below `min_observations`.
    """
    _refuse(len(observations), every=every, window=window, min_observations=min_observations)
    parts, estimates, ends, seen = [], [], [], 0
    before: MarkovFit | None = None
    for end in range(min_observations, len(observations), every):
        first = max(0, end - window)
        fit = fit_markov_switching(
            observations.iloc[first:end], states=states, innovation=innovation,
            correlated=correlated, starts=starts, seed=seed, warm=before,
            min_observations=min(min_observations, end - first) // 2,
        )  # fmt: skip
        if before is None or fit.converged:
            before, seen = fit if before is None else aligned(before, fit), end - 1
        estimates.append(before)
        ends.append(seen)
        parts.append(
            filtered_probabilities(observations.iloc[first : end + every], before).iloc[
                end - first :
            ]
        )
    return _joined(observations.index, parts, estimates, ends)


def walk_forward_jump(
    features: pd.DataFrame,
    *,
    every: int,
    window: int,
    min_observations: int,
    states: int,
    penalty: float,
    cap: float,
    order_by: str,
    starts: int,
    seed: int,
) -> RegimePath:
    """Run the online recursion on centres re-estimated every `every` rows; else as above."""
    _refuse(len(features), every=every, window=window, min_observations=min_observations)
    parts, estimates, ends, seen = [], [], [], 0
    before: JumpFit | None = None
    for end in range(min_observations, len(features), every):
        first = max(0, end - window)
        fit = fit_jump_model(
            features.iloc[first:end], states=states, penalty=penalty, cap=cap, order_by=order_by,
            starts=starts, seed=seed, min_observations=min(min_observations, end - first) // 2,
            warm=before,
        )  # fmt: skip
        if before is None:
            before, seen = fit, end - 1
        elif fit.converged:
            unit = before.scale.to_numpy()
            order = matching_order(before.places() / unit, fit.places() / unit)
            before, seen = fit.permuted(order), end - 1
        estimates.append(before)
        ends.append(seen)
        parts.append(online_costs(features.iloc[first : end + every], before).iloc[end - first :])
    return _joined(features.index, parts, estimates, ends)


def _refuse(rows: int, *, every: int, window: int, min_observations: int) -> None:
    if every < 1:
        raise ValueError(f"every must be at least 1 row, got {every}")
    if window < min_observations:
        raise ValueError(
            f"window must be at least min_observations {min_observations}, got {window}"
        )
    if rows <= min_observations:
        raise NotEnoughData(need=min_observations + 1, got=rows, what="a walk through regimes")


def _joined(
    index: pd.Index, parts: list[pd.DataFrame], estimates: list[MarkovFit] | list[JumpFit],
    ends: list[int],
) -> RegimePath:  # fmt: skip
    values = pd.concat(parts)
    seen = np.repeat(ends, [len(part) for part in parts])
    return RegimePath(
        values=values,
        estimated_to=pd.Series(index[seen], index=values.index),
        estimates=tuple(estimates),
    )
