"""Statistical jump model: states by distance to centres, with a price on every change of state."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import NotEnoughData
from models.jump_kernels import descend, forward_costs, losses

Array = NDArray[np.float64]
Path = NDArray[np.int64]

MAD_TO_SIGMA = 1.4826
MOST_ROUNDS = 300
AGREES = 1e-6  # of the loss, relative


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class JumpFit:
    """One estimate; states in the order of their centre in the feature `order_by`.

    Attributes
    ----------
    centres : DataFrame of shape (n_states, n_features)
        On the standardised scale.
    location, scale : Series of shape (n_features,)
        Median and 1.4826·MAD of the rows estimated on.
    cap : float
        Standardised features are held within ±cap.
    penalty : float
        λ, in half squared standardised units.
    loss : float
        Σ_t ½‖x_t − θ_{s_t}‖² + λ·(number of changes), at its minimum as found.
    states_smoothed : Series of shape (n,)
        The path of states that attains it: looks ahead, for studies alone.
    n, starts, agreeing : int
        Complete rows; descents; how many ended within 1e-6 (relative) of the least loss.
    converged : bool
        The best descent came to rest and every state holds rows.
    reason : str
        What failed; "" where nothing did.
    """

    centres: pd.DataFrame
    location: pd.Series
    scale: pd.Series
    cap: float
    penalty: float
    loss: float
    states_smoothed: pd.Series
    n: int
    starts: int
    agreeing: int
    converged: bool
    reason: str

    def standardised(self, features: pd.DataFrame) -> pd.DataFrame:
        """Features as the model sees them: location and scale of the rows estimated on."""
        scaled: pd.DataFrame = (features - self.location) / self.scale
        return scaled.clip(-self.cap, self.cap)

    def places(self) -> Array:
        """Centres in the unit of the features."""
        centres = self.centres.to_numpy(dtype=np.float64)
        return np.asarray(self.location.to_numpy() + self.scale.to_numpy() * centres)

    def permuted(self, order: Path) -> "JumpFit":
        """The same model with its states in another order: new state k is old state order[k]."""
        return replace(
            self,
            centres=self.centres.iloc[order].reset_index(drop=True),
            states_smoothed=self.states_smoothed.map(
                dict(zip(order, range(len(order)), strict=True))
            ),
        )


def fit_jump_model(
    features: pd.DataFrame,
    *,
    states: int,
    penalty: float,
    cap: float,
    order_by: str,
    starts: int,
    seed: int,
    min_observations: int,
    warm: JumpFit | None = None,
) -> JumpFit:
    """Estimate centres and a path of states by coordinate descent.

    Parameters
    ----------
    features : DataFrame of shape (n_sessions, n_features)
        Any unit. A row with a missing value has no distance to any state and joins the cheaper.
    states : int
        At least 2.
    penalty : float
        λ ≥ 0; 0 is k-means.
    cap : float
        Standardised features are held within ±cap, so that one row cannot be a state.
    order_by : str
        The feature whose centre rises from state to state.
    starts : int
        Descents from k-means++ centres (Arthur–Vassilvitskii 2007), drawn with `seed`.
    seed : int
    min_observations : int
        Fewest complete rows.
    warm : JumpFit, optional
        An earlier estimate of the same shape; one more descent starts from its centres.

    Returns
    -------
    JumpFit
        Rests on all rows given: give only rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer complete rows than `min_observations`, or a feature that does not vary.
    ValueError
        A parameter out of range, or an infinite feature.

    Notes
    -----
    Bemporad, Breschi, Piga and Boyd (2018, Automatica 96); Nystrup, Lindström and Madsen (2020,
    Expert Systems with Applications 150), eq. 1; loss and penalty as in Shu, Yu and Mulvey (2024).
    """
    if states < 2 or starts < 1:
        raise ValueError(f"states must be at least 2 and starts 1, got {states} and {starts}")
    if penalty < 0 or cap <= 0:
        raise ValueError(f"penalty must be 0 or more and cap above 0, got {penalty} and {cap}")
    if np.isinf(features.to_numpy(dtype=np.float64)).any():
        raise ValueError("features must be finite or missing, got an infinite one")
    complete = features.dropna()
    fewest = max(min_observations, 2 * states)
    if len(complete) < fewest:
        raise NotEnoughData(need=fewest, got=len(complete), what="a jump model")
    location = complete.median()
    scale = MAD_TO_SIGMA * (complete - location).abs().median()
    if not (scale > 0).all():
        still = scale.index[~(scale > 0)][0]
        raise NotEnoughData(
            need=fewest, got=0, what=f"a jump model ({still} stands still in half of the rows)"
        )
    draft = JumpFit(
        centres=pd.DataFrame(), location=location, scale=scale, cap=cap, penalty=penalty,
        loss=float("inf"), states_smoothed=pd.Series(dtype=np.int64), n=len(complete), starts=0,
        agreeing=0, converged=False, reason="",
    )  # fmt: skip
    values = np.ascontiguousarray(draft.standardised(features).to_numpy(dtype=np.float64))
    draw = np.random.default_rng(seed)
    known = values[~np.isnan(values).any(axis=1)]
    seeds = [_plus_plus(known, states, draw) for _ in range(starts)]
    if warm is not None:
        seeds.append((warm.places() - location.to_numpy()) / scale.to_numpy())
    descents = [descend(values, centres.copy(), penalty, MOST_ROUNDS) for centres in seeds]
    centres, path, loss, rested = min(descents, key=lambda descent: descent[2])
    order = np.argsort(centres[:, features.columns.get_loc(order_by)], kind="stable")
    named = np.argsort(order)[path]
    faults = [] if rested else [f"no rest after {MOST_ROUNDS} rounds"]
    if len(np.unique(named)) < states:
        faults.append(f"only {len(np.unique(named))} of {states} states hold a row")
    return replace(
        draft,
        centres=pd.DataFrame(centres[order], columns=features.columns),
        loss=float(loss),
        states_smoothed=pd.Series(named, index=features.index),
        starts=len(seeds),
        agreeing=sum(one[2] - loss <= AGREES * max(loss, 1.0) for one in descents),
        converged=not faults,
        reason="; ".join(faults),
    )


def online_costs(features: pd.DataFrame, fit: JumpFit) -> pd.DataFrame:
    """Least loss of all paths up to each row that end in each state.

    V_t(k) = ½‖x_t − θ_k‖² + min_j (V_{t−1}(j) + λ·1{j ≠ k}).

    Parameters
    ----------
    features : DataFrame of shape (n_sessions, n_features)
        Rows from where the recursion begins, without a history before them.
    fit : JumpFit

    Returns
    -------
    DataFrame of shape (n_sessions, n_states)
        Less the row's least value, so that nothing grows with time. The value at *t* uses rows up
        to *t* (Nystrup–Kolm–Lindström 2020, J. Financial Data Science 2(3), online inference).
    """
    values = np.ascontiguousarray(fit.standardised(features).to_numpy(dtype=np.float64))
    costs = forward_costs(losses(values, fit.centres.to_numpy()), fit.penalty)
    return pd.DataFrame(costs - costs.min(axis=1, keepdims=True), index=features.index)


def online_states(features: pd.DataFrame, fit: JumpFit) -> pd.Series:
    """Return the state at the end of the cheapest path up to each row: rows up to *t* alone."""
    return online_costs(features, fit).idxmin(axis=1).astype(np.int64)


def _plus_plus(values: Array, states: int, draw: np.random.Generator) -> Array:
    """Draw centres among the rows, each with probability ∝ squared distance to those drawn."""
    chosen = [values[draw.integers(len(values))]]
    while len(chosen) < states:
        gaps = ((values[:, None, :] - np.array(chosen)[None]) ** 2).sum(axis=2).min(axis=1)
        total = gaps.sum()
        weights = gaps / total if total > 0 else np.full(len(values), 1 / len(values))
        chosen.append(values[draw.choice(len(values), p=weights)])
    return np.array(chosen)
