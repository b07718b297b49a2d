"""Scale, expectation and conflict of fund flows: hand-sized cases, twins, no look-ahead."""

import numpy as np
import pandas as pd
import pytest

from features.fund_flows import (
    calendar_indicators,
    creation_share,
    cumulative_surprise,
    dating_match,
    flow_design,
    premium,
    rolled_assets,
    unfinished_funds,
    vendor_conflict,
)
from tests import naive_mechanisms
from unwind.calendar import sessions_between

SESSIONS = sessions_between(pd.Timestamp("2025-09-02").date(), pd.Timestamp("2026-02-06").date())


def series(values, start=0):
    return pd.Series(np.asarray(values, float), index=SESSIONS[start : start + len(values)])


@pytest.fixture(scope="module")
def market():
    generator = np.random.default_rng(3)
    n = len(SESSIONS)
    return (
        series(generator.normal(0, 0.004, n)),
        series(generator.normal(0, 0.03, n)),
        series(np.exp(generator.normal(17, 0.3, n))),
    )


class TestRolledAssets:
    def test_by_hand(self) -> None:
        # 100 at 50; price to 55 gives 110, less 10; to 44 gives 80, and 20 come in
        assets = rolled_assets(series([0, -10, 20]), series([50, 55, 44]), opening=100.0)
        assert assets.tolist() == pytest.approx([100, 100, 100])

    def test_against_the_loop(self, market) -> None:
        flow, returns, _ = market
        close = 40 * np.exp(returns.cumsum())
        slow = naive_mechanisms.rolled_assets((1e4 * flow).tolist(), close.tolist(), 5000.0)
        assert rolled_assets(1e4 * flow, close, opening=5000.0).to_numpy() == pytest.approx(slow)

    def test_a_missing_flow_leaves_what_follows_unknown(self) -> None:
        assets = rolled_assets(series([1, np.nan, 1, 1]), series([1, 1, 1, 1]), opening=9.0)
        assert assets.isna().tolist() == [False, True, True, True]

    def test_a_missing_price_leaves_its_own_row_unknown(self) -> None:
        assets = rolled_assets(series([1, 1]), series([1, np.nan]), opening=9.0)
        assert assets.isna().tolist() == [False, True]

    def test_a_negative_opening_is_refused(self) -> None:
        said = "^opening must be at least 0, got -1"
        with pytest.raises(ValueError, match=said):
            rolled_assets(series([1]), series([1]), opening=-1)

    def test_a_new_fund_opens_with_nothing(self) -> None:
        assets = rolled_assets(series([10, 0]), series([50, 55]), opening=0)
        assert assets.tolist() == pytest.approx([10, 11])
        nothing = pd.Series([], dtype="int64")
        assert rolled_assets(nothing, nothing, opening=0).dtype == "float64"


