import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.derivatives import (
    agreed_direction,
    banded_basis,
    calendar_spread,
    constant_maturity,
    direction,
    listed_curve,
    near_month,
)
from tests import naive_futures
from tests.futures_market import CHOSEN, market, rows_of, sessions_of, spot_of

BAND = {"window": 30, "min_observations": 10, "confidence": 0.9}


class TestNearMonth:
    def test_by_hand(self) -> None:
        # 0.3 % over spot at 22 days: event.md says "about 5 points annualised"
        sessions = sessions_of("2026-02-05")
        curve = listed_curve(
            rows_of(("2026-02-05", "G6", "2026-02-27", 100_300, 46_000)), sessions, **CHOSEN
        )
        leg = near_month(curve, spot_of(sessions, 100_000))
        basis = banded_basis(leg, curve.hour_variance, spot=None, **BAND)
        assert basis["basis"].item() == pytest.approx(0.003 * 365 / 22, rel=1e-9)
        assert basis["basis"].item() == pytest.approx(0.05, abs=0.0003)
        # 46,000 contracts, two a trade, over 23 hours: a thousandth of an hour since the last one
        variance = math.log(1.01) ** 2 / (4 * math.log(2) * 23)
        assert leg["timing"].item() == pytest.approx(variance * 0.001)
        # no record of mismatch yet: a whole hour of it, at the normal quantile of 90 %
        whole = 1.6448536269514722 * math.sqrt(variance * 1.001) * 365 / 22
        assert basis["error"].item() == pytest.approx(whole, rel=1e-9)
        assert not basis["measured"].item()

    def test_a_roll_is_no_change(self) -> None:
        sessions = sessions_of("2026-02-20", "2026-02-23")
        rows = rows_of(
            ("2026-02-20", "G6", "2026-02-27", 100_000, 9e4),
            ("2026-02-20", "H6", "2026-03-27", 101_000, 9e4),
            ("2026-02-23", "H6", "2026-03-27", 101_000, 9e4),
        )
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = near_month(curve, spot_of(sessions, 1e5, 1e5))
        assert list(leg["contract"]) == ["G6", "H6"]
        change = banded_basis(leg, curve.hour_variance, spot=None, **BAND)["change"].iloc[1]
        assert change == pytest.approx(0.01 * 365 / 32 - 0.01 * 365 / 35)

    def test_the_variance_of_an_hour_is_parkinsons(self) -> None:
        # Parkinson (1980): E (ln H/L)² = 4 ln 2 · σ² for a Brownian day
        steps = np.random.default_rng(5).standard_normal((4_000, 2_300)) / np.sqrt(2_300)
        paths = np.cumsum(steps, axis=1)
        ranges = np.maximum(paths.max(axis=1), 0) - np.minimum(paths.min(axis=1), 0)
        sessions = pd.bdate_range("2000-01-03", periods=4_000, unit="us")
        rows = pd.DataFrame(
            {
                "session": sessions, "contract": "X", "expiry": sessions[-1] + pd.Timedelta(days=9),
                "settle": 1.0, "high": np.exp(ranges), "low": 1.0, "volume": 1e5,
            }
        )  # fmt: skip
        curve = listed_curve(rows, sessions, **CHOSEN)
        # a grid of 2,300 steps misses a little of each range
        assert 23 * curve.hour_variance.mean() == pytest.approx(1.0, abs=0.08)

    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_equals_the_obvious_loop(self, seed: int) -> None:
        rows, sessions, spot = market(seed)
        curve = listed_curve(rows, sessions, **CHOSEN)
        found = banded_basis(near_month(curve, spot), curve.hour_variance, spot=spot, **BAND)[
            ["basis", "error", "change", "change_error"]
        ].to_numpy()
        slow = _slow(rows, sessions, spot, tenor=None)
        np.testing.assert_allclose(found, slow, rtol=1e-9, atol=1e-12)


