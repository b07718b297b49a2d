import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.derivatives import (
    barrier_distance,
    hitting_probability,
    notional_density,
    terminal_probability,
)
from tests import naive_options

MODEL = {"volatility": 0.6, "years": 0.5, "drift": 0.1}


class TestHittingProbability:
    def test_without_drift_it_doubles_the_end(self):
        # m = 0 at drift σ²/2: the reflection principle, P = 2Φ(b/(σ√h)); b = −0.3, σ√h = 0.3
        found = hitting_probability(1.0, math.exp(-0.3), volatility=0.3, years=1, drift=0.045)
        assert found == pytest.approx(2 * 0.158655253931457, abs=1e-12)

    @pytest.mark.parametrize("drift", [-0.4, 0.0, 0.4])
    @pytest.mark.parametrize("barrier", [42.0, 35.0])
    def test_equals_simulated_paths(self, drift, barrier):
        # Looked at 125 times, a barrier acts as one lower by e^{−0.5826 σ√(h/125)}: Broadie,
        # Glasserman and Kou (1997).
        steps, paths = 125, 40_000
        shifted = barrier * math.exp(-0.5826 * 0.6 * math.sqrt(0.5 / steps))
        found = hitting_probability(50.0, shifted, **(MODEL | {"drift": drift}))
        share = naive_options.touched_share(
            50.0, barrier, volatility=0.6, years=0.5, drift=drift, steps=steps, paths=paths, seed=5
        )
        error = math.sqrt(share * (1 - share) / paths)
        assert abs(found - share) < 4 * error

    def test_at_the_barrier_it_is_one(self):
        assert hitting_probability(40.0, 40.0, **MODEL) == 1

    def test_refuses_a_barrier_above_the_price(self):
        said = "barrier must not lie above the spot, got 40 above 39"
        with pytest.raises(ValueError, match=said):
            hitting_probability([50.0, 39.0], 40.0, **MODEL)

    def test_no_time_and_missing(self):
        assert hitting_probability(50.0, 40.0, **(MODEL | {"years": 0})) == 0
        assert np.isnan(hitting_probability(np.nan, 40.0, **MODEL))

    @settings(max_examples=60, deadline=None)
    @given(
        st.floats(0.01, 0.999), st.floats(0.001, 5), st.floats(1e-4, 30), st.floats(-2, 2),
    )  # fmt: skip
    def test_is_a_probability_and_not_below_that_of_the_end(self, ratio, sigma, years, drift):
        model = {"volatility": sigma, "years": years, "drift": drift}
        touch = hitting_probability(100.0, 100 * ratio, **model)
        end = terminal_probability(100.0, 100 * ratio, **model)
        assert 0 <= end <= touch + 1e-12
        assert touch <= 1

    def test_rises_with_time_and_falls_with_distance(self):
        longer = hitting_probability(50.0, 40.0, volatility=0.6, years=[0.1, 0.5, 2], drift=0.0)
        farther = hitting_probability(50.0, [45, 40, 30], **MODEL)
        assert (np.diff(longer) > 0).all()
        assert (np.diff(farther) < 0).all()

    def test_knows_no_currency(self):
        assert hitting_probability(50.0, 40.0, **MODEL) == pytest.approx(
            hitting_probability(5e6, 4e6, **MODEL), rel=1e-12
        )

    def test_refuses_a_price_of_zero(self):
        with pytest.raises(ValueError, match="^spot must be above 0, got 0"):
            hitting_probability([50.0, 0.0], 40.0, **MODEL)
        with pytest.raises(ValueError, match="^barrier must be above 0, got -2"):
            terminal_probability(50.0, -2.0, **MODEL)
        with pytest.raises(ValueError, match="^volatility must be above 0, got -1"):
            hitting_probability(50.0, 40.0, **(MODEL | {"volatility": -1}))
        with pytest.raises(ValueError, match="^volatility must be above 0, got 0"):
            barrier_distance(50.0, 40.0, volatility=0.0, years=0.5)

    def test_one_missing_argument_of_many_leaves_its_own_row_unknown(self):
        for name in MODEL:
            holed = MODEL | {name: [MODEL[name], np.nan]}
            for probability in (hitting_probability, terminal_probability):
                found = probability([50.0, 50.0], 40.0, **holed)
                assert np.isnan(found).tolist() == [False, True]
                assert found[0] == probability(50.0, 40.0, **MODEL)

    def test_a_horizon_that_is_over_touches_nothing_but_what_is_touched(self):
        over = MODEL | {"years": -0.1}
        assert hitting_probability([50.0, 40.0], 40.0, **over).tolist() == [0, 1]
        assert terminal_probability([50.0, 39.0], 40.0, **over).tolist() == [0, 1]


