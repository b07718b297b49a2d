from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from features.derivatives import CONVENTIONS, Zone, dealer_signs, gamma_profile
from tests import naive_options

REFERENCE = Path(__file__).parents[2].parent / "shared" / "references" / "options"
RATE = 0.04
MODEL = {"rate": RATE, "dividend_yield": 0.0, "multiplier": 100.0}


def book(n=40, seed=0):
    draw = np.random.default_rng(seed)
    middle = draw.uniform(0.1, 5, n)
    return pd.DataFrame(
        {
            "right": draw.choice(["call", "put"], n),
            "strike": draw.uniform(30, 70, n).round(),
            "years": draw.uniform(0.02, 1, n),
            "volatility": draw.uniform(0.3, 1.0, n),
            "open_interest": draw.integers(0, 50_000, n).astype(float),
            "volume": draw.integers(0, 40_000, n).astype(float),
            "bid": middle - 0.05,
            "ask": middle + 0.05,
            "last": middle + draw.uniform(-0.1, 0.1, n),
        }
    )


def profile_of(contracts, signs=None, spot=50.0, grid=None, **changed):
    signs = dealer_signs(contracts) if signs is None else signs
    grid = np.linspace(35, 65, 31) if grid is None else grid
    return gamma_profile(contracts, signs, spot=spot, grid=grid, **(MODEL | changed))


class TestWorkedExample:
    """shared/references: six contracts, S 50, 30 days, r 4.3 %, calls +, puts −."""

    CONTRACTS = pd.DataFrame(
        {
            "right": ["put", "put", "put", "call", "call", "call"],
            "strike": [40.0, 45, 50, 50, 55, 60],
            "years": 30 / 365,
            "volatility": [0.62, 0.57, 0.53, 0.53, 0.51, 0.52],
            "open_interest": [12000.0, 30000, 18000, 15000, 26000, 9000],
            "volume": 0.0, "bid": 1.0, "ask": 1.1, "last": 1.0,
        }
    )  # fmt: skip

    def test_total(self):
        held = profile_of(self.CONTRACTS, rate=0.043)
        assert held.profile.loc[50.0, "calls_long_puts_short"] == pytest.approx(
            -9936.834284391138, rel=1e-6
        )

    def test_each_contract(self):
        path = REFERENCE / "gex_worked_example.csv"
        if not path.exists():
            pytest.skip("the reference results are not beside this checkout")
        expected = pd.read_csv(path).iloc[:-1]
        for place, dollars in enumerate(expected["gex_usd_per_1pct"]):
            one = profile_of(self.CONTRACTS.iloc[[place]], rate=0.043)
            found = one.profile.loc[50.0, "calls_long_puts_short"]
            assert found == pytest.approx(dollars, rel=1e-6)


class TestSigns:
    def test_by_hand(self):
        contracts = pd.DataFrame(
            {
                "right": ["call", "put", "call", "put", "call"],
                # bought at the ask; sold at the bid; half of it traded in the middle; none; no OI
                "bid": [1.0, 1.0, 1.0, 1.0, 1.0],
                "ask": [1.2, 1.2, 1.2, 1.2, 1.2],
                "last": [1.2, 1.0, 1.1, 1.2, 1.2],
                "volume": [500.0, 200.0, 50.0, np.nan, 50.0],
                "open_interest": [100.0, 200.0, 100.0, 100.0, np.nan],
            }
        )
        signs = dealer_signs(contracts)
        assert list(signs.columns) == list(CONVENTIONS)
        assert signs["calls_long_puts_short"].tolist() == [1, -1, 1, -1, 1]
        assert signs["short_all"].tolist() == [-1] * 5
        assert signs["last_trade"].to_numpy() == pytest.approx([-1, 1, 0.5, -1, 1])

    def test_a_last_trade_outside_the_quote_counts_as_its_edge(self):
        contracts = book().assign(last=99.0, volume=1e9, open_interest=1.0)
        assert dealer_signs(contracts)["last_trade"].eq(-1).all()

    def test_a_locked_quote_has_a_side_but_no_width(self):
        contracts = pd.DataFrame(
            {
                "right": "call", "bid": 1.1, "ask": 1.1, "last": [1.2, 1.0, 1.1, np.nan],
                "volume": 50.0, "open_interest": 100.0,
            },
            index=list("abcd"),
        )  # fmt: skip
        signs = dealer_signs(contracts)
        # half of it traded: bought, sold, in the middle, nobody knows
        assert signs["last_trade"].to_dict() == pytest.approx({"a": 0, "b": 1, "c": 0.5, "d": 1})
        assert dealer_signs(contracts.assign(open_interest=0.0))["last_trade"].eq(1).all()


