import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.cross_section import (
    contrarian_spread,
    momentum_spread,
    multi_strategy,
    pair_spreads,
    robust_z,
)
from tests import naive_systemic

FACTORS = Path("../shared/market/history/equity_factors_pct.parquet")
ETFS = Path("../shared/market/ibit_era/prices.parquet")
DOW = Path("../shared/references/garch/dji30ret.csv.gz")


def panel(n_sessions, n_assets, *, seed, holes=0.0):
    rng = np.random.default_rng(seed)
    values = 0.01 * rng.standard_t(4, (n_sessions, n_assets))
    values[rng.random(values.shape) < holes] = np.nan
    return pd.DataFrame(
        values,
        pd.bdate_range("2024-01-02", periods=n_sessions),
        [f"A{place}" for place in range(n_assets)],
    )


MOMENTUM = {"lookback": 30, "skip": 5, "share": 1 / 3, "min_observations": 20}
PAIRS = {"lookback": 20, "volatility_window": 30, "min_observations": 15}
SCORE = {"window": 30, "min_observations": 20, "min_spreads": 2}


def all_spreads(returns):
    return pd.concat(
        [
            contrarian_spread(returns)["contrarian"],
            momentum_spread(returns, **MOMENTUM),
            pair_spreads(returns, pairs=[("A0", "A1"), ("A2", "A3")], **PAIRS),
        ],
        axis=1,
    )


OUTPUTS = {
    "contrarian": contrarian_spread,
    "momentum": lambda x: momentum_spread(x, **MOMENTUM).to_frame(),
    "pairs": lambda x: pair_spreads(x, pairs=[("A0", "A1"), ("A4", "A2")], **PAIRS),
    "multi_strategy": lambda x: multi_strategy(all_spreads(x), **SCORE),
}


class TestContrarian:
    def test_three_assets_by_hand(self):
        # Yesterday +3 %, 0, −3 %: weights −1 %, 0, +1 %. Today −1 %, +5 %, +2 %.
        simple = pd.DataFrame([[0.03, 0.0, -0.03], [-0.01, 0.05, 0.02]])
        row = contrarian_spread(np.log1p(simple)).iloc[1]
        assert row["contrarian_unscaled"] == pytest.approx(0.01 * 0.01 + 0.01 * 0.02)
        assert row["contrarian"] == pytest.approx(0.5 * 0.01 + 0.5 * 0.02)

    def test_equals_the_slow_twin(self):
        returns = panel(40, 5, seed=1, holes=0.3)
        pd.testing.assert_frame_equal(
            contrarian_spread(returns), naive_systemic.contrarian(returns), rtol=1e-10
        )

    def test_a_day_when_all_moved_alike_leaves_no_book(self):
        returns = pd.DataFrame([[0.01, 0.01, 0.01], [0.02, -0.01, 0.0]])
        row = contrarian_spread(returns).iloc[1]
        assert row["contrarian_unscaled"] == pytest.approx(0, abs=1e-18)
        assert np.isnan(row["contrarian"])

    @pytest.mark.skipif(not DOW.exists(), reason="the Dow returns are not beside the checkout")
    def test_the_signature_of_august_2007(self):
        # Khandani and Lo (2007), all US stocks at 8:1: −28 % over 7–9 August, +24 % on the 10th.
        # On 30 large ones the unwind is small, the rebound is still there.
        returns = pd.read_csv(DOW, index_col=0, parse_dates=True).loc["2007-08-01":"2007-08-13"]
        at_eight_to_one = 8 * contrarian_spread(returns)["contrarian"]
        assert at_eight_to_one["2007-08-08"] == pytest.approx(-0.0365, abs=5e-4)
        assert at_eight_to_one["2007-08-10"] == pytest.approx(0.0415, abs=5e-4)


