"""Markov switching: a calm and a stressed state (or three), each with its own mean and volatility.

Estimated by expectation and maximisation from many starts, with an exact filter. What is published
is filtered; smoothed probabilities look ahead and serve studies alone.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.errors import NotEnoughData
from models.markov_em import pack, unpack
from models.markov_filter import hamilton_filter, kim_smoother, log_densities, stationary
from models.markov_search import MOST_STEPS, Summit, Terms, highest, starting_parameters

Array = NDArray[np.float64]

INNOVATIONS = ("normal", "t")
MAD_TO_SIGMA = 1.4826


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
        Identity where the estimate holds series uncorrelated within a state.
    nu : float
        Degrees of freedom; infinite for normal.
    transition : array of shape (n_states, n_states)
        p_ij = P(S_t = j | S_{t−1} = i).
    log_likelihood : float
        Of the observations in their unit; the first state is drawn from the stationary law.
    occupancy : array of shape (n_states,)
        Expected rows of each state, by smoothed probabilities.
    n : int
        Complete rows.
    starts, agreeing : int
        Climbs of the search, and how many led to the hill of the best
        log-likelihood (under Student-t at ν = 6, where the search begins).
    converged : bool
        The best climb came to rest, and no state is an outlier, a spike or half of a mixture.
    reason : str
        What failed; "" where nothing did.
    """

    innovation: str
    means: pd.DataFrame
    volatilities: pd.DataFrame
    correlations: Array
    nu: float
    transition: Array
    log_likelihood: float
    occupancy: Array
    n: int
    starts: int
    agreeing: int
    converged: bool
    reason: str

    @property
    def initial(self) -> Array:
        """Stationary law of the chain."""
        return np.asarray(stationary(self.transition), dtype=np.float64)

    @property
    def expected_durations(self) -> Array:
        """Sessions that a spell of each state lasts: 1/(1 − p_ii) (Hamilton 1989, p. 374)."""
        return 1.0 / (1.0 - np.diag(self.transition))

    def permuted(self, order: NDArray[np.int64]) -> "MarkovFit":
        """The same model with its states in another order: new state k is old state order[k]."""
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
    states: int,
    innovation: str,
    correlated: bool,
    starts: int,
    seed: int,
    min_observations: int,
    warm: MarkovFit | None = None,
) -> MarkovFit:
    """Estimate means, scales and transitions of a hidden Markov chain by maximum likelihood.

    Parameters
    ----------
    observations : DataFrame of shape (n_sessions, n_series)
        Any unit; a session that misses a series counts as unseen: the chain moves on without it.
    states : int
        2 or 3.
    innovation : {"normal", "t"}
        Law within a state.
    correlated : bool
        Whether series are correlated within a state, each state in its own way.
    starts : int
        Climbs from different parameters; the first is fixed, the others drawn with `seed`.
    seed : int
    min_observations : int
        Fewest complete rows.
    warm : MarkovFit, optional
        An earlier estimate of the same shape; one more start climbs from it.

    Returns
    -------
    MarkovFit
        Rests on all rows given: give only rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer complete rows than `min_observations`, or a series that does not vary.
    ValueError
        A parameter out of range, or an infinite observation.

    Notes
    -----
    Hamilton (1989, Econometrica 57; 1990, J. Econometrics 45). The likelihood of a mixture has
    many summits and, without a floor on scales, no maximum: a state that shrinks on nearly equal
    values gains without end. Climbs that end with a state at a tenth of the robust scale, with
    fewer than ten expected rows a series, or with one that is sooner left than kept, are set aside
    while another climb ends elsewhere.
    """
    _refuse(states=states, innovation=innovation, starts=starts)
    values, centre, scale = _standardised(observations, min_observations=min_observations)
    terms = Terms(states, correlated)
    guesses = starting_parameters(terms, values.shape[1], starts=starts, seed=seed)
    if warm is not None:
        guesses.append(_vector(warm, centre, scale))
    best, agreeing = highest(guesses, values, terms, student=innovation == "t")
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
    if not best.rested:
        faults.append(f"no rest after {MOST_STEPS} steps")
    if best.fault:
        faults.append(best.fault)
    return replace(fit, converged=not faults, reason="; ".join(faults))