class TestProfile:
    def test_equals_the_slow_twin(self):
        contracts = book()
        signs = dealer_signs(contracts)
        held = profile_of(contracts)
        for spot in (35.0, 47.0, 65.0):
            for name in CONVENTIONS:
                twin = naive_options.gamma_exposure(
                    contracts, signs[name], spot, rate=RATE, multiplier=100
                )
                assert held.profile.loc[spot, name] == pytest.approx(twin, rel=1e-9)

    def test_the_band_holds_every_convention(self):
        held = profile_of(book()).profile
        for name in CONVENTIONS:
            assert held[name].between(held["low"], held["high"]).all()
        assert held["central"].between(held["low"], held["high"]).all()

    def test_order_of_contracts_and_scale_of_interest(self):
        contracts = book()
        held = profile_of(contracts)
        shuffled = profile_of(contracts.sample(frac=1, random_state=1))
        np.testing.assert_allclose(shuffled.profile, held.profile, rtol=1e-9)
        assert shuffled.side == held.side
        signs = dealer_signs(contracts)
        double = profile_of(contracts.assign(open_interest=2 * contracts["open_interest"]), signs)
        np.testing.assert_allclose(double.profile, 2 * held.profile, rtol=1e-12)
        assert double.zones == held.zones

    def test_a_missing_open_interest_is_none(self):
        contracts = book()
        holed = contracts.assign(
            open_interest=contracts["open_interest"].mask([True] + [False] * 39)
        )
        signs = dealer_signs(contracts)
        rest = profile_of(contracts.iloc[1:], signs.iloc[1:])
        np.testing.assert_allclose(profile_of(holed, signs).profile, rest.profile, rtol=1e-12)

    def test_refuses_a_grid_that_does_not_rise(self):
        for grid in ([50.0, 40.0], [50.0], [40.0, 40.0], [0.0, 40.0]):
            said = "^grid must hold at least 2 increasing spots above zero"
            with pytest.raises(ValueError, match=said):
                profile_of(book(), grid=np.array(grid))
        with pytest.raises(ValueError, match="^spot must be above 0, got 0"):
            profile_of(book(), spot=0.0)

    def test_the_band_at_spot_is_the_row_of_the_grid(self):
        contracts = book()
        held = profile_of(contracts, spot=50.0, grid=np.array([40.0, 50.0]))
        assert held.profile.index.tolist() == [40, 50]
        assert held.profile.index.name == "spot"
        assert held.profile.columns.tolist() == [*CONVENTIONS, "low", "central", "high"]
        row = held.profile.loc[50.0]
        assert (held.spot, held.low, held.central, held.high) == (
            50.0, row["low"], row["central"], row["high"],
        )  # fmt: skip
        three = row[list(CONVENTIONS)].sort_values()
        assert [held.low, held.central, held.high] == three.tolist()


