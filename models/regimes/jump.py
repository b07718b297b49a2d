"""Statistical jump model: states by distance to centres, with a penalty per change of state."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features._typing import Floats
from features.constants import MAD_TO_SIGMA
from models._checks import zero_mad
from models._reports import short_repr, summary
from models.errors import NotEnoughData, NoVariation
from models.regimes._jump_kernels import descend, forward_costs, losses

MAX_ROUNDS = 300
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
        Standardised features are clipped to ±cap.
    penalty : float
        λ, in half squared standardised units.
    loss : float
        Σ_t ½‖x_t − θ_{s_t}‖² + λ·(number of changes), at the minimum.
    states_smoothed : Series of shape (n,)
        The path of states at the minimum; uses later rows.
    n, starts, agreeing : int
        Complete rows; starts; number within 1e-6 (relative) of the smallest loss.
    converged : bool
        The best descent converged and every state contains rows.
    reason : str or None
        What failed; None where nothing did.
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
    reason: str | None

    __repr__ = short_repr

    def summary(self) -> str:
        """Return the estimate as a table of text: centres of the states, standardised."""
        table = self.centres.T.add_prefix("state ")
        table.loc["sessions"] = [
            float((self.states_smoothed == state).sum()) for state in self.centres.index
        ]
        return summary(
            f"jump model, penalty {self.penalty:g}", table,
            {
                "loss": self.loss,
                "observations": self.n,
                "starts at this minimum": f"{self.agreeing} of {self.starts}",
                "converged": self.converged,
                "reason": self.reason,
            },
        )  # fmt: skip

    def standardised(self, features: pd.DataFrame) -> pd.DataFrame:
        """Features as the model sees them: location and scale of the rows estimated on."""
        scaled: pd.DataFrame = (features - self.location) / self.scale
        return scaled.clip(-self.cap, self.cap)


def fit_jump_model(
    features: pd.DataFrame,
    *,
    states: int = 2,
    penalty: float = 10.0,
    cap: float = 4.0,
    order_by: str,
    starts: int = 40,
    seed: int = 0,
    min_observations: int = 250,
) -> JumpFit:
    """Estimate centres and a path of states by coordinate descent.

    Parameters
    ----------
    features : DataFrame of shape (n_sessions, n_features)
        Any unit. A row with a missing value has no distance to any state.
    states : int
        At least 2.
    penalty : float
        λ ≥ 0; 0 is k-means.
    cap : float
        Standardised features are clipped to ±cap, so that one row cannot be a state.
    order_by : str
        Feature whose centre increases from state to state.
    starts : int
        Descents from k-means++ centres (Arthur–Vassilvitskii 2007), drawn with `seed`.
    seed : int
    min_observations : int
        Smallest number of complete rows.

    Returns
    -------
    JumpFit
        Uses all rows given: give only rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer complete rows than `min_observations`.
    NoVariation
        The MAD of a feature is zero.
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
    min_rows = max(min_observations, 2 * states)
    if len(complete) < min_rows:
        raise NotEnoughData(need=min_rows, got=len(complete), what="a jump model")
    location = complete.median()
    scale = MAD_TO_SIGMA * (complete - location).abs().median()
    for name in scale.index[~(scale > 0)]:
        fault = zero_mad(name, complete[name].to_numpy(dtype=np.float64))
        raise NoVariation(what="a jump model", fault=fault, got=len(complete))
    draft = JumpFit(
        centres=pd.DataFrame(), location=location, scale=scale, cap=cap, penalty=penalty,
        loss=float("inf"), states_smoothed=pd.Series(dtype=np.int64), n=len(complete), starts=0,
        agreeing=0, converged=False, reason=None,
    )  # fmt: skip
    values = np.ascontiguousarray(draft.standardised(features).to_numpy(dtype=np.float64))
    draw = np.random.default_rng(seed)
    known = values[~np.isnan(values).any(axis=1)]
    seeds = [_plus_plus(known, states, draw) for _ in range(starts)]
    descents = [descend(values, centres.copy(), penalty, MAX_ROUNDS) for centres in seeds]
    centres, path, loss, converged = min(descents, key=lambda descent: descent[2])
    order = np.argsort(centres[:, features.columns.get_loc(order_by)], kind="stable")
    named = np.argsort(order)[path]
    faults = [] if converged else [f"no convergence in {MAX_ROUNDS} rounds"]
    if len(np.unique(named)) < states:
        faults.append(f"only {len(np.unique(named))} of {states} states contain a row")
    return replace(
        draft,
        centres=pd.DataFrame(centres[order], columns=features.columns),
        loss=float(loss),
        states_smoothed=pd.Series(named, index=features.index),
        starts=starts,
        agreeing=sum(one[2] - loss <= AGREES * max(loss, 1.0) for one in descents),
        converged=not faults,
        reason="; ".join(faults) or None,
    )


def online_costs(features: pd.DataFrame, fit: JumpFit) -> pd.DataFrame:
    """Smallest loss of all paths up to each row that end in each state.

    V_t(k) = ½‖x_t − θ_k‖² + min_j (V_{t−1}(j) + λ·1{j ≠ k}).

    Parameters
    ----------
    features : DataFrame of shape (n_sessions, n_features)
        The recursion begins at the first row.
    fit : JumpFit

    Returns
    -------
    DataFrame of shape (n_sessions, n_states)
        Less the minimum of the row, so that values do not grow with time. The value at *t* uses
        rows up to *t* (Nystrup–Kolm–Lindström 2020, J. Financial Data Science 2(3)).
    """
    values = np.ascontiguousarray(fit.standardised(features).to_numpy(dtype=np.float64))
    costs = forward_costs(losses(values, fit.centres.to_numpy()), fit.penalty)
    return pd.DataFrame(costs - costs.min(axis=1, keepdims=True), index=features.index)


def _plus_plus(values: Floats, states: int, draw: np.random.Generator) -> Floats:
    """Draw centres among the rows, each with probability ∝ squared distance to those drawn."""
    centres = [values[draw.integers(len(values))]]
    while len(centres) < states:
        gaps = ((values[:, None, :] - np.array(centres)[None]) ** 2).sum(axis=2).min(axis=1)
        total = gaps.sum()
        weights = gaps / total if total > 0 else np.full(len(values), 1 / len(values))
        centres.append(values[draw.choice(len(values), p=weights)])
    return np.array(centres)
