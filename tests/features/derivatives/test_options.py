import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.derivatives import (
    closed_form_gamma,
    european_options,
    implied_volatilities,
    price_bounds,
)
from features.derivatives.options import GREEKS
from tests import naive_options

REFERENCES = Path(__file__).parents[2].parent / "shared" / "references" / "options"
MARKET = {"spot": 48.0, "rate": 0.04, "dividend_yield": 0.01}


def fraction(text):
    top, _, bottom = str(text).partition("/")
    return float(top) / float(bottom or 1)


def reference(name):
    path = REFERENCES / name
    if not path.exists():
        pytest.skip("the reference results are not beside this checkout")
    rows = pd.read_csv(path)
    found = european_options(
        rows["type"].str.lower(), rows["strike"], rows["t"].map(fraction), rows["vol"],
        spot=rows["spot"], rate=rows["r"], dividend_yield=rows["q"],
    )  # fmt: skip
    return rows, found


class TestHaug:
    """Haug, The Complete Guide to Option Pricing Formulas (1998)."""

    def test_one_price_of_the_book(self):
        # S 60, K 65, T 0.25, r 8 %, σ 30 %: 2.1334
        call = european_options("call", 65, 0.25, 0.3, spot=60, rate=0.08, dividend_yield=0)
        assert call["value"].item() == pytest.approx(2.1334, abs=1e-4)

    def test_all_prices(self):
        rows, found = reference("quantlib_haug_european.csv")
        assert len(rows) >= 43
        assert (found["value"] - rows["value"]).abs().max() < 1e-4

    def test_all_greeks(self):
        rows, found = reference("quantlib_haug_greeks.csv")
        assert len(rows) >= 11
        for place, name in enumerate(rows["greek"]):
            assert found[name].iloc[place] == pytest.approx(rows["value"].iloc[place], abs=1e-4)


class TestEuropeanOptions:
    def test_by_hand(self):
        # at the forward, no rates: value = S(2Φ(σ√T/2) − 1), delta Φ(σ√T/2), σ√T = 0.2
        row = european_options("call", 100, 1, 0.2, spot=100, rate=0, dividend_yield=0).iloc[0]
        assert row["delta"] == pytest.approx(0.539827837277029, abs=1e-12)
        assert row["value"] == pytest.approx(7.965567455405804, abs=1e-10)
        assert row["gamma"] == pytest.approx(0.3969525474770118 / 20, abs=1e-12)

    @pytest.mark.parametrize("right", ["call", "put"])
    @pytest.mark.parametrize(("strike", "years"), [(40, 0.02), (48, 0.5), (70, 2.0)])
    def test_equals_the_slow_twin_and_its_differences(self, right, strike, years):
        row = european_options(right, strike, years, 0.55, **MARKET).iloc[0]

        def price(spot, volatility):
            return naive_options.black_scholes(
                right, strike, years, volatility, **(MARKET | {"spot": spot})
            )

        twin = naive_options.bumped(price, 48.0, 0.55, 1e-3)
        for name, value in twin.items():
            assert row[name] == pytest.approx(value, rel=1e-4, abs=1e-6), name

    @pytest.mark.parametrize("right", ["call", "put"])
    def test_each_greek_by_its_difference(self, right):
        at = {"years": 0.5, "volatility": 0.55} | MARKET

        def value(**changed):
            asked = at | changed
            return european_options(right, 50, **asked).iloc[0]

        row, step = value(), 1e-4
        for name, argument in (("rho", "rate"), ("dividend_rho", "dividend_yield")):
            bumped = [value(**{argument: at[argument] + side}) for side in (step, -step)]
            slope = (bumped[0]["value"] - bumped[1]["value"]) / (2 * step)
            assert row[name] == pytest.approx(slope, rel=1e-5)
        later, sooner = value(years=0.5 - step), value(years=0.5 + step)
        assert row["theta"] == pytest.approx((later - sooner)["value"] / (2 * step), rel=1e-5)
        assert row["theta_per_day"] == pytest.approx(row["theta"] / 365)
        assert row["elasticity"] == pytest.approx(row["delta"] * 48 / row["value"])

    def test_put_call_parity(self):
        call, put = (european_options(side, 50, 0.7, 0.4, **MARKET) for side in ("call", "put"))
        forward = 48 * math.exp(-0.01 * 0.7) - 50 * math.exp(-0.04 * 0.7)
        assert (call["value"] - put["value"]).item() == pytest.approx(forward, abs=1e-12)

    @pytest.mark.parametrize(("years", "volatility"), [(0, 0.5), (-1, 0.5), (1, 0), (1, np.nan)])
    def test_without_time_or_volatility_is_nan(self, years, volatility):
        assert european_options("put", 50, years, volatility, **MARKET).isna().all(axis=None)

    def test_one_row_an_option_in_order(self):
        both = european_options(["call", "put"], [40, 60], 1, [0.5, 0.6], **MARKET)
        assert list(both.columns) == list(GREEKS)
        for place, (right, strike, sigma) in enumerate([("call", 40, 0.5), ("put", 60, 0.6)]):
            alone = european_options(right, strike, 1, sigma, **MARKET)
            pd.testing.assert_series_equal(both.iloc[place], alone.iloc[0], check_names=False)

    def test_refuses_what_is_no_option(self):
        with pytest.raises(ValueError, match="^right must be one of call, put, got 'C'"):
            european_options(["put", "X", "C"], 50, 1, 0.5, **MARKET)
        for wrong in (-5, 0):
            with pytest.raises(ValueError, match=f"^strike must be above 0, got {wrong}"):
                european_options("call", [50, wrong], 1, 0.5, **MARKET)
            with pytest.raises(ValueError, match=f"^spot must be above 0, got {wrong}"):
                implied_volatilities("call", 50, 1, 0.5, **(MARKET | {"spot": wrong}))


