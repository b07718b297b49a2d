import math

import numpy as np
import pytest
from scipy.special import erfc

from features.derivatives import european_options, hitting_probability, knock_in_put
from tests import naive_options

MODEL = {"years": 0.5, "volatility": 0.6, "rate": 0.04, "dividend_yield": 0.01}
AMERICAN = {"observation": "american", "knocked_in": False}
EUROPEAN = {"observation": "european", "knocked_in": False}


class TestHaug:
    """Every down-and-in put that Haug prints: S 100, T 0.5, r 8 %, b 4 %, rebate 3 at expiry.

    Haug (1998, The Complete Guide to Option Pricing Formulas), p. 72, as in QuantLib's test suite
    (barrieroption.cpp, testHaugValues).
    """

    @pytest.mark.parametrize(
        ("barrier", "strike", "volatility", "printed"),
        [
            (95, 90, 0.25, 2.9586), (95, 100, 0.25, 6.5677), (95, 110, 0.25, 11.9752),
            (95, 90, 0.30, 3.8769), (95, 100, 0.30, 7.7989), (95, 110, 0.30, 13.3078),
            (100, 90, 0.25, 2.2845), (100, 100, 0.25, 5.9085), (100, 110, 0.25, 11.6465),
            (100, 90, 0.30, 3.3328), (100, 100, 0.30, 7.2636), (100, 110, 0.30, 12.9713),
        ],
    )  # fmt: skip
    def test_price(self, barrier, strike, volatility, printed):
        # The book's rebate of 3 is paid at expiry where the barrier was never hit.
        put = knock_in_put(
            100, strike, barrier, years=0.5, volatility=volatility, rate=0.08, dividend_yield=0.04,
            **AMERICAN,
        )  # fmt: skip
        missed = 1 - hitting_probability(100, barrier, volatility=volatility, years=0.5, drift=0.04)
        assert put.value + 3 * math.exp(-0.04) * missed == pytest.approx(printed, abs=1e-4)


class TestAmericanObservation:
    @pytest.mark.parametrize("spot", [40.5, 45.0, 60.0, 90.0])
    def test_equals_reiner_and_rubinstein(self, spot):
        put = knock_in_put(spot, 60.0, 40.0, **MODEL, **AMERICAN)

        def price(at, volatility):
            return naive_options.down_and_in_put(
                at, 60.0, 40.0, **(MODEL | {"volatility": volatility})
            )

        twin = naive_options.bumped(price, spot, 0.6, 1e-2)
        for name in ("value", "delta", "gamma", "vanna"):
            assert getattr(put, name) == pytest.approx(twin[name], rel=1e-4, abs=1e-6), name

    @pytest.mark.parametrize("days", [2, 30, 250])
    def test_greeks_have_seven_digits_two_days_before_the_end_too(self, days):
        spot, strike, barrier, deviation = 45.0, 46.0, 40.0, 0.5 * math.sqrt(days / 365)
        put = knock_in_put(
            spot, strike, barrier, years=days / 365, volatility=0.5, rate=0.0, dividend_yield=0.0,
            **AMERICAN,
        )  # fmt: skip

        def below(at, level):  # P(S_T < level)
            return erfc((np.log(at / level) / deviation - deviation / 2) / math.sqrt(2)) / 2

        def worth(at, level):  # E[(level − S_T)₊]
            up = erfc((np.log(at / level) / deviation + deviation / 2) / math.sqrt(2)) / 2
            return level * below(at, level) - at * up

        def value(at):  # without rates the reflected paths weigh S/H and start at H²/S
            image = barrier**2 / at
            ends_below = worth(at, barrier) + (strike - barrier) * below(at, barrier)
            ends_above = worth(image, strike) - worth(image, barrier)
            ends_above -= (strike - barrier) * below(image, barrier)
            return ends_below + at / barrier * ends_above

        def delta(at):  # by a complex step: exact to rounding
            return value(complex(at, 1e-30)).imag / 1e-30

        step = 1e-3 * deviation * spot
        gamma = (
            8 * (delta(spot + step) - delta(spot - step))
            - (delta(spot + 2 * step) - delta(spot - 2 * step))
        ) / (12 * step)
        assert put.value == pytest.approx(value(spot), rel=1e-9, abs=1e-12)
        assert put.delta == pytest.approx(delta(spot), rel=1e-7)
        assert put.gamma == pytest.approx(gamma, rel=1e-7)

    def test_lies_between_the_european_and_the_plain_put(self):
        for spot in (41.0, 50.0, 70.0):
            rare = knock_in_put(spot, 60.0, 40.0, **MODEL, **EUROPEAN).value
            often = knock_in_put(spot, 60.0, 40.0, **MODEL, **AMERICAN).value
            plain = european_options(
                "put", 60, 0.5, 0.6, spot=spot, rate=0.04, dividend_yield=0.01
            )["value"].item()
            assert rare < often < plain


class TestCrossedBarrier:
    @pytest.mark.parametrize(("spot", "knocked_in"), [(55.0, True), (39.0, False), (40.0, False)])
    def test_is_a_plain_put(self, spot, knocked_in):
        put = knock_in_put(spot, 60.0, 40.0, **MODEL, observation="american", knocked_in=knocked_in)
        plain = european_options("put", 60, 0.5, 0.6, spot=spot, rate=0.04, dividend_yield=0.01)
        for name in ("value", "delta", "gamma", "vanna"):
            assert getattr(put, name) == pytest.approx(plain[name].item(), rel=1e-5)

    def test_an_early_touch_does_not_count_at_maturity(self):
        there = knock_in_put(50, 60, 40, **MODEL, observation="european", knocked_in=True)
        assert there == knock_in_put(50, 60, 40, **MODEL, **EUROPEAN)

    def test_value_has_no_jump_there(self):
        above = knock_in_put(40 + 1e-7, 60, 40, **MODEL, **AMERICAN).value
        assert above == pytest.approx(knock_in_put(40, 60, 40, **MODEL, **AMERICAN).value, abs=1e-5)