class TestZones:
    """Puts open below, calls above: the usual picture around a spot of 50."""

    PAIR = pd.DataFrame(
        {
            "right": ["put", "call"], "strike": [40.0, 60.0], "years": 0.05, "volatility": 0.5,
            "open_interest": 1000.0,
        }
    )  # fmt: skip
    AGREE = pd.DataFrame({"a": [-1.0, 1.0], "b": [-1.0, 1.0]})
    APART = pd.DataFrame({"a": [-1.0, 1.0], "b": [-1.0, -1.0], "c": [-1.0, 1.0]})

    def test_conventions_that_agree_flip_in_a_point(self):
        held = profile_of(self.PAIR, self.AGREE, spot=42.0)
        assert held.side == "short"
        assert [zone.side for zone in held.zones] == ["short", "long"]
        assert held.flip == held.zones[0].upper == held.zones[1].lower
        assert held.flip_lower == held.flip_upper == held.flip
        assert 40 < held.flip < 60

    def test_a_dissenting_convention_opens_the_interval(self):
        held = profile_of(self.PAIR, self.APART, spot=58.0)
        assert held.side == "unknown"
        assert [zone.side for zone in held.zones] == ["short", "unknown"]
        assert held.flip_upper == np.inf
        assert held.flip_lower == held.zones[1].lower
        assert held.flip_lower <= held.flip

    def test_the_interval_is_open_where_the_grid_ends(self):
        # the mirror image: unknown below, long above
        apart = pd.DataFrame({"a": [-1.0, 1.0], "b": [1.0, 1.0], "c": [-1.0, 1.0]})
        held = profile_of(self.PAIR, apart, spot=58.0)
        assert [zone.side for zone in held.zones] == ["unknown", "long"]
        assert held.side == "long"
        assert (held.flip_lower, held.flip_upper) == (-np.inf, held.zones[0].upper)
        both = pd.DataFrame({"a": [-1.0, 1.0], "b": [1.0, -1.0], "c": [-1.0, 1.0]})
        held = profile_of(self.PAIR, both)
        assert (held.flip_lower, held.flip_upper) == (-np.inf, np.inf)

    def test_the_flip_nearest_to_spot_is_told(self):
        # short puts at 40, long calls at 50, short calls at 60: two changes of sign
        three = pd.DataFrame(
            {"strike": [40.0, 50, 60], "years": 0.02, "volatility": 0.4, "open_interest": 1000.0}
        )
        signs = pd.DataFrame({"a": [-1.0, 1.0, -1.0]})
        low, high = (profile_of(three, signs, spot=spot) for spot in (42.0, 58.0))
        assert 40 < low.flip < 50 < high.flip < 60
        assert [zone.side for zone in low.zones] == ["short", "long", "short"]
        assert low.zones == high.zones
        assert (low.flip, high.flip) == (low.zones[0].upper, low.zones[1].upper)
        # linear between the spots of the grid
        profile = low.profile["central"]
        before = profile.index[profile.index < low.flip][-1]
        ends = profile.loc[[before, before + 1]]
        assert np.interp(low.flip, ends.index, ends) == pytest.approx(
            0, abs=1e-6 * ends.abs().max()
        )

    def test_zones_cover_the_grid(self):
        for seed in range(6):
            held = profile_of(book(seed=seed))
            assert (held.zones[0].lower, held.zones[-1].upper) == (35.0, 65.0)
            for before, after in zip(held.zones[:-1], held.zones[1:], strict=True):
                assert before.upper == after.lower
                assert before.side != after.side

    def test_every_spot_of_the_grid_lies_in_a_zone_of_its_side(self):
        held = profile_of(book(seed=4))
        for spot, row in held.profile.iterrows():
            side = "short" if row["high"] < 0 else "long" if row["low"] > 0 else "unknown"
            assert side in {zone.side for zone in held.zones if zone.lower <= spot <= zone.upper}

    def test_all_short_has_one_zone_and_no_flip(self):
        held = profile_of(self.PAIR, self.APART[["b"]])
        assert held.zones == (Zone(lower=35.0, upper=65.0, side="short"),)
        assert np.isnan([held.flip, held.flip_lower, held.flip_upper]).all()

    def test_nothing_open_is_unknown(self):
        held = profile_of(self.PAIR.assign(open_interest=0.0), self.AGREE)
        assert held.side == "unknown"
        assert held.zones == (Zone(lower=35.0, upper=65.0, side="unknown"),)


class TestRecomputedOverSpot:
    def test_a_chain_of_three_hundred_over_sixty_spots_is_quick(self):
        from time import process_time

        contracts = book(300)
        signs = dealer_signs(contracts)
        profile_of(contracts, signs)
        start = process_time()
        profile_of(contracts, signs, grid=np.linspace(35, 65, 60))
        assert process_time() - start < 0.3
