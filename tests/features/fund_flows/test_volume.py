from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.fund_flows import options_activity, volume_design
from unwind.calendar import sessions_between

SESSIONS = sessions_between(date(2025, 9, 2), date(2026, 2, 6))


class TestVolumeDesign:
    def test_means_of_the_logarithm_end_the_session_before(self) -> None:
        generator = np.random.default_rng(1)
        shares = pd.Series(np.exp(generator.normal(17, 0.4, len(SESSIONS))), SESSIONS)
        design = volume_design(shares)
        logs = np.log(shares)
        row = design.iloc[60]
        assert row["day"] == logs.iloc[59]
        assert row["week"] == pytest.approx(logs.iloc[55:60].mean())
        assert row["month"] == pytest.approx(logs.iloc[38:60].mean())
        wild = shares.copy()
        wild.iloc[60:] = 1.0
        pd.testing.assert_frame_equal(
            design.iloc[:61], volume_design(wild).iloc[:61], check_exact=True
        )

    def test_a_late_listing_has_no_month_yet(self) -> None:
        design = volume_design(pd.Series(1e6, SESSIONS[:10]))
        assert design["week"].notna().sum() == 6
        assert design["month"].isna().all()

    def test_a_mean_needs_four_fifths_of_its_sessions(self) -> None:
        # 4 of 5 and 18 of 22
        shares = pd.Series(1e6, SESSIONS[:40])
        shares.iloc[[30, 32, 34]] = np.nan
        design = volume_design(shares)
        assert design["week"].isna().tolist()[:5] == [True] * 4 + [False]
        assert design["month"].first_valid_index() == SESSIONS[18]
        assert design["week"].isna().iloc[30:].tolist() == [False] * 3 + [True] * 5 + [False] * 2
        assert design["month"].notna().iloc[18:].all()
        assert design.columns.tolist() == [
            "constant", "day", "week", "month",
            "Tuesday", "Wednesday", "Thursday", "Friday", "month_start",
        ]  # fmt: skip
        assert design["constant"].eq(1).all()
        assert design.index.equals(shares.index)


class TestOptions:
    def chain(self, volumes, rights, at="2026-02-05T21:00Z"):
        return pd.DataFrame({"snapshot_at": pd.Timestamp(at), "right": rights, "volume": volumes})

    def test_contracts_and_the_share_of_puts(self) -> None:
        early = self.chain([10.0, 30.0], ["call", "put"], at="2026-02-04T21:00Z")
        late = self.chain([10.0, np.nan, 40.0], ["C", "put", "P"])
        found = options_activity(pd.concat([late, early]))
        assert found["contracts"].tolist() == [40, 50]
        assert found["put_share"].tolist() == [0.75, 0.8]

    def test_a_chain_of_one_side_has_no_share(self) -> None:
        assert options_activity(self.chain([5.0], ["call"])).isna().all(axis=None)

    def test_an_untraded_chain_has_no_share(self) -> None:
        found = options_activity(self.chain([0.0, 0.0], ["call", "put"]))
        assert found["contracts"].item() == 0
        assert np.isnan(found["put_share"].item())
