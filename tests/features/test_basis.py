import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.basis import agreed_direction, banded_basis, direction
from features.futures import calendar_spread, constant_maturity, listed_curve, near_month
from features.spot import spot_at
from tests import naive_futures

CHOSEN = {"min_days": 5, "contracts_per_trade": 2.0, "max_wait_hours": 1.0}
BAND = {"window": 30, "min_observations": 10, "confidence": 0.9}


def _rows(*quotes: tuple[str, str, str, float, float]) -> pd.DataFrame:
    """Futures from (session, contract, expiry, settle, volume), each with a range of 1 %."""
    frame = pd.DataFrame(quotes, columns=["session", "contract", "expiry", "settle", "volume"])
    for name in ("session", "expiry"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    return frame.assign(high=frame["settle"] * 1.01, low=frame["settle"])


def _sessions(*days: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(list(days)).as_unit("us")


def _spot(sessions: pd.DatetimeIndex, *prices: float, gap: float = np.nan) -> pd.DataFrame:
    return pd.DataFrame(
        {"price": prices, "source": "hourly", "hours_apart": 0.0, "gap": gap}, index=sessions
    )


def _market(seed: int, n: int = 90) -> tuple[pd.DataFrame, pd.DatetimeIndex, pd.DataFrame]:
    """Four monthly contracts, thin, silent or missing; spot with holes and two sources."""
    generator = np.random.default_rng(seed)
    sessions = pd.bdate_range("2025-01-02", periods=n, unit="us")
    price = 90_000 * np.exp(np.cumsum(0.02 * generator.standard_normal(n)))
    fridays = pd.DatetimeIndex(pd.date_range("2025-01-31", periods=9, freq="BME", unit="us"))
    parts = []
    for place, session in enumerate(sessions):
        for rank, expiry in enumerate(fridays[fridays >= session][:4]):
            if generator.random() < 0.04:
                continue
            basis = 0.06 + 0.01 * generator.standard_normal()
            settle = price[place] * (1 + basis * (expiry - session).days / 365)
            width = abs(generator.normal(0.03, 0.01)) + 0.001
            scale = [30_000, 2_000, 60, 30][rank]
            volume = generator.choice([0.0, np.nan, scale], p=[0.03, 0.03, 0.94])
            parts.append(
                {
                    "session": session, "contract": f"X{expiry:%m%y}", "expiry": expiry,
                    "settle": settle, "high": settle * (1 + width), "low": settle,
                    "volume": np.ceil(volume * np.exp(0.5 * generator.standard_normal())),
                }
            )  # fmt: skip
    spot = pd.DataFrame(
        {
            "price": np.where(generator.random(n) < 0.03, np.nan, price),
            "source": generator.choice(["hourly", "UTC day"], n, p=[0.8, 0.2]),
            "hours_apart": 0.0,
            "gap": np.where(
                generator.random(n) < 0.3, np.nan, 0.001 * generator.standard_normal(n)
            ),
        },
        index=sessions,
    )
    spot["hours_apart"] = np.where(spot["source"] == "hourly", 0.0, 2.0)
    return pd.DataFrame(parts), sessions, spot


class TestNearMonth:
    def test_by_hand(self) -> None:
        # 0.3 % over spot at 22 days: event.md says "about 5 points annualised"
        sessions = _sessions("2026-02-05")
        curve = listed_curve(
            _rows(("2026-02-05", "G6", "2026-02-27", 100_300, 46_000)), sessions, **CHOSEN
        )
        leg = near_month(curve, _spot(sessions, 100_000))
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
        sessions = _sessions("2026-02-20", "2026-02-23")
        rows = _rows(
            ("2026-02-20", "G6", "2026-02-27", 100_000, 9e4),
            ("2026-02-20", "H6", "2026-03-27", 101_000, 9e4),
            ("2026-02-23", "H6", "2026-03-27", 101_000, 9e4),
        )
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = near_month(curve, _spot(sessions, 1e5, 1e5))
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
        rows, sessions, spot = _market(seed)
        curve = listed_curve(rows, sessions, **CHOSEN)
        found = banded_basis(near_month(curve, spot), curve.hour_variance, spot=spot, **BAND)[
            ["basis", "error", "change", "change_error"]
        ].to_numpy()
        slow = _slow(rows, sessions, spot, tenor=None)
        np.testing.assert_allclose(found, slow, rtol=1e-9, atol=1e-12)


class TestConstantMaturity:
    def test_by_hand(self) -> None:
        # 20 days at 1 %, 50 days at 4 %: a third of the way, 2 % over 30 days
        sessions = _sessions("2026-02-05")
        rows = _rows(
            ("2026-02-05", "A", "2026-02-25", 101.0, 1e5),
            ("2026-02-05", "B", "2026-03-27", 104.0, 1e5),
        )
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = constant_maturity(curve, _spot(sessions, 100.0), tenor=30)
        assert leg["premium"].item() == pytest.approx(0.02)
        assert leg["days"].item() == 30
        assert (leg["contract"].item(), leg["against"].item()) == ("B", "A")

    def test_before_the_first_expiry_it_is_that_ones_basis(self) -> None:
        sessions = _sessions("2026-02-05")
        rows = _rows(("2026-02-05", "B", "2026-03-27", 104.0, 1e5))
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = constant_maturity(curve, _spot(sessions, 100.0), tenor=30)
        assert (leg["days"].item(), leg["against"].item()) == (50, None)

    def test_beyond_the_last_expiry_there_is_none(self) -> None:
        sessions = _sessions("2026-02-05")
        rows = _rows(("2026-02-05", "B", "2026-03-27", 104.0, 1e5))
        curve = listed_curve(rows, sessions, **CHOSEN)
        assert constant_maturity(curve, _spot(sessions, 100.0), tenor=60)["premium"].isna().all()

    @pytest.mark.parametrize("tenor", [30, 60, 90])
    def test_equals_the_obvious_loop(self, tenor: int) -> None:
        rows, sessions, spot = _market(4)
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = constant_maturity(curve, spot, tenor=tenor)
        found = banded_basis(leg, curve.hour_variance, spot=spot, **BAND)
        slow = _slow(rows, sessions, spot, tenor=tenor)
        columns = ["basis", "error", "change", "change_error"]
        np.testing.assert_allclose(found[columns].to_numpy(), slow, rtol=1e-9, atol=1e-12)

    def test_a_flat_curve_has_one_basis_at_every_tenor(self) -> None:
        sessions = _sessions("2026-02-05")
        rows = _rows(
            *(
                ("2026-02-05", name, day, 100 * (1 + 0.08 * days / 365), 1e5)
                for name, day, days in (
                    ("A", "2026-02-25", 20), ("B", "2026-03-27", 50), ("C", "2026-06-05", 120),
                )
            )
        )  # fmt: skip
        curve = listed_curve(rows, sessions, **CHOSEN)
        for tenor in (10, 20, 30, 60, 120):
            leg = constant_maturity(curve, _spot(sessions, 100.0), tenor=tenor)
            basis = banded_basis(leg, curve.hour_variance, spot=None, **BAND)["basis"].item()
            assert basis == pytest.approx(0.08)


class TestThinMonth:
    def test_is_left_out_and_counted(self) -> None:
        sessions = _sessions("2026-02-05")
        rows = _rows(
            ("2026-02-05", "now", "2026-02-09", 100.0, 1e5),  # 4 days
            ("2026-02-05", "G", "2026-02-27", 101.0, 1e5),
            ("2026-02-05", "H", "2026-03-27", 102.0, 0.0),
            ("2026-02-05", "J", "2026-04-24", 103.0, 45.0),  # 46 / 45 hours
            ("2026-02-05", "K", "2026-05-29", 104.0, 46.0),  # one hour
        )
        curve = listed_curve(rows, sessions, **CHOSEN)
        assert list(curve.names.loc[sessions[0]]) == ["G", "K"]
        assert curve.left_out.loc[sessions[0]].to_dict() == {
            "expiring": 1, "no volume": 1, "stale": 1,
        }  # fmt: skip
        assert curve.wait.loc[sessions[0]].to_list() == pytest.approx([0.00046, 1.0])

    def test_of_two_contracts_with_one_expiry_the_busier_is_taken(self) -> None:
        sessions = _sessions("2026-02-05")
        rows = _rows(
            ("2026-02-05", "big", "2026-02-27", 101.0, 900.0),
            ("2026-02-05", "micro", "2026-02-27", 102.0, 1e5),
        )
        for frame in (rows, rows.iloc[::-1]):
            assert listed_curve(frame, sessions, **CHOSEN).names.iloc[0].item() == "micro"

    def test_nothing_listed_gives_nothing(self) -> None:
        sessions = _sessions("2026-02-05")
        curve = listed_curve(_rows().astype({"settle": float, "volume": float, "high": float,
                                             "low": float}), sessions, **CHOSEN)  # fmt: skip
        spot = _spot(sessions, 100.0)
        for leg in (near_month(curve, spot), calendar_spread(curve),
                    constant_maturity(curve, spot, tenor=30)):  # fmt: skip
            assert leg["premium"].isna().all()


class TestSpotMismatch:
    def test_moves_the_basis_and_leaves_the_calendar_spread(self) -> None:
        rows, sessions, spot = _market(6)
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
        spot = _spot(sessions, *(100 * np.exp(0.001 * generator.standard_normal(3_000))))
        leg = near_month(curve, spot)
        found = banded_basis(
            leg, curve.hour_variance, spot=spot, window=252, min_observations=40, confidence=0.9
        )
        sign = direction(found["change"], found["change_error"]).iloc[60:]
        assert (sign != 0).mean() == pytest.approx(0.1, abs=0.03)
        truth = found["basis"].sub(0.08).abs() <= found["error"]
        assert truth.iloc[60:].mean() == pytest.approx(0.9, abs=0.03)

    def test_two_sources_that_part_widen_the_band(self) -> None:
        rows, sessions, spot = _market(7)
        curve = listed_curve(rows, sessions, **CHOSEN)
        leg = near_month(curve, spot)
        narrow = banded_basis(leg, curve.hour_variance, spot=spot.assign(gap=0.0), **BAND)
        wide = banded_basis(leg, curve.hour_variance, spot=spot.assign(gap=0.0033), **BAND)
        both = narrow["error"].notna()
        assert (wide["error"] > narrow["error"])[both].all()
        # the quoted distance stands inside: 0.33 % at the contract's days
        assert (wide["error"] >= 0.0033 * 365 / leg["days"])[both].all()


class TestLookAhead:
    def test_a_later_row_changes_nothing(self) -> None:
        rows, sessions, spot = _market(9)
        whole = self._all(rows, sessions, spot)
        for last in (20, 55, 80):
            kept = rows[rows["session"] <= sessions[last]]
            prefix = self._all(kept, sessions[: last + 1], spot.iloc[: last + 1])
            pd.testing.assert_frame_equal(whole.iloc[: last + 1], prefix, check_exact=True)

    def test_row_order_changes_nothing(self) -> None:
        rows, sessions, spot = _market(10)
        shuffled = rows.sample(frac=1, random_state=1)
        pd.testing.assert_frame_equal(
            self._all(rows, sessions, spot), self._all(shuffled, sessions, spot)
        )

    def test_the_currency_changes_nothing(self) -> None:
        rows, sessions, spot = _market(11)
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
        change = pd.Series([0.02, 0.01, -0.03, np.nan, 0.5])
        error = pd.Series([0.01, 0.01, 0.02, 0.01, np.nan])
        assert direction(change, error).to_list()[:3] == [1, 0, -1]
        assert direction(change, error).iloc[3:].isna().all()

    def test_two_measures_agree_or_say_nothing(self) -> None:
        first = pd.Series([1, 1, 1, 0, np.nan, np.nan, -1])
        second = pd.Series([1, 0, -1, 0, 1, np.nan, np.nan])
        expected = pd.Series([1, 1, 0, 0, 1, np.nan, -1])
        pd.testing.assert_series_equal(agreed_direction(first, second), expected)


class TestSpotAt:
    SESSIONS = _sessions("2026-02-05", "2026-02-06")
    INSTANTS = pd.Series(
        pd.to_datetime(["2026-02-06T00:00Z", "2026-02-06T22:00Z"]).as_unit("us"), SESSIONS
    )
    DAILY = pd.DataFrame({"session": SESSIONS, "close": [62_702.0, 70_555.0]})

    def _hourly(self, *bars: tuple[str, float]) -> pd.DataFrame:
        frame = pd.DataFrame(bars, columns=["bar_start_utc", "close"])
        return frame.assign(bar_start_utc=pd.to_datetime(frame["bar_start_utc"], utc=True))

    def test_takes_the_hour_that_ends_there(self) -> None:
        hourly = self._hourly(("2026-02-05T23:00Z", 62_910.0), ("2026-02-06T21:00Z", 70_358.0))
        spot = spot_at(hourly, self.DAILY, self.INSTANTS)
        assert spot["price"].to_list() == [62_910.0, 70_358.0]
        assert set(spot["source"]) == {"hourly"}
        # on Friday the UTC day ends two hours after the futures: it says nothing of the source
        assert spot["gap"].iloc[0] == pytest.approx(62_910 / 62_702 - 1)
        assert np.isnan(spot["gap"].iloc[1])

    def test_else_the_utc_day_and_how_far_off_it_ends(self) -> None:
        spot = spot_at(self._hourly(), self.DAILY, self.INSTANTS)
        assert spot["price"].to_list() == [62_702.0, 70_555.0]
        assert spot["hours_apart"].to_list() == [0.0, 2.0]
        assert spot["gap"].isna().all()

    def test_an_older_price_never_stands_in(self) -> None:
        hourly = self._hourly(("2026-02-05T22:00Z", 62_000.0))
        spot = spot_at(hourly, self.DAILY.iloc[:0], self.INSTANTS)
        assert spot["price"].isna().all()
        assert set(spot["source"]) == {"none"}


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