class TestImpliedVolatility:
    @settings(max_examples=40, deadline=None)
    @given(
        st.sampled_from(["call", "put"]), st.floats(30, 80), st.floats(0.01, 2),
        st.floats(0.1, 2.5),
    )  # fmt: skip
    def test_returns_where_the_price_came_from(self, right, strike, years, volatility):
        row = european_options(right, strike, years, volatility, **MARKET).iloc[0]
        lower, _ = price_bounds(right, strike, years, **MARKET)
        if row["vega"] < 1e-3 or row["value"] - lower[0] < 1e-6:
            return
        found = implied_volatilities(right, strike, years, row["value"], **MARKET)
        assert found[0] == pytest.approx(volatility, rel=1e-6)

    def test_equals_bisection(self):
        found = implied_volatilities("put", 45, 0.3, 3.21, **MARKET)[0]
        assert found == pytest.approx(
            naive_options.implied_volatility("put", 45, 0.3, 3.21, **MARKET), abs=1e-8
        )

    @pytest.mark.parametrize("price", [-1.0, 0.0, 3.0, 48.0, 60.0, np.nan])
    def test_none_outside_the_bounds(self, price):
        # a call struck at 40 is worth at least 48·e^{−0.005} − 40·e^{−0.02} = 8.55, at most 47.76
        assert np.isnan(implied_volatilities("call", 40, 0.5, price, **MARKET)[0])

    def test_none_for_the_rows_that_cannot_be_and_one_for_the_others(self):
        found = implied_volatilities(
            ["call", "put", "put", "call"], 50, [0.5, 0, -1, 0.5], [3.0, 3, 3, np.nan], **MARKET
        )
        assert np.isnan(found).tolist() == [False, True, True, True]
        assert found[0] == implied_volatilities("call", 50, 0.5, 3.0, **MARKET)[0]

    def test_bounds_by_hand(self):
        # S 48, q 1 %, r 4 %, half a year: the share is worth 47.76, a strike of 60 58.81
        held, owed = 48 * math.exp(-0.005), 60 * math.exp(-0.02)
        lower, upper = price_bounds(["call", "put"], 60, 0.5, **MARKET)
        assert lower == pytest.approx([0, owed - held])
        assert upper == pytest.approx([held, owed])


class TestClosedFormGamma:
    def test_is_quantlibs(self):
        draw = np.random.default_rng(3)
        strike, years = draw.uniform(20, 80, 25), draw.uniform(0.003, 2, 25)
        volatility = draw.uniform(0.1, 2.5, 25)
        spots = np.linspace(25, 60, 8)
        found = closed_form_gamma(
            strike, years, volatility, spots=spots, rate=0.04, dividend_yield=0.02
        )
        for place, spot in enumerate(spots):
            for right in ("call", "put"):
                library = european_options(
                    [right] * 25, strike, years, volatility,
                    spot=spot, rate=0.04, dividend_yield=0.02,
                )["gamma"]  # fmt: skip
                np.testing.assert_allclose(found[place], library, rtol=1e-10, atol=1e-15)
