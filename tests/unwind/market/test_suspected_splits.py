import numpy as np
import pandas as pd
import pytest

from unwind.market.suspected_splits import split_faults


def closes(*values: float, symbol: str = "IBIT") -> pd.DataFrame:
    sessions = pd.bdate_range("2026-02-02", periods=len(values))
    return pd.DataFrame(
        {
            "session": sessions, "symbol": symbol, "close": values,
            "known_at": sessions.tz_localize("UTC"),
        }
    )  # fmt: skip


class TestSplit:
    @pytest.mark.parametrize(("before", "after", "ratio"), [(100, 50.5, 2), (100, 9.9, 10)])
    def test_is_named(self, before: float, after: float, ratio: int) -> None:
        [fault] = split_faults(closes(before, after, after))
        assert fault.session == pd.Timestamp("2026-02-03")
        assert fault.value.endswith(f"split of {ratio}")

    def test_reverse_split(self) -> None:
        [fault] = split_faults(closes(1.0, 20.2))
        assert fault.value == "times 20.2, like a split of 20"

    def test_over_a_missing_close(self) -> None:
        assert len(split_faults(closes(100, np.nan, 25))) == 1


class TestCrash:
    @pytest.mark.parametrize("after", [100 * 0.715, 100 * 0.868, 100 * 1.32])
    def test_a_real_crash_is_no_split(self, after: float) -> None:
        assert split_faults(closes(100, after)) == ()

    def test_two_symbols_are_not_one(self) -> None:
        rows = pd.concat([closes(100, 100), closes(50, 50, symbol="GLD")], ignore_index=True)
        assert split_faults(rows) == ()

    @pytest.mark.market
    def test_the_real_market_has_none(self, market_folder) -> None:
        rows = pd.read_parquet(market_folder / "prices.parquet")
        assert split_faults(rows.assign(known_at=pd.Timestamp("2026-11-01T00:00Z"))) == ()