class TestConstantMaturity:
    @pytest.mark.parametrize("tenor", [30, 60, 90])
    def test_equals_the_obvious_loop(self, tenor: int) -> None:
        rows, sessions, spot = market(4)
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = constant_maturity(curve, spot, tenor=tenor)
        found = banded_basis(leg, curve.hour_variance, spot=spot, **BAND)
        slow = _slow(rows, sessions, spot, tenor=tenor)
        columns = ["basis", "error", "change", "change_error"]
        np.testing.assert_allclose(found[columns].to_numpy(), slow, rtol=1e-9, atol=1e-12)

    def test_a_flat_curve_has_one_basis_at_every_tenor(self) -> None:
        sessions = sessions_of("2026-02-05")
        rows = rows_of(
            *(
                ("2026-02-05", name, day, 100 * (1 + 0.08 * days / 365), 1e5)
                for name, day, days in (
                    ("A", "2026-02-25", 20), ("B", "2026-03-27", 50), ("C", "2026-06-05", 120),
                )
            )
        )  # fmt: skip
        curve = listed_curve(rows, sessions, **CHOSEN)
        for tenor in (10, 20, 30, 60, 120):
            leg = constant_maturity(curve, spot_of(sessions, 100.0), tenor=tenor)
            basis = banded_basis(leg, curve.hour_variance, spot=None, **BAND)["basis"].item()
            assert basis == pytest.approx(0.08)


class TestSpotMismatch:
    def test_moves_the_basis_and_leaves_the_calendar_spread(self) -> None:
        rows, sessions, spot = market(6)
        curve = listed_curve(rows, sessions, **CHOSEN)
        other = spot.assign(price=spot["price"] * 1.003)
        moved = near_month(curve, other)["premium"] - near_month(curve, spot)["premium"]
        assert moved.dropna().between(-0.0032, -0.0029).all()
        spread = calendar_spread(curve)["premium"].dropna()
        assert len(spread) > 60
        assert (spread > -0.01).all()

    def test_noise_of_spot_has_no_sign(self) -> None:
        # a constant basis of 8 %, spot off by 0.1 % at random: nine in ten changes stay inside
        generator = np.random.default_rng(8)
        sessions = pd.bdate_range("2010-01-04", periods=3_000, unit="us")
        expiry = pd.Timestamp("2022-05-01")
        rows = pd.DataFrame(
            {
                "session": sessions, "contract": "X", "expiry": expiry, "high": 101.0, "low": 100.0,
                "settle": 100 * (1 + 0.08 * (expiry - sessions).days / 365), "volume": 1e6,
            }
        )  # fmt: skip
        curve = listed_curve(rows, sessions, **CHOSEN)
        spot = spot_of(sessions, *(100 * np.exp(0.001 * generator.standard_normal(3_000))))
        leg = near_month(curve, spot)
        found = banded_basis(
            leg, curve.hour_variance, spot=spot, window=252, min_observations=40, confidence=0.9
        )
        sign = direction(found["change"], found["change_error"]).iloc[60:]
        assert (sign != 0).mean() == pytest.approx(0.1, abs=0.03)
        truth = found["basis"].sub(0.08).abs() <= found["error"]
        assert truth.iloc[60:].mean() == pytest.approx(0.9, abs=0.03)

    def test_two_sources_that_part_widen_the_band(self) -> None:
        rows, sessions, spot = market(7)
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = near_month(curve, spot)
        narrow = banded_basis(leg, curve.hour_variance, spot=spot.assign(gap=0.0), **BAND)
        wide = banded_basis(leg, curve.hour_variance, spot=spot.assign(gap=0.0033), **BAND)
        both = narrow["error"].notna()
        assert (wide["error"] > narrow["error"])[both].all()
        # the quoted distance stands inside: 0.33 % at the contract's days
        assert (wide["error"] >= 0.0033 * 365 / leg["days"])[both].all()


