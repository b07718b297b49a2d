"""Markov switching: a calm and a stressed state (or three), each with its own mean and volatility.

Estimated by expectation–maximisation from many starts, with an exact filter. Published
probabilities are filtered: they use no later row.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features._typing import Floats, Integers
from features.constants import MAD_TO_SIGMA
from models._checks import zero_mad
from models._reports import short_repr, summary
from models.errors import NotEnoughData, NoVariation
from models.regimes._em import unpack
from models.regimes._filter import hamilton_filter, log_densities, stationary
from models.regimes._search import MAX_STEPS, Maximum, Terms, best_maximum, starting_parameters

INNOVATIONS = ("normal", "t")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MarkovFit:
    """One estimate; states from the lowest total volatility to the highest.

    Attributes
    ----------
    innovation : str
        normal or t (Student-t of the states' own scale, one ν for all).
    means, volatilities : DataFrame of shape (n_states, n_series)
        Of the observations, in their unit; a volatility is a standard deviation, ν included.
    correlations : array of shape (n_states, n_series, n_series)
        Identity if series are uncorrelated within a state.
    nu : float
        Degrees of freedom; infinite for normal.
    transition : array of shape (n_states, n_states)
        p_ij = P(S_t = j | S_{t−1} = i).
    log_likelihood : float
        Of the observations in their unit; the first state has the stationary distribution.
    occupancy : array of shape (n_states,)
        Expected rows of each state, by smoothed probabilities.
    n : int
        Complete rows.
    starts, agreeing : int
        Starts of the search, and how many led to the mode of the maximum (under Student-t at
        ν = 6, where the search begins).
    converged : bool
        The optimiser converged, and no state is an outlier, a spike or a mixture component.
    reason : str or None
        What failed; None where nothing did.
    """

    innovation: str
    means: pd.DataFrame
    volatilities: pd.DataFrame
    correlations: Floats
    nu: float
    transition: Floats
    log_likelihood: float
    occupancy: Floats
    n: int
    starts: int
    agreeing: int
    converged: bool
    reason: str | None

    __repr__ = short_repr

    @property
    def initial(self) -> Floats:
        """Stationary distribution of the chain."""
        return np.asarray(stationary(self.transition), dtype=np.float64)

    @property
    def expected_durations(self) -> Floats:
        """Expected duration of each state in sessions: 1/(1 − p_ii) (Hamilton 1989, p. 374)."""
        return 1.0 / (1.0 - np.diag(self.transition))

    def summary(self) -> str:
        """Return the estimate as a table of text: one column per state."""
        table = pd.concat(
            [
                self.means.T.add_prefix("state ").rename(index=lambda name: f"mean {name}"),
                self.volatilities.T.add_prefix("state ").rename(
                    index=lambda name: f"volatility {name}"
                ),
            ]
        )
        table.loc["duration, sessions"] = self.expected_durations
        table.loc["expected rows"] = self.occupancy
        return summary(
            f"Markov switching, {self.innovation} innovations", table,
            {
                "log-likelihood": self.log_likelihood,
                "observations": self.n,
                "degrees of freedom": self.nu,
                "starts at this maximum": f"{self.agreeing} of {self.starts}",
                "converged": self.converged,
                "reason": self.reason,
            },
        )  # fmt: skip

    def permuted(self, order: Integers) -> "MarkovFit":
        """Return the model with reordered states: new state k is old state order[k]."""
        return replace(
            self,
            means=self.means.iloc[order].reset_index(drop=True),
            volatilities=self.volatilities.iloc[order].reset_index(drop=True),
            correlations=self.correlations[order],
            transition=self.transition[np.ix_(order, order)],
            occupancy=self.occupancy[order],
        )


def fit_markov_switching(
    observations: pd.DataFrame,
    *,
    states: int = 2,
    innovation: str = "t",
    correlated: bool = True,
    starts: int = 6,
    seed: int = 0,
    min_observations: int = 250,
) -> MarkovFit:
    """Estimate means, scales and transitions of a hidden Markov chain by maximum likelihood.

    Parameters
    ----------
    observations : DataFrame of shape (n_sessions, n_series)
        Any unit; the filter predicts over a session with a missing series.
    states : int
        2 or 3.
    innovation : {"normal", "t"}
        Distribution within a state.
    correlated : bool
        Estimate a correlation of the series in each state.
    starts : int
        Starting values; the first is fixed, the others are drawn with `seed`.
    seed : int
    min_observations : int
        Smallest number of complete rows.

    Returns
    -------
    MarkovFit
        Uses all rows given: give only rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer complete rows than `min_observations`.
    NoVariation
        The MAD of a series is zero.
    ValueError
        A parameter out of range, or an infinite observation.

    Notes
    -----
    Hamilton (1989, Econometrica 57; 1990, J. Econometrics 45). The likelihood of a mixture has
    many local maxima and, without a floor on scales, is unbounded: a state may shrink onto nearly
    equal values. A maximum is rejected, if there is another, when a state is at a tenth of the
    robust scale, has fewer than ten expected rows per series, or a persistence p_ii below ½.
    """
    _refuse(states=states, innovation=innovation, starts=starts)
    values, centre, scale = _standardised(observations, min_observations=min_observations)
    terms = Terms(states, correlated)
    guesses = starting_parameters(terms, values.shape[1], starts=starts, seed=seed)
    best, agreeing = best_maximum(guesses, values, terms, student=innovation == "t")
    n = int(np.isfinite(values).all(axis=1).sum())
    fit = _stated(best, observations.columns, centre, scale, states=states)
    fit = replace(
        fit,
        log_likelihood=best.value - n * float(np.log(scale).sum()),
        n=n,
        starts=len(guesses),
        agreeing=agreeing,
    )
    fit = fit.permuted(np.argsort(np.log(fit.volatilities.to_numpy()).sum(axis=1), kind="stable"))
    faults = []
    if not best.converged:
        faults.append(f"no convergence in {MAX_STEPS} steps")
    if best.fault:
        faults.append(best.fault)
    return replace(fit, converged=not faults, reason="; ".join(faults) or None)


def filtered_probabilities(observations: pd.DataFrame, fit: MarkovFit) -> pd.DataFrame:
    """P(S_t = k | rows up to t) at fixed parameters, one column per state.

    The first row's state has the stationary distribution. A row with a missing value shows the
    prediction. The value at *t* uses rows up to *t* (Hamilton 1989, eq. 4.5).
    """
    _, _, filtered = _filter(observations, fit)
    return pd.DataFrame(filtered, index=observations.index)


def _refuse(*, states: int, innovation: str, starts: int) -> None:
    if states not in (2, 3):
        raise ValueError(f"states must be 2 or 3, got {states}")
    if innovation not in INNOVATIONS:
        raise ValueError(f"innovation must be one of {INNOVATIONS}, got {innovation!r}")
    if starts < 1:
        raise ValueError(f"starts must be at least 1, got {starts}")


def _standardised(
    observations: pd.DataFrame, *, min_observations: int
) -> tuple[Floats, Floats, Floats]:
    """Standardise each series by median and MAD, so that tolerances and floors have no unit."""
    values = np.ascontiguousarray(observations.to_numpy(dtype=np.float64))
    if np.isinf(values).any():
        raise ValueError(
            "observations must be finite or missing, got an infinite one; correct the price "
            "behind it"
        )
    complete = values[~np.isnan(values).any(axis=1)]
    if len(complete) < max(min_observations, 2):
        raise NotEnoughData(
            need=max(min_observations, 2), got=len(complete), what="a Markov-switching model"
        )
    centre = np.median(complete, axis=0)
    scale = MAD_TO_SIGMA * np.median(np.abs(complete - centre), axis=0)
    for name, spread, column in zip(observations.columns, scale, complete.T, strict=True):
        if spread > 0:
            continue
        fault = zero_mad(name, column)
        raise NoVariation(what="Markov switching", fault=fault, got=len(complete))
    return (values - centre) / scale, centre, scale


def _factors(fit: MarkovFit) -> Floats:
    """Cholesky factors of the scale matrices, in the observations' unit."""
    shrink = 1.0 if np.isinf(fit.nu) else np.sqrt((fit.nu - 2) / fit.nu)
    scales = shrink * fit.volatilities.to_numpy()
    return np.linalg.cholesky(fit.correlations * scales[:, :, None] * scales[:, None, :])


def _filter(observations: pd.DataFrame, fit: MarkovFit) -> tuple[float, Floats, Floats]:
    values = np.ascontiguousarray(observations.to_numpy(dtype=np.float64))
    density, _ = log_densities(values, fit.means.to_numpy(), _factors(fit), fit.nu)
    value, predicted, filtered = hamilton_filter(density, fit.transition, fit.initial)
    return float(value), predicted, filtered


def _stated(
    maximum: Maximum, names: pd.Index, centre: Floats, scale: Floats, *, states: int
) -> MarkovFit:
    """Fit in the unit of the observations."""
    nu = maximum.nu
    means, factors, transition = unpack(maximum.theta, states, len(names))
    covariance = factors @ factors.transpose(0, 2, 1)
    root = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    widen = 1.0 if np.isinf(nu) else np.sqrt(nu / (nu - 2))
    return MarkovFit(
        innovation="normal" if np.isinf(nu) else "t",
        means=pd.DataFrame(centre + scale * means, columns=names),
        volatilities=pd.DataFrame(widen * scale * root, columns=names),
        correlations=covariance / root[:, :, None] / root[:, None, :],
        nu=nu, transition=transition, log_likelihood=maximum.value, occupancy=maximum.occupancy,
        n=0, starts=0, agreeing=0, converged=False, reason=None,
    )  # fmt: skip