def filtered_probabilities(observations: pd.DataFrame, fit: MarkovFit) -> pd.DataFrame:
    """P(S_t = k | rows up to t) at fixed parameters, one column a state.

    The first row's state is drawn from the stationary law. A row with a missing value shows the
    prediction. The value at *t* uses rows up to *t* (Hamilton 1989, eq. 4.5).
    """
    _, _, filtered = _filter(observations, fit)
    return pd.DataFrame(filtered, index=observations.index)


def smoothed_probabilities(observations: pd.DataFrame, fit: MarkovFit) -> pd.DataFrame:
    """P(S_t = k | all rows): looks ahead, for studies alone (Kim 1994, eq. 2.20)."""
    _, predicted, filtered = _filter(observations, fit)
    smoothed, _ = kim_smoother(predicted, filtered, fit.transition)
    return pd.DataFrame(smoothed, index=observations.index)


def log_likelihood(observations: pd.DataFrame, fit: MarkovFit) -> float:
    """Log-likelihood of the rows at fixed parameters."""
    return _filter(observations, fit)[0]


def state_coordinates(fit: MarkovFit, *, unit: Array) -> Array:
    """Mean over `unit`, ln volatility and Fisher's z of correlations: one row a state."""
    volatilities = fit.volatilities.to_numpy()
    above = np.triu_indices(volatilities.shape[1], 1)
    links = np.arctanh(np.clip(fit.correlations[:, above[0], above[1]], -0.999, 0.999))
    return np.hstack([fit.means.to_numpy() / unit, np.log(volatilities), links])


def _refuse(*, states: int, innovation: str, starts: int) -> None:
    if states not in (2, 3):
        raise ValueError(f"states must be 2 or 3, got {states}")
    if innovation not in INNOVATIONS:
        raise ValueError(f"innovation must be one of {INNOVATIONS}, got {innovation!r}")
    if starts < 1:
        raise ValueError(f"starts must be at least 1, got {starts}")


def _standardised(
    observations: pd.DataFrame, *, min_observations: int
) -> tuple[Array, Array, Array]:
    """Bring each series to its median and robust scale: steps and floors then need no unit."""
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
    moving = (scale > 0).all()
    if not moving:
        raise NotEnoughData(
            need=min_observations,
            got=int((complete != centre).all(axis=1).sum()),
            what="a Markov-switching model of series that move",
        )
    return (values - centre) / scale, centre, scale


def _vector(fit: MarkovFit, centre: Array, scale: Array) -> Array:
    """Write an earlier estimate as a start on this sample's scale."""
    means = (fit.means.to_numpy() - centre) / scale
    factors = _factors(fit) / scale[None, :, None]
    return np.asarray(pack(means, factors, fit.transition))


def _factors(fit: MarkovFit) -> Array:
    """Cholesky factors of the scale matrices, in the observations' unit."""
    shrink = 1.0 if np.isinf(fit.nu) else np.sqrt((fit.nu - 2) / fit.nu)
    scales = shrink * fit.volatilities.to_numpy()
    return np.linalg.cholesky(fit.correlations * scales[:, :, None] * scales[:, None, :])


def _filter(observations: pd.DataFrame, fit: MarkovFit) -> tuple[float, Array, Array]:
    values = np.ascontiguousarray(observations.to_numpy(dtype=np.float64))
    density, _ = log_densities(values, fit.means.to_numpy(), _factors(fit), fit.nu)
    value, predicted, filtered = hamilton_filter(density, fit.transition, fit.initial)
    return float(value), predicted, filtered


def _stated(
    summit: Summit, names: pd.Index, centre: Array, scale: Array, *, states: int
) -> MarkovFit:
    """Read a summit back into the observations' unit."""
    nu = summit.nu
    means, factors, transition = unpack(summit.theta, states, len(names))
    covariance = factors @ factors.transpose(0, 2, 1)
    root = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    widen = 1.0 if np.isinf(nu) else np.sqrt(nu / (nu - 2))
    return MarkovFit(
        innovation="normal" if np.isinf(nu) else "t",
        means=pd.DataFrame(centre + scale * means, columns=names),
        volatilities=pd.DataFrame(widen * scale * root, columns=names),
        correlations=covariance / root[:, :, None] / root[:, None, :],
        nu=nu, transition=transition, log_likelihood=summit.value, occupancy=summit.occupancy,
        n=0, starts=0, agreeing=0, converged=False, reason="",
    )  # fmt: skip
