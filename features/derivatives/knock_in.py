"""The put inside a structured note: value and greeks of a knock-in put, by QuantLib.

The holder of a note has sold it, the issuer owns it and hedges by holding −delta of the underlying.
Just above the barrier its delta can lie beyond −1: a small fall turns a put that may never live
into one that is far in the money. The issuer then holds more than one unit per unit, and sells the
excess once the barrier is crossed. Barriers above the price, knock-outs and calls are not valued: a
row of `structured_notes` records neither a payoff nor the side of its barrier.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import exp, sqrt
from typing import TYPE_CHECKING

from features._validation import require_one_of, require_positive
from features.constants import DAYS_PER_YEAR

if TYPE_CHECKING:
    import QuantLib as ql  # noqa: N813 - the library's own convention

AMERICAN, EUROPEAN = "american", "european"
# Steps of five-point differences: of spot in units of σ√T, the width over which the value bends, of
# σ in units of itself. The formula errs by 1e−15, the difference by the fourth power of the step.
BUMP = 1e-2


@dataclass(frozen=True, slots=True, kw_only=True)
class KnockInPut:
    """Value and greeks of one long put on one unit of the underlying.

    Attributes
    ----------
    value : float
    delta, gamma : float
        By spot.
    vanna : float
        Of delta by 1.00 of volatility.
    """

    value: float
    delta: float
    gamma: float
    vanna: float


def knock_in_put(
    spot: float,
    strike: float,
    barrier: float,
    *,
    years: float,
    volatility: float,
    rate: float = 0.04,
    dividend_yield: float = 0.0,
    observation: str = AMERICAN,
    knocked_in: bool = False,
) -> KnockInPut:
    """Value a down-and-in put and differentiate it.

    Parameters
    ----------
    spot, strike, barrier : float
        In one currency, above zero.
    years : float
        To maturity, above zero.
    volatility : float
        Annual, decimal, above zero; one for all strikes.
    rate, dividend_yield : float
        Annual, decimal, continuously compounded.
    observation : {"american", "european"}
        american: observed at every instant (Reiner and Rubinstein 1991, QuantLib's
        `AnalyticBarrierEngine`; greeks by central differences, as it gives none). european: at
        maturity alone: a put struck at the barrier and a digital for the rest (exact greeks).
    knocked_in : bool
        The barrier was hit before: a plain put, where observation is american.

    Raises
    ------
    ValueError
        A number out of range, or another observation.

    Notes
    -----
    A price at or below an american barrier has hit it. Where spot is nearer to the barrier than two
    steps, a step is a third of what lies between: delta has a kink there.
    """
    import QuantLib as ql  # noqa: N813 - loaded when a note is valued: it takes half a second

    require_positive(spot=spot, strike=strike, barrier=barrier, years=years, volatility=volatility)
    require_one_of((AMERICAN, EUROPEAN), observation=observation)
    # Only σ√T, rT and qT enter: a life of one year with these is the same option.
    life = _Life(
        deviation=volatility * sqrt(years),
        rate=rate * years,
        dividend_yield=dividend_yield * years,
        root_years=sqrt(years),
    )
    bump = BUMP * life.deviation
    if observation == EUROPEAN:
        level = min(strike, barrier)
        parts = [ql.PlainVanillaPayoff(ql.Option.Put, level)]
        if strike > level:
            parts.append(ql.CashOrNothingPayoff(ql.Option.Put, level, strike - level))
        return _closed_form(parts, spot, life, bump)
    if knocked_in or spot <= barrier:
        return _closed_form([ql.PlainVanillaPayoff(ql.Option.Put, strike)], spot, life, bump)
    return _differences(spot, strike, barrier, life, bump)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """Volatility, rates and time, over the option's life."""

    deviation: float
    rate: float
    dividend_yield: float
    root_years: float


def _closed_form(
    payoffs: "list[ql.StrikedTypePayoff]", spot: float, life: _Life, bump: float
) -> KnockInPut:
    import QuantLib as ql  # noqa: N813 - loaded when a note is valued: it takes half a second

    forward, discount = spot * exp(life.rate - life.dividend_yield), exp(-life.rate)

    def priced(deviation: float) -> "list[ql.BlackCalculator]":
        return [ql.BlackCalculator(payoff, forward, deviation, discount) for payoff in payoffs]

    here = priced(life.deviation)

    # By difference: QuantLib 1.44 leaves a term out of the vanna of a digital.
    def delta(deviation: float) -> float:
        return float(sum(part.delta(spot) for part in priced(deviation)))

    return KnockInPut(
        value=sum(part.value() for part in here),
        delta=sum(part.delta(spot) for part in here),
        gamma=sum(part.gamma(spot) for part in here),
        vanna=_slope(delta, life.deviation, bump) * life.root_years,
    )


def _differences(
    spot: float, strike: float, barrier: float, life: _Life, bump: float
) -> KnockInPut:
    import QuantLib as ql  # noqa: N813 - loaded when a note is valued: it takes half a second

    # QuantLib compares an option's last date with today's: a date far ahead of any today.
    reference, day_count = ql.Date(1, 1, 2150), ql.Actual365Fixed()
    price, deviation = ql.SimpleQuote(spot), ql.SimpleQuote(life.deviation)
    carry, rate = (
        ql.YieldTermStructureHandle(ql.FlatForward(reference, level, day_count))
        for level in (life.dividend_yield, life.rate)
    )
    volatility = ql.BlackVolTermStructureHandle(
        ql.BlackConstantVol(reference, ql.NullCalendar(), ql.QuoteHandle(deviation), day_count)
    )
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(price), carry, rate, volatility)
    option = ql.BarrierOption(
        ql.Barrier.DownIn, barrier, 0.0, ql.PlainVanillaPayoff(ql.Option.Put, strike),
        ql.EuropeanExercise(reference + DAYS_PER_YEAR),
    )  # fmt: skip
    option.setPricingEngine(ql.AnalyticBarrierEngine(process))

    def value(at: float, size: float) -> float:
        price.setValue(at)
        deviation.setValue(size)
        return float(option.NPV())

    step = min(BUMP * life.deviation * spot, (spot - barrier) / 3)
    here = life.deviation

    def delta(size: float) -> float:
        return _slope(lambda at: value(at, size), spot, step)

    near, far = (value(spot + k * step, here) + value(spot - k * step, here) for k in (1, 2))
    middle = value(spot, here)
    return KnockInPut(
        value=middle,
        delta=delta(here),
        gamma=(16 * near - far - 30 * middle) / (12 * step**2),
        vanna=_slope(delta, here, bump) * life.root_years,
    )


def _slope(function: Callable[[float], float], at: float, step: float) -> float:
    """First derivative by the five-point difference, whose error is of fourth order."""
    one = function(at + step) - function(at - step)
    two = function(at + 2 * step) - function(at - 2 * step)
    return (8 * one - two) / (12 * step)