class TestDesign:
    def test_each_row_by_name(self, market) -> None:
        share, returns, shares = market
        design = flow_design(share, returns, shares, lags=3, volume_window=20)
        for t in (0, 3, 19, 20, 50, len(SESSIONS) - 1):
            slow = naive_mechanisms.flow_row(
                share.tolist(), returns.tolist(), shares.tolist(), SESSIONS, t, 3, 20
            )
            assert list(design.columns) == list(slow)
            if t >= 20:
                assert design.iloc[t].tolist() == pytest.approx(list(slow.values()), nan_ok=True)
        assert design.iloc[:3].isna().any(axis=1).all()

    def test_uses_no_later_row_and_not_the_flow_itself(self, market) -> None:
        share, returns, shares = market
        whole = flow_design(share, returns, shares, lags=3, volume_window=20)
        cut = [part.iloc[:60].copy() for part in market]
        cut[0].iloc[-1] = 99.0
        prefix = flow_design(*cut, lags=3, volume_window=20)
        pd.testing.assert_frame_equal(whole.iloc[:60], prefix, check_exact=True)

    @pytest.mark.parametrize(
        ("lags", "window", "said"),
        [
            (0, 20, "lags must be at least 1, got 0"),
            (1, 1, "volume_window must be at least 2, got 1"),
        ],
    )
    def test_arguments_out_of_range(self, market, lags: int, window: int, said: str) -> None:
        with pytest.raises(ValueError, match=f"^{said}"):
            flow_design(*market, lags=lags, volume_window=window)

    def test_the_shortest_design_by_hand(self) -> None:
        found = flow_design(
            series([0.1, 0.2, 0.3]), series([0.0, -0.5, 0.4]), series([10, 30, 40]),
            lags=1, volume_window=2,
        )  # fmt: skip
        assert found.columns.tolist() == [
            "constant", "flow_1", "gain", "loss", "return_before", "volume",
            "Tuesday", "Wednesday", "Thursday", "Friday", "month_start",
        ]  # fmt: skip
        told = found.drop(columns="constant").iloc[2, :5].tolist()  # Thursday 4 September
        assert told == pytest.approx([0.2, 0.4, 0, -0.5, np.log(2)])
        assert found["constant"].tolist() == [1, 1, 1]
        assert found["Thursday"].tolist() == [0, 0, 1]
        assert found["volume"].isna().tolist() == [True, True, False]

    def test_a_usual_volume_needs_four_fifths_of_its_rows(self, market) -> None:
        share, returns, shares = (part.iloc[:22].copy() for part in market)
        shares.iloc[[1, 3, 5, 7]] = np.nan  # 16 of the 20 before row 20
        design = flow_design(share, returns, shares, lags=1, volume_window=20)
        assert np.isfinite(design["volume"].iloc[20])
        shares.iloc[9] = np.nan
        design = flow_design(share, returns, shares, lags=1, volume_window=20)
        assert np.isnan(design["volume"].iloc[20])


class TestHoliday:
    def test_the_month_starts_at_its_first_session(self) -> None:
        found = calendar_indicators(SESSIONS)
        starts = SESSIONS[found["month_start"] == 1].strftime("%Y-%m-%d").tolist()
        assert starts == ["2025-10-01", "2025-11-03", "2025-12-01", "2026-01-02", "2026-02-02"]

    def test_a_monday_is_none_of_the_four(self) -> None:
        days = calendar_indicators(SESSIONS).drop(columns="month_start").sum(axis=1)
        assert (days == (SESSIONS.day_of_week != 0)).all()
        assert len(calendar_indicators(SESSIONS[:0])) == 0


CONFLICT = {"gap_share": 0.25, "window": 20, "min_observations": 10}


class TestVendorConflict:
    def first(self):
        return series(np.r_[np.tile([-10.0, 10.0], 15), -8.0])

    @pytest.mark.parametrize(
        ("second", "category"),
        [(-8.0, "agree"), (-9.9, "agree"), (-12.0, "gap"), (2.0, "signs differ")],
    )
    def test_by_hand(self, second: float, category: str) -> None:
        # standard deviation of ±10 over 20 rows: 10.26; a quarter of it is 2.56
        told = vendor_conflict(self.first(), series(np.r_[np.zeros(30), second]), **CONFLICT)
        assert told["scale"].iloc[-1] == pytest.approx(10 * np.sqrt(20 / 19))
        assert told["category"].iloc[-1] == category
        assert told["gap"].iloc[-1] == second + 8.0

    def test_a_missing_print_is_no_agreement(self) -> None:
        told = vendor_conflict(self.first(), series(np.full(31, np.nan)), **CONFLICT)
        assert told["category"].isna().all()

    def test_the_scale_ends_the_row_before(self) -> None:
        wild = self.first()
        wild.iloc[-1] = 1e6
        told = vendor_conflict(wild, wild, **CONFLICT)
        assert told["scale"].iloc[-1] == pytest.approx(10 * np.sqrt(20 / 19))

    def test_signs_do_not_need_a_scale(self) -> None:
        told = vendor_conflict(series([1.0]), series([-1.0]), **CONFLICT)
        assert told["category"].tolist() == ["signs differ"]

    def test_arguments_out_of_range(self) -> None:
        with pytest.raises(ValueError, match="^gap_share must be above 0, got 0"):
            vendor_conflict(self.first(), self.first(), gap_share=0, window=20, min_observations=10)
        for wrong in (1, 21):
            said = f"^min_observations must lie in 2 … window \\(20\\), got {wrong}"
            with pytest.raises(ValueError, match=said):
                vendor_conflict(
                    self.first(), self.first(), gap_share=1, window=20, min_observations=wrong
                )

    def test_a_gap_that_just_reaches_the_share_is_none_yet(self) -> None:
        # the standard deviation of 2, 3 and 4 is 1, of 2 and 3 it is 0.7
        first, second = series([2.0, 3, 4, 3, 3]), series([2.0, 3, 4, 3.5, 3.6])
        rule = {"gap_share": 0.5, "window": 3, "min_observations": 2}
        told = vendor_conflict(first, second, **rule)
        assert told["scale"].isna().tolist() == [True, True, False, False, False]
        assert told["scale"].iloc[3] == 1
        assert told["category"].iloc[2:].tolist() == ["agree", "agree", "gap"]
        assert vendor_conflict(first, second, **(rule | {"window": 2}))["scale"].notna().sum() == 3

    def test_a_zero_has_no_sign_to_differ_from(self) -> None:
        told = vendor_conflict(
            self.first(), self.first().where(np.arange(31) < 30, 0.0), **CONFLICT
        )
        assert told["category"].iloc[-1] == "gap"


