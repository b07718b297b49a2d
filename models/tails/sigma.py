"""Translation of "kσ" into tail probabilities: normal, Student-t and a fitted tail.

A desk that says "3.5σ, a 0.05 % event" has assumed a normal law; under a Student-t with six
degrees of freedom the same figure is 0.52 %. A σ figure therefore comes with all three readings,
a return period, and an interval where a point would mislead.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from features._typing import Floats
from features._validation import require_confidence
from features.constants import MAD_TO_SIGMA
from models._checks import finite_values, require_share
from models.errors import NotEnoughData
from models.tails.gpd import fit_gpd, gpd_tail, tail_threshold
from models.tails.student import fit_student, normal_tail, student_tail

Side = Literal["lower", "upper", "both"]

# A sample whose robust standard deviation lies outside is not in units of σ.
STANDARD_DEVIATION_BOUNDS = (0.3, 3.0)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SigmaTranslation:
    """One "kσ" in three readings. Probabilities per session; return periods in sessions.

    Attributes
    ----------
    sigma : float
        The magnitude k.
    side : {"lower", "upper", "both"}
        P(Z < −k), P(Z > k) or P(|Z| > k).
    n : int
        Finite values in the sample; 0 without one.
    confidence : float
        Level of the intervals.
    normal_probability, normal_return_period : float or None
        Under a standard normal; the period is None where the probability underflows.
    nu, student_sigma : float or None
        Degrees of freedom, and the standard deviation of the fitted distribution in units of the
        sample.
    student_probability, student_return_period : float or None
        Under that Student-t.
    threshold, exceedances, xi, xi_lower, xi_upper, beta
        The fit of the tail; see `GpdFit`. For "both" it is a fit to |z|.
    gpd_probability, gpd_probability_lower, gpd_probability_upper : float or None
        Under the tail fit, with profile-likelihood interval.
    gpd_return_period, gpd_return_period_lower, gpd_return_period_upper : float or None
        Their reciprocals. None also where the probability is zero: the period is unbounded.
    sessions_since : int or None
        Rows from the last value at least as extreme to the session being scored; 1 is the last
        row of the sample, which is t−1. None where the sample holds none.
    converged : bool
        Both fits converged.
    reason : str or None
        Reason for each figure that is None.
    """

    sigma: float
    side: Side
    n: int
    confidence: float
    normal_probability: float
    normal_return_period: float | None
    nu: float | None
    student_sigma: float | None
    student_probability: float | None
    student_return_period: float | None
    threshold: float | None
    exceedances: int | None
    xi: float | None
    xi_lower: float | None
    xi_upper: float | None
    beta: float | None
    gpd_probability: float | None
    gpd_probability_lower: float | None
    gpd_probability_upper: float | None
    gpd_return_period: float | None
    gpd_return_period_lower: float | None
    gpd_return_period_upper: float | None
    sessions_since: int | None
    converged: bool
    reason: str | None


def translate_sigma(
    sigma: float,
    sample: Floats | None,
    *,
    side: Side,
    threshold_share: float = 0.1,
    confidence: float = 0.95,
    min_observations: int = 100,
    min_exceedances: int = 30,
) -> SigmaTranslation:
    """Translate "kσ" into probabilities: normal, Student-t and peaks over threshold.

    Parameters
    ----------
    sigma : float
        The magnitude k, not negative; say `side="lower"` for a fall.
    sample : array of shape (n,) or None
        Earlier standardised values in session order, ending at t−1: GARCH residuals, or z-scores
        of ln volume or of correlation changes. NaN is left out of the fits. None: normal only.
    side : {"lower", "upper", "both"}
        Which tail. "lower" fits −z, "both" fits |z|.
    threshold_share : float
        Share of the sample above the threshold, in (0, ½]; McNeil and Frey (2000) use 0.1.
    confidence : float
        Level of the intervals, in (0, 1).
    min_observations, min_exceedances : int
        Fewest values for any fit, and above the threshold for the tail fit.

    Notes
    -----
    The probabilities are those of one session. Residuals count as independent; where volatility
    clustering is left in the sample, the intervals are too narrow.

    Raises
    ------
    ValueError
        An argument out of range or a sample with an infinite value. Too little data, a constant
        sample or a failed fit raises nothing: its figures are None, with the reason.
    """
    two_sided = side == "both"
    normal = normal_tail(sigma, two_sided=two_sided)
    require_confidence(confidence)
    require_share(threshold_share)
    if side not in ("lower", "upper", "both"):
        raise ValueError(f'side must be "lower", "upper" or "both", got {side!r}')
    rows = np.empty(0) if sample is None else np.asarray(sample, dtype=np.float64)
    values = finite_values(rows)
    student, tail, at_level = None, None, None
    reasons: list[str] = []
    if sample is None:
        reasons.append("Student-t and tail fit: no sample was given")
    elif (fault := _unfit(values, min_observations)) is not None:
        reasons.append(f"Student-t and tail fit: {fault}")
    else:
        student = fit_student(values, min_observations=min_observations)
        if not student.converged:
            reasons.append(f"Student-t: {student.reason}")
        towards = {"lower": np.negative, "upper": np.positive, "both": np.abs}[side](values)
        try:
            tail = fit_gpd(
                towards,
                threshold=tail_threshold(towards, share=threshold_share),
                min_exceedances=min_exceedances,
                confidence=confidence,
            )
        except NotEnoughData as error:
            reasons.append(f"tail fit: {error}")
    if tail is not None and not tail.converged:
        reasons.append(f"tail fit: {tail.reason}")
    elif tail is not None and sigma <= tail.threshold:
        reasons.append(f"tail fit: {sigma:g}σ is not above the threshold {tail.threshold:.4g}")
    elif tail is not None:
        at_level = gpd_tail(tail, level=sigma)
        if at_level.lower == 0:
            reasons.append("longest return period: unbounded, the tail may end below this level")
    thick = (
        student_tail(sigma / student.standard_deviation, nu=student.nu, two_sided=two_sided)
        if student is not None and student.converged
        else None
    )
    return SigmaTranslation(
        sigma=float(sigma),
        side=side,
        n=len(values),
        confidence=confidence,
        normal_probability=normal,
        normal_return_period=_return_period(normal),
        nu=student.nu if student else None,
        student_sigma=student.standard_deviation if student else None,
        student_probability=thick,
        student_return_period=_return_period(thick),
        threshold=tail.threshold if tail else None,
        exceedances=tail.exceedances if tail else None,
        xi=tail.xi if tail else None,
        xi_lower=tail.xi_lower if tail else None,
        xi_upper=tail.xi_upper if tail else None,
        beta=tail.beta if tail else None,
        gpd_probability=at_level.probability if at_level else None,
        gpd_probability_lower=at_level.lower if at_level else None,
        gpd_probability_upper=at_level.upper if at_level else None,
        gpd_return_period=_return_period(at_level.probability if at_level else None),
        gpd_return_period_lower=_return_period(at_level.upper if at_level else None),
        gpd_return_period_upper=_return_period(at_level.lower if at_level else None),
        sessions_since=_sessions_since(rows, sigma, side),
        converged=bool(student and student.converged and tail.converged if tail else None),
        reason="; ".join(reasons) or None,
    )


def _unfit(values: Floats, min_observations: int) -> str | None:
    """Reason why a sample is not in units of σ; None if it is."""
    if len(values) < min_observations:
        return f"the sample needs at least {min_observations} values, got {len(values)}"
    if np.ptp(values) == 0:
        return "the sample does not vary"
    low, high = STANDARD_DEVIATION_BOUNDS
    scale = float(np.median(np.abs(values - np.median(values)))) * MAD_TO_SIGMA
    if low <= scale <= high:
        return None
    return (
        f"the sample is not in units of σ: its robust standard deviation must lie between {low} "
        f"and {high}, got {scale:.4g}; divide each row by its σ forecast"
    )


def _sessions_since(rows: Floats, sigma: float, side: Side) -> int | None:
    towards = {"lower": np.negative, "upper": np.positive, "both": np.abs}[side](rows)
    reached = np.flatnonzero(towards >= sigma)
    return len(rows) - int(reached[-1]) if len(reached) else None


def _return_period(probability: float | None) -> float | None:
    if probability is None or probability <= 1 / np.finfo(np.float64).max:
        return None
    return 1 / probability