class TestMomentum:
    def test_three_assets_by_hand(self):
        # Signal for the last row: rows t−3..t−2 (lookback 3, skip 1). A rose, C fell.
        returns = pd.DataFrame(
            [[0.02, 0.0, -0.01], [0.01, 0.0, -0.02], [-0.5, 0.0, 0.5], [0.03, 0.9, -0.01]]
        )
        spread = momentum_spread(returns, lookback=3, skip=1, share=1 / 3, min_observations=2)
        assert spread.iloc[:3].isna().all()
        assert spread.iloc[3] == pytest.approx(0.5 * (np.expm1(0.03) - np.expm1(-0.01)))

    @pytest.mark.parametrize("holes", [0.0, 0.1])
    def test_equals_the_slow_twin(self, holes):
        returns = panel(70, 7, seed=2, holes=holes)
        slow = naive_systemic.momentum(returns, *MOMENTUM.values())
        assert slow.notna().sum() > 30
        np.testing.assert_allclose(momentum_spread(returns, **MOMENTUM), slow, rtol=1e-10)

    def test_the_last_month_does_not_count(self):
        returns = panel(60, 6, seed=3)
        changed = returns.copy()
        changed.iloc[-6:-1] *= -7
        pd.testing.assert_series_equal(
            momentum_spread(returns, **MOMENTUM).iloc[-1:],
            momentum_spread(changed, **MOMENTUM).iloc[-1:],
        )

    def test_out_of_range(self):
        returns = panel(30, 4, seed=1)
        for change, said in (
            ({"skip": 30}, "skip must lie in 0 … 29, got 30"),
            ({"skip": -1}, "skip must lie in 0 … 29, got -1"),
            ({"share": 0.6}, "share must lie in 0 … 0.5, got 0.6"),
            ({"share": 0.0}, "share must be above 0, got 0"),
            (
                {"min_observations": 26},
                "min_observations must lie in 1 … 25, got 26",
            ),
            (
                {"min_observations": 0},
                "min_observations must lie in 1 … 25, got 0",
            ),
        ):
            with pytest.raises(ValueError, match=f"^{re.escape(said)}"):
                momentum_spread(returns, **(MOMENTUM | change))

    def test_the_ends_of_the_ranges_are_allowed(self):
        # yesterday's order, half on each side, no month left out
        returns = pd.DataFrame([[0.01, 0.03, 0.02, np.nan], [0.04, 0.02, 0.01, 0.9]])
        spread = momentum_spread(returns, lookback=1, skip=0, share=0.5, min_observations=1)
        assert np.isnan(spread[0])
        assert spread[1] == pytest.approx(0.5 * (np.expm1(0.02) - np.expm1(0.04)))
        two = momentum_spread(returns[[0, 1]], lookback=1, skip=0, share=0.5, min_observations=1)
        assert two.isna().all()


class TestPairs:
    def test_two_legs_by_hand(self):
        # Leg A has twice the volatility of B, so it weighs ⅓; A has paid +2 %, B −1 %: long A.
        before = pd.DataFrame({"A": [0.04, -0.02, 0.04, -0.04], "B": [0.01, -0.02, 0.01, -0.01]})
        before["A"] = 2 * np.array([0.01, -0.02, 0.03, -0.01])
        before["B"] = np.array([0.01, -0.02, 0.03, -0.01])[::-1] * -1
        returns = pd.concat([before, pd.DataFrame({"A": [-0.03], "B": [0.02]})], ignore_index=True)
        spread = pair_spreads(
            returns, pairs=[("A", "B")], lookback=4, volatility_window=4, min_observations=4
        )
        expected = np.expm1(-0.03) / 3 - np.expm1(0.02) * 2 / 3
        assert spread["A~B"].iloc[-1] == pytest.approx(expected)
        assert spread["A~B"].iloc[:-1].isna().all()

    @pytest.mark.parametrize("holes", [0.0, 0.15])
    def test_equals_the_slow_twin(self, holes):
        returns = panel(80, 2, seed=4, holes=holes)
        fast = pair_spreads(returns, pairs=[("A0", "A1")], **PAIRS)["A0~A1"]
        slow = naive_systemic.pair(returns, "A0", "A1", *PAIRS.values())
        assert slow.notna().sum() > 20
        np.testing.assert_allclose(fast, slow, rtol=1e-9)

    def test_naming_the_legs_the_other_way_round_changes_nothing(self):
        returns = panel(80, 2, seed=5)
        both = pair_spreads(returns, pairs=[("A0", "A1"), ("A1", "A0")], **PAIRS)
        np.testing.assert_allclose(both["A0~A1"], both["A1~A0"], rtol=1e-12)

    def test_a_pegged_leg_has_no_volatility_to_scale_by(self):
        returns = panel(60, 1, seed=6).assign(PEG=0.001)
        assert pair_spreads(returns, pairs=[("A0", "PEG")], **PAIRS)["A0~PEG"].isna().all()

    def test_out_of_range(self):
        returns = panel(60, 2, seed=6)
        said = r"^pairs must name columns of returns, got \['ZZZ'\];"
        with pytest.raises(ValueError, match=said):
            pair_spreads(returns, pairs=[("A0", "ZZZ")], **PAIRS)
        with pytest.raises(ValueError, match=r"^a pair must name two assets, got \('A0', 'A0'\)"):
            pair_spreads(returns, pairs=[("A0", "A0")], **PAIRS)
        for wrong in (2, 21):
            said = f"^min_observations must lie in 3 … 20, got {wrong};"
            with pytest.raises(ValueError, match=said):
                pair_spreads(returns, pairs=[("A0", "A1")], **(PAIRS | {"min_observations": wrong}))