class TestDating:
    def test_a_vendor_one_session_late_is_found(self, market) -> None:
        first = (1e5 * market[0]).round(1)
        later = first.shift(1) + 0.04
        match = dating_match(first, later, max_delay=2, window=60, tolerance=0.06)
        assert match.idxmax() == 1
        assert match[1] == 1
        assert match[0] < 0.1

    def test_few_rows_tell_nothing(self) -> None:
        short = series(np.arange(9.0))
        assert dating_match(short, short, max_delay=1, window=60, tolerance=0.1).isna().all()

    def test_arguments_out_of_range(self) -> None:
        for most, tolerance in ((-1, 0.1), (0, -0.1)):
            said = "^(max_delay|tolerance) must be at least 0, got -"
            with pytest.raises(ValueError, match=said):
                dating_match(
                    series([1]), series([1]), max_delay=most, window=5, tolerance=tolerance
                )

    def test_ten_rows_of_the_window_tell_a_share(self) -> None:
        first = series(np.arange(12.0))
        second = first + ([5.0] * 2 + [0.5] * 4 + [0.75] * 6)
        match = dating_match(first, second, max_delay=0, window=10, tolerance=0.5)
        assert match.tolist() == [0.4]
        assert dating_match(first, first, max_delay=0, window=10, tolerance=0).tolist() == [1]


class TestUnfinished:
    def frame(self, **last):
        earlier = {"big": [5.0, -3.0] * 10, "small": [0.0, 1.0] * 10}
        return pd.DataFrame({name: [*values, last[name]] for name, values in earlier.items()})

    def test_a_rare_zero_and_a_missing_print_are_suspect(self) -> None:
        terms = {"usual_zero_share": 0.1, "window": 20}
        assert unfinished_funds(self.frame(big=0.0, small=0.0), **terms) == ("big",)
        assert unfinished_funds(self.frame(big=1.0, small=np.nan), **terms) == ("small",)
        assert unfinished_funds(self.frame(big=1.0, small=0.0), **terms) == ()

    def test_a_single_row_has_nothing_to_be_held_against(self) -> None:
        assert unfinished_funds(pd.DataFrame({"a": [0.0]}), usual_zero_share=1, window=5) == ()

    def test_a_share_out_of_range(self) -> None:
        for wrong in (2, -0.5):
            said = f"^usual_zero_share must lie in 0 … 1, got {wrong}"
            with pytest.raises(ValueError, match=said):
                unfinished_funds(self.frame(big=1.0, small=1.0), usual_zero_share=wrong, window=5)

    def test_the_share_of_zeros_is_of_the_prints_in_the_window(self) -> None:
        half = pd.DataFrame({"old": [0.0] * 8 + [1.0, np.nan, 0.0, 0.0]})
        # of the three rows before the last, two are printed, and one of these is zero
        assert unfinished_funds(half, usual_zero_share=0.5, window=3) == ("old",)
        assert unfinished_funds(half, usual_zero_share=0.49, window=3) == ()
        never = pd.DataFrame({"never": [0.0, 1.0, 0.0]})
        assert unfinished_funds(never, usual_zero_share=0, window=1) == ("never",)
        new = pd.DataFrame({"new": [np.nan, np.nan, 0.0], "silent": [1.0, np.nan, np.nan]})
        assert unfinished_funds(new, usual_zero_share=1, window=2) == ()

    def test_names_are_sorted(self) -> None:
        both = pd.DataFrame({"b": [1.0, 0.0], "a": [1.0, np.nan]})
        assert unfinished_funds(both, usual_zero_share=0, window=5) == ("a", "b")