class TestTerminalProbability:
    def test_by_hand(self):
        # no drift of the logarithm: Φ(ln 0.8 / 0.4) at σ√h = 0.4
        found = terminal_probability(50, 40, volatility=0.4, years=1, drift=0.08)
        assert found == pytest.approx(naive_options.phi(math.log(0.8) / 0.4), abs=1e-12)

    def test_with_no_time_left_it_is_where_the_price_is(self):
        now = MODEL | {"years": 0}
        assert terminal_probability([41.0, 40.0, 39.0], 40.0, **now).tolist() == [0, 0, 1]


class TestDistance:
    def test_in_standard_deviations(self):
        found = barrier_distance([50, 40, 30], 40.0, volatility=0.5, years=0.25)
        expected = [math.log(50 / 40) / 0.25, 0, math.log(30 / 40) / 0.25]
        assert found == pytest.approx(expected)

    def test_no_horizon_has_none(self):
        found = barrier_distance(50, 40, volatility=0.5, years=[0.0, -1.0, np.nan, 0.25])
        assert np.isnan(found).tolist() == [True, True, True, False]


class TestNotionalDensity:
    def test_by_hand(self):
        # the November note at 43.6 and a cluster near 38–39, seen from 41.57
        barriers, notionals = [43.6, 38.6, 38.3, 38.7, 20.0, np.nan], [10.0, 5, 7, 9, 99, 99]
        held = notional_density(barriers, notionals, spot=41.57, reach=0.1)
        assert len(held) == 20
        filled = held[held["notional"] > 0].set_index("percent")["notional"].to_dict()
        # 38.3 / 41.57 = 0.921, 38.6 → 0.9286, 38.7 → 0.931, 43.6 → 1.0488
        assert filled == {-8: 12.0, -7: 9.0, 4: 10.0}

    def test_a_barrier_on_an_edge_belongs_above_it(self):
        held = notional_density([90.0, 91.0], [1.0, 2.0], spot=100.0, reach=0.1)
        assert held["notional"].iloc[:2].tolist() == [1, 2]
        assert held.loc[0, ["lower", "upper"]].tolist() == [90, 91]

    def test_keeps_every_dollar_within_reach(self):
        draw = np.random.default_rng(2)
        barriers, notionals = draw.uniform(80.01, 119.99, 200), draw.uniform(1, 9, 200)
        held = notional_density(barriers, notionals, spot=100.0, reach=0.2)
        assert held["notional"].sum() == pytest.approx(notionals.sum())
        for _, row in held.iterrows():
            inside = (barriers >= row["lower"]) & (barriers < row["upper"])
            assert row["notional"] == pytest.approx(notionals[inside].sum())

    def test_refuses_a_reach_beyond_zero(self):
        for wrong in (1.0, 0.005):
            said = f"^reach must lie in 0.01 … 0.99, got {wrong}"
            with pytest.raises(ValueError, match=said):
                notional_density([90.0], [1.0], spot=100.0, reach=wrong)
        with pytest.raises(ValueError, match="^spot must be above 0, got 0"):
            notional_density([90.0], [1.0], spot=0, reach=0.1)

    def test_the_shortest_reach_and_its_ends(self):
        # the lower end belongs to the map, the upper one does not; half a note is none
        barriers, notionals = [98.9, 99.0, 100.0, 101.0, 100.5], [1.0, 2, 4, 8, np.nan]
        held = notional_density(barriers, notionals, spot=100.0, reach=0.01)
        assert held.to_dict("list") == {
            "lower": [99, 100], "upper": [100, 101], "percent": [-1, 0], "notional": [2, 4],
        }  # fmt: skip
        assert notional_density([], [], spot=100.0, reach=0.01)["notional"].tolist() == [0, 0]