class TestBand:
    """A leg of 1 % over 36.5 days is a basis of 10 %, whatever else is known."""

    SESSIONS = pd.bdate_range("2026-01-05", periods=6, unit="us")

    def leg(self, *premiums: float) -> pd.DataFrame:
        frame = pd.DataFrame({"premium": premiums}, index=self.SESSIONS[: len(premiums)])
        frame = frame.assign(days=36.5, timing=0.0)
        earlier = frame.shift(1).add_prefix("earlier_")
        return pd.concat([frame, earlier], axis=1)

    def banded(self, leg: pd.DataFrame, spot: pd.DataFrame | None, **changed: float):
        hours = pd.Series(1e-6, leg.index)
        asked = {"window": 3, "min_observations": 2, "confidence": 0.9} | changed
        return banded_basis(leg, hours, spot=spot, **asked)

    def test_the_mismatch_of_an_ordinary_session_by_hand(self) -> None:
        leg = self.leg(0.01, 0.012, 0.011, 0.011)
        found = self.banded(leg, None)
        assert found["basis"].to_list() == pytest.approx([0.1, 0.12, 0.11, 0.11])
        assert found["measured"].to_list() == [False, False, False, True]
        z = 1.6448536269514722
        usual = 1.4826 * 0.0015 / math.sqrt(2)  # median of 0.2 and 0.1 % at the last
        errors = [10 * z * 1e-3] * 3 + [10 * z * usual]
        assert found["error"].to_list() == pytest.approx(errors, rel=1e-9)
        ends = [math.sqrt(2) * error for error in errors]
        assert found["change_error"].to_list()[1:] == pytest.approx(ends[1:], rel=1e-9)
        assert found["change"].to_list()[1:] == pytest.approx([0.02, -0.01, 0], abs=1e-12)
        assert found["hour_error"].to_list() == pytest.approx([0.01] * 4)
        assert found.index.equals(leg.index)

    def test_the_gap_between_two_sources_by_hand(self) -> None:
        leg = self.leg(0.01, 0.01, 0.01, 0.01)
        gap = [0.002, 0.004, np.nan, 0.001]
        source = ["hourly", "hourly", "hourly", "UTC day"]
        spot = pd.DataFrame({"gap": gap, "source": source}, index=leg.index)
        found = self.banded(leg, spot, window=20, min_observations=20)
        noise = 1.6448536269514722**2 * 1e-6
        # not measured on the third: the root mean square of 0.2 and 0.4 % stands for it
        squares = [0.002**2, 0.004**2, (0.002**2 + 0.004**2) / 2, 0.001**2]
        expected = [10 * math.sqrt(noise + square) for square in squares]
        assert found["error"].to_list() == pytest.approx(expected, rel=1e-9)
        # in a change their mean, 0.3 %; on the fourth the source changed: a usual gap on top
        moved = [0.002, -0.001, -0.002]
        usual = [0.0, 0.0, (0.002**2 + 0.004**2) / 2]
        expected = [
            10 * math.sqrt(2 * noise + step**2 + extra)
            for step, extra in zip(moved, usual, strict=True)
        ]
        assert found["change_error"].to_list()[1:] == pytest.approx(expected, rel=1e-9)

    @pytest.mark.parametrize("wrong", [1, 4])
    def test_a_baseline_holds_two_rows_to_a_window(self, wrong: int) -> None:
        said = f"^min_observations must lie in 2 … window \\(3\\), got {wrong}"
        with pytest.raises(ValueError, match=said):
            self.banded(self.leg(0.01), None, min_observations=wrong)