class TestMultiStrategy:
    def test_four_sessions_by_hand(self):
        spreads = pd.DataFrame(
            {"value": [1.0, -1, -2, 3], "momentum": [1.0, -1, 2, -1], "quality": [2.0, -3, -1, 1]}
        )
        table = multi_strategy(spreads, window=3, min_observations=2, min_spreads=3)
        assert table["losing"].tolist() == [0, 3, 2, 1]
        assert table["degrossing"].tolist() == [False, True, False, False]
        # Row 2: medians 0, 0, −½ and MADs 1, 1, 2½ of two rows; z = −2, 2, −½/2½ over 1.4826.
        scaled = np.array([-2, 2, -0.2]) / 1.4826
        assert table["worst"].iloc[2] == pytest.approx(scaled.min())
        assert table["worst_spread"].iloc[2] == "value"
        assert table["average"].iloc[2] == pytest.approx(scaled.mean())
        assert table["rebound"].iloc[2] == table["average"].iloc[2]
        assert table["rebound"].drop(2).isna().all()

    def test_the_scores_are_robust_z_of_worst_and_average(self):
        table = multi_strategy(all_spreads(panel(150, 6, seed=7)), **SCORE)
        for name in ("worst", "average"):
            expected = robust_z(table[name], window=30, min_observations=20)
            assert expected.notna().sum() > 40
            pd.testing.assert_series_equal(
                table[f"{name}_z"], expected, check_names=False, check_exact=True
            )

    def test_a_worst_sleeve_is_ordinary_by_its_own_history(self):
        rng = np.random.default_rng(8)
        table = multi_strategy(
            pd.DataFrame(rng.standard_normal((600, 10))),
            window=250,
            min_observations=125,
            min_spreads=5,
        )
        assert table["worst"].median() < -1.4
        assert abs(table["worst_z"].median()) < 0.2

    def test_a_silent_sleeve_is_no_zero(self):
        spreads = all_spreads(panel(120, 6, seed=9))
        spreads.iloc[100] = [-0.01, -0.02, -0.01, np.nan]
        spreads.iloc[101] = [-0.01, np.nan, np.nan, np.nan]
        table = multi_strategy(spreads, **SCORE)
        assert table["spreads"].iloc[100] == 3
        assert table["degrossing"].iloc[100]
        assert table["degrossing"].iloc[101] is pd.NA
        assert np.isnan(table["worst_z"].iloc[101])

    def test_a_sleeve_that_never_moves_is_never_scaled(self):
        spreads = all_spreads(panel(120, 6, seed=10)).assign(dead=0.0)
        table = multi_strategy(spreads, **SCORE)
        assert (table["worst_spread"].dropna() != "dead").all()
        assert np.isfinite(table["worst_z"].iloc[-1])

    @given(seed=st.integers(0, 500), factors=st.lists(st.floats(1e-4, 1e4), min_size=4, max_size=4))
    @settings(max_examples=15, deadline=None)
    def test_units_and_order_of_sleeves_do_not_matter(self, seed, factors):
        spreads = all_spreads(panel(110, 6, seed=seed))
        plain = multi_strategy(spreads, **SCORE)
        other = multi_strategy((spreads * factors)[spreads.columns[::-1]], **SCORE)
        pd.testing.assert_frame_equal(plain, other, rtol=1e-9, atol=1e-9)

    def test_out_of_range(self):
        spreads = all_spreads(panel(60, 6, seed=1))
        for wrong in (1, 5):
            said = f"^min_spreads must lie in 2 … 4, got {wrong}"
            with pytest.raises(ValueError, match=said):
                multi_strategy(spreads, window=30, min_observations=20, min_spreads=wrong)
        with pytest.raises(ValueError, match="^spreads must be finite or missing, got inf for bad"):
            multi_strategy(spreads.assign(bad=np.inf), **SCORE)

    def test_all_spreads_may_be_asked_for_and_rows_keep_their_sessions(self):
        spreads = all_spreads(panel(120, 6, seed=13))
        table = multi_strategy(spreads, window=30, min_observations=20, min_spreads=4)
        assert table.index.equals(spreads.index)
        assert table["worst_z"].notna().any()
        assert table["worst_spread"].notna().equals(table["worst"].notna())
        assert table["degrossing"].isna().equals(spreads.isna().any(axis=1))