class TestNearTheBarrier:
    """event.md, claim 12: hedging near a barrier can push delta past 1."""

    def test_delta_lies_beyond_one_and_falls_back_through_it(self):
        month = MODEL | {"years": 30 / 365}
        above, below = (knock_in_put(spot, 60, 40, **month, **AMERICAN) for spot in (40.1, 39.9))
        assert above.delta < -2
        assert -1 < below.delta < -0.9

    def test_the_excess_grows_towards_the_barrier(self):
        month = MODEL | {"years": 30 / 365}
        deltas = [knock_in_put(spot, 60, 40, **month, **AMERICAN).delta for spot in (55, 48, 41)]
        assert deltas == sorted(deltas, reverse=True)

    def test_a_europeans_gamma_changes_sign_at_the_end(self):
        week = MODEL | {"years": 7 / 365}
        signs = [np.sign(knock_in_put(s, 60, 40, **week, **EUROPEAN).gamma) for s in (42, 37.5)]
        assert signs == [1, -1]


class TestEuropeanObservation:
    def test_equals_the_pay_off_over_the_lognormal(self):
        put = knock_in_put(50.0, 60.0, 40.0, **MODEL, **EUROPEAN)

        def price(spot, volatility):
            # ∫ (K − S_T) 1{S_T < B}: a put at the barrier and cash K − B
            at = {"spot": spot, "rate": 0.04, "dividend_yield": 0.01}
            plain = naive_options.black_scholes("put", 40.0, 0.5, volatility, **at)
            root = volatility * math.sqrt(0.5)
            below = (math.log(40 / spot) - (0.03 - volatility**2 / 2) * 0.5) / root
            return plain + 20 * math.exp(-0.02) * naive_options.phi(below)

        twin = naive_options.bumped(price, 50.0, 0.6, 1e-2)
        for name in ("value", "delta", "gamma", "vanna"):
            assert getattr(put, name) == pytest.approx(twin[name], rel=1e-4, abs=1e-6), name

    def test_a_barrier_above_the_strike_adds_nothing(self):
        put = knock_in_put(70.0, 50.0, 60.0, **MODEL, **EUROPEAN)
        plain = european_options("put", 50, 0.5, 0.6, spot=70, rate=0.04, dividend_yield=0.01)
        assert put.value == pytest.approx(plain["value"].item(), rel=1e-12)


class TestArguments:
    def test_scale(self):
        one = knock_in_put(50.0, 60.0, 40.0, **MODEL, **AMERICAN)
        ten = knock_in_put(500.0, 600.0, 400.0, **MODEL, **AMERICAN)
        assert ten.value == pytest.approx(10 * one.value, rel=1e-9)
        assert ten.delta == pytest.approx(one.delta, rel=1e-7)
        assert ten.gamma == pytest.approx(one.gamma / 10, rel=1e-5)

    def test_refuses_what_it_cannot_value(self):
        said = "^observation must be one of american, european, got 'unknown'"
        with pytest.raises(ValueError, match=said):
            knock_in_put(50, 60, 40, **MODEL, observation="unknown", knocked_in=False)
        numbers = MODEL | {"spot": 50, "strike": 60, "barrier": 40}
        for name in ("spot", "strike", "barrier", "years", "volatility"):
            for wrong, printed in ((0, "0"), (-1, "-1"), (math.inf, "inf"), (math.nan, "nan")):
                with pytest.raises(ValueError, match=f"^{name} must be above 0, got {printed}"):
                    knock_in_put(**(numbers | {name: wrong}), **AMERICAN)

    def test_a_volatility_smaller_than_the_bump(self):
        # 0.1 % a year: the put in the money is worth its forward, and nothing bends
        calm = MODEL | {"volatility": 0.001}
        put = knock_in_put(45.0, 60.0, 40.0, **calm, observation="american", knocked_in=True)
        assert put.value == pytest.approx(60 * math.exp(-0.02) - 45 * math.exp(-0.005), rel=1e-9)
        assert put.delta == pytest.approx(-math.exp(-0.005), rel=1e-9)
        assert (put.gamma, put.vanna) == pytest.approx((0, 0), abs=1e-9)

    def test_a_small_volatility_is_differentiated_inside_itself(self):
        # 0.15 %: a step of 0.1 % would reach 0.05 %
        calm = {"years": 1.0, "volatility": 0.0015, "rate": 0.0, "dividend_yield": 0.0}
        put = knock_in_put(50.0, 50.05, 40.0, **calm, observation="american", knocked_in=True)

        def price(spot, volatility):
            at = {"spot": spot, "rate": 0.0, "dividend_yield": 0.0}
            return naive_options.black_scholes("put", 50.05, 1.0, volatility, **at)

        def delta(volatility, step=1e-5):
            return (price(50 + step, volatility) - price(50 - step, volatility)) / (2 * step)

        size = 0.0015 * 1e-3
        expected = (delta(0.0015 + size) - delta(0.0015 - size)) / (2 * size)
        assert put.vanna == pytest.approx(expected, rel=1e-3)