class TestCumulative:
    def test_by_hand(self) -> None:
        errors = series([*([1.0, -1.0, 1.0] * 10), 4.0, 5.0, 6.0])
        value, z = cumulative_surprise(errors, sessions=3)
        assert value == 15
        # earlier sums that share no row with the last: 28 of +1, so the scale is 1.4826
        assert z == pytest.approx(15 / 1.4826)

    def test_a_missing_surprise_leaves_no_sum(self) -> None:
        errors = series([1.0] * 30 + [np.nan, 1.0])
        assert np.isnan(cumulative_surprise(errors, sessions=3)[0])

    def test_a_short_history_has_a_sum_without_z(self) -> None:
        value, z = cumulative_surprise(series([1.0] * 10), sessions=3)
        assert value == 3
        assert np.isnan(z)

    def test_arguments_out_of_range(self) -> None:
        with pytest.raises(ValueError, match="^sessions must be at least 1, got 0"):
            cumulative_surprise(series([1.0]), sessions=0)

    def test_twenty_earlier_sums_give_a_scale(self) -> None:
        value, z = cumulative_surprise(series([1.0] * 20 + [3.0]), sessions=1)
        assert (value, z) == (3, pytest.approx(3 / 1.4826))
        assert np.isnan(cumulative_surprise(series([1.0] * 19 + [3.0]), sessions=1)[1])
        assert np.isnan(cumulative_surprise(series([0.0] * 20 + [3.0]), sessions=1)[1])
        assert np.isnan(cumulative_surprise(series([]), sessions=1)).all()


class TestCreations:
    def test_against_volume_and_price(self) -> None:
        made = creation_share(
            series([10.0, -10.0, 0.0, 5.0]),
            series([100.0, 50.0, 10.0, 0.0]),
            series([-0.1, -0.1, 0.1, np.nan]),
        )
        assert made["share"].tolist() == pytest.approx([0.1, -0.2, 0, np.nan], nan_ok=True)
        assert made["category"].iloc[:2].tolist() == ["against the price", "with the price"]
        assert made["category"].iloc[2:].isna().all()
        assert made.index.equals(SESSIONS[:4])


class TestPremium:
    def test_by_hand(self) -> None:
        close, value = pd.Series([50.5, 49.0]), pd.Series([50.0, 50.0])
        assert premium(close, value).tolist() == pytest.approx([0.01, -0.02])

    def test_a_missing_price_or_value_has_none(self) -> None:
        close = pd.Series([np.nan, 50.0, 50.0, 50.0])
        value = pd.Series([50.0, np.nan, 0.0, -1.0])
        assert premium(close, value).isna().all()

    def test_is_free_of_the_currency_and_of_later_rows(self) -> None:
        close, value = pd.Series([41.0, 40.0, 39.0]), pd.Series([40.0, 41.0, 39.5])
        assert premium(close * 157, value * 157).tolist() == pytest.approx(
            premium(close, value).tolist()
        )
        assert premium(close[:2], value[:2]).equals(premium(close, value)[:2])