def score_factors(*names):
    factors = pd.read_parquet(FACTORS).set_index("session")
    factors.index = pd.to_datetime(factors.index)
    return multi_strategy(
        factors.loc[:"2008-06-30", list(names)], window=252, min_observations=126, min_spreads=3
    )


@pytest.mark.market
@pytest.mark.skipif(not FACTORS.exists(), reason="the factor returns are not beside the checkout")
class TestQuantMeltdown:
    """7–10 August 2007: Khandani and Lo (2007); factor returns of the French data library."""

    def test_all_four_lose_on_the_eighth_and_ninth_and_rebound_on_the_tenth(self):
        table = score_factors("HML", "RMW", "CMA", "Mom")
        assert table.loc["2007-08-08":"2007-08-10", "degrossing"].tolist() == [True, True, False]
        assert table.loc["2007-08-10", "losing"] == 0
        assert table.loc["2007-08-08", "average_z"] == pytest.approx(-8.16, abs=0.01)
        assert table.loc["2007-08-09", "average_z"] == pytest.approx(-8.23, abs=0.01)
        assert table.loc["2007-08-10", "rebound"] == pytest.approx(4.72, abs=0.01)
        assert np.isnan(table.loc["2007-08-08", "rebound"])

    def test_nothing_else_in_four_years_comes_near(self):
        table = score_factors("HML", "RMW", "CMA", "Mom")
        assert set(table["average_z"].nsmallest(2).index) == {
            pd.Timestamp("2007-08-08"),
            pd.Timestamp("2007-08-09"),
        }
        assert table["rebound"].idxmax() == pd.Timestamp("2007-08-10")

    def test_size_gained_so_five_factors_are_no_degrossing_day(self):
        table = score_factors("SMB", "HML", "RMW", "CMA", "Mom")
        assert table.loc["2007-08-08":"2007-08-09", "losing"].tolist() == [4, 4]
        assert not table.loc["2007-08-08":"2007-08-09", "degrossing"].any()
        assert table.loc["2007-08-08", "average_z"] < -6


@pytest.mark.market
@pytest.mark.skipif(not ETFS.exists(), reason="the market data is not beside the checkout")
class TestFebruary2026:
    """What public ETF prices show of the episode: little, and that must stay visible."""

    def test_the_proxy_sees_no_degrossing_day(self):
        prices = pd.read_parquet(ETFS)
        wide = prices.set_index(["session", "symbol"])["adj_close"].unstack()  # noqa: PD010
        wide.index = pd.to_datetime(wide.index)
        wide = wide[wide["SPY"].notna()]
        returns = np.log(wide).diff()
        sectors = returns[[name for name in wide.columns if name.startswith("XL")]]
        spreads = pd.concat(
            [
                contrarian_spread(sectors)["contrarian"],
                momentum_spread(sectors, lookback=252, skip=21, share=1 / 3, min_observations=200),
                pair_spreads(
                    returns,
                    pairs=[("IGV", "SMH"), ("IWM", "QQQ"), ("XLE", "XLU"), ("XLF", "XLV")],
                    lookback=60,
                    volatility_window=60,
                    min_observations=40,
                ),
            ],
            axis=1,
        )
        table = multi_strategy(spreads, window=252, min_observations=126, min_spreads=3)
        event = table.loc["2026-02-03":"2026-02-06"]
        assert not event["degrossing"].any()
        assert event["average_z"].min() > -2
        # The single spreads do: momentum −3 on the 3rd, contrarian −3 on the 4th.
        assert event["worst_spread"].tolist()[:2] == ["momentum", "contrarian"]
        assert event["worst"].iloc[0] == pytest.approx(-3.19, abs=0.02)
        assert event["worst"].iloc[1] == pytest.approx(-2.99, abs=0.02)


class TestNoLookAhead:
    @pytest.mark.parametrize("name", OUTPUTS)
    @pytest.mark.parametrize("cut", [40, 77, 118])
    def test_the_row_is_the_same_on_data_up_to_it(self, name, cut):
        returns = panel(120, 6, seed=11, holes=0.02)
        whole, part = OUTPUTS[name](returns), OUTPUTS[name](returns.iloc[: cut + 1])
        pd.testing.assert_frame_equal(whole.iloc[: cut + 1], part, check_exact=True)

    @pytest.mark.parametrize("name", OUTPUTS)
    def test_no_session_gives_no_row_and_an_infinite_return_is_refused(self, name):
        returns = panel(60, 6, seed=12)
        assert len(OUTPUTS[name](returns.iloc[:0])) == 0
        returns.iloc[30, 0] = np.inf
        with pytest.raises(ValueError, match="must be finite or missing, got inf"):
            OUTPUTS[name](returns)