class TestLookAhead:
    def test_a_later_row_changes_nothing(self) -> None:
        rows, sessions, spot = market(9)
        whole = self._all(rows, sessions, spot)
        for last in (20, 55, 80):
            kept = rows[rows["session"] <= sessions[last]]
            prefix = self._all(kept, sessions[: last + 1], spot.iloc[: last + 1])
            pd.testing.assert_frame_equal(whole.iloc[: last + 1], prefix, check_exact=True)

    def test_row_order_changes_nothing(self) -> None:
        rows, sessions, spot = market(10)
        shuffled = rows.sample(frac=1, random_state=1)
        pd.testing.assert_frame_equal(
            self._all(rows, sessions, spot), self._all(shuffled, sessions, spot)
        )

    def test_the_currency_changes_nothing(self) -> None:
        rows, sessions, spot = market(11)
        prices = ["settle", "high", "low"]
        dear = rows.assign(**{name: rows[name] * 150 for name in prices})
        pd.testing.assert_frame_equal(
            self._all(rows, sessions, spot),
            self._all(dear, sessions, spot.assign(price=spot["price"] * 150)),
            rtol=1e-9,
        )

    @staticmethod
    def _all(rows: pd.DataFrame, sessions: pd.DatetimeIndex, spot: pd.DataFrame) -> pd.DataFrame:
        curve = listed_curve(rows, sessions, **CHOSEN)
        legs = {
            "near": near_month(curve, spot),
            "calendar": calendar_spread(curve),
            "30d": constant_maturity(curve, spot, tenor=30),
        }
        return pd.concat(
            {
                name: banded_basis(
                    leg, curve.hour_variance, spot=None if name == "calendar" else spot, **BAND
                )
                for name, leg in legs.items()
            },
            axis=1,
        )


class TestDirection:
    def test_inside_its_error_a_change_has_no_sign(self) -> None:
        change = pd.Series([0.02, 0.01, -0.03, np.nan, 0.5], list("abcde"))
        error = pd.Series([0.01, 0.01, 0.02, 0.01, np.nan], list("abcde"))
        assert direction(change, error).to_list()[:3] == [1, 0, -1]
        assert direction(change, error).index.equals(change.index)
        assert direction(change, error).iloc[3:].isna().all()

    def test_two_measures_agree_or_say_nothing(self) -> None:
        first = pd.Series([1, 1, 1, 0, np.nan, np.nan, -1])
        second = pd.Series([1, 0, -1, 0, 1, np.nan, np.nan])
        expected = pd.Series([1, 1, 0, 0, 1, np.nan, -1])
        pd.testing.assert_series_equal(agreed_direction(first, second), expected)


def _slow(
    rows: pd.DataFrame, sessions: pd.DatetimeIndex, spot: pd.DataFrame, *, tenor: int | None
) -> np.ndarray:
    """Basis, error, change and its error, session by session, by the twin."""
    kept: list[Any] = []
    mismatches: list[float] = []
    out = []
    held = {}
    for t, session in enumerate(sessions):
        records = rows[rows["session"] == session].to_dict("records")
        kept.append(naive_futures.fit_contracts(records, 5, 2.0, 1.0)[0])
        price, apart = spot["price"].iloc[t], spot["hours_apart"].iloc[t]
        past = spot["gap"].iloc[max(0, t - 30) : t].dropna().to_list()
        gap = spot["gap"].iloc[t]
        held[t] = gap if not math.isnan(gap) else (np.mean(past) if past else 0.0)
        if tenor is None:
            now = naive_futures.near(kept[t], price, apart)
            before = None
            if t and now is not None:
                before = naive_futures.same_contract(
                    kept[t - 1], now[0], spot["price"].iloc[t - 1], spot["hours_apart"].iloc[t - 1]
                )
            now = None if now is None else now[1:]
        else:
            now = naive_futures.constant_maturity(kept[t], price, apart, tenor)
            before = t and naive_futures.constant_maturity(
                kept[t - 1], spot["price"].iloc[t - 1], spot["hours_apart"].iloc[t - 1], tenor
            )
            before = before or None
        record = [abs(one) for one in mismatches[max(0, t - 30) : t] if not math.isnan(one)]
        measured = len(record) >= 10
        noise2 = (
            (1.4826 * naive_futures.median(record)) ** 2 / 2
            if measured
            else (naive_futures.hour_variance(kept[t]))
        )
        if now is None:
            out.append((math.nan,) * 4)
        else:
            switched = t == 0 or spot["source"].iloc[t] != spot["source"].iloc[t - 1]
            out.append(
                naive_futures.banded(
                    now, before, noise2, (gap, held.get(t - 1)), switched and t > 0, past, 0.9
                )
            )
        mismatches.append(math.nan if now is None else out[-1][2] * now[1] / 365)
    return np.array(out, dtype=float)
