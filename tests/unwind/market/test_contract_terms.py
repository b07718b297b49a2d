"""Strikes and barriers after a split of what they are written on."""

import pandas as pd
import pytest

from unwind.market.contract_terms import barriers_on_one_basis, chains_on_one_basis

DAYS = pd.bdate_range("2026-02-02", "2026-02-13")


def closes(*, split_on: str | None = None, ratio: float = 2.0) -> pd.DataFrame:
    """Closes of 40 dollars, on the basis after a split where there was one."""
    level = 40.0 / (ratio if split_on else 1.0)
    return pd.DataFrame({"IBIT": level}, index=DAYS)


def chain(price: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "snapshot_at": pd.Timestamp("2026-02-12T17:58Z"), "underlying": "IBIT",
            "contract": ["A", "B"], "right": ["call", "put"], "strike": [42.0, 36.0],
            "bid": 1.0, "ask": 1.2, "last": 1.1, "volume": 100.0, "open_interest": 500.0,
            "implied_vol": 0.6, "underlying_price": price,
            "known_at": pd.Timestamp("2026-02-12T18:00Z"),
        }
    )  # fmt: skip


class TestChain:
    def test_follows_a_split(self) -> None:
        rows, [fault] = chains_on_one_basis(chain(39.0), closes(split_on="2026-02-13"))
        assert rows["strike"].tolist() == [21.0, 18.0]
        assert rows["underlying_price"].tolist() == [19.5, 19.5]
        assert rows["open_interest"].tolist() == [1000.0, 1000.0]
        assert rows["implied_vol"].tolist() == [0.6, 0.6]
        assert fault.value == (
            "39.00 in the chain of 2026-02-12T17:58Z, 20.00 at the close; scaled to it by 0.5"
        )

    def test_a_price_without_a_ratio_is_left_out(self) -> None:
        rows, [fault] = chains_on_one_basis(chain(24.5), closes())
        assert rows.empty
        assert fault.value.endswith("excluded")

    @pytest.mark.parametrize("price", [40.0, 47.0, 34.0])
    def test_a_move_of_the_day_is_no_split(self, price: float) -> None:
        rows, faults = chains_on_one_basis(chain(price), closes())
        assert faults == ()
        pd.testing.assert_frame_equal(rows, chain(price))

    def test_without_a_chain_or_a_close(self) -> None:
        assert chains_on_one_basis(pd.DataFrame(), closes())[1] == ()
        assert chains_on_one_basis(chain(9.0), closes().rename(columns={"IBIT": "GLD"}))[1] == ()


class TestBarrier:
    def _vintages(self, price: float) -> pd.DataFrame:
        known = DAYS.tz_localize("UTC") + pd.Timedelta(hours=21)
        return pd.DataFrame({"session": DAYS, "symbol": "IBIT", "close": price, "known_at": known})

    def _note(self, known_at: str = "2026-02-05T05:00Z") -> pd.DataFrame:
        return pd.DataFrame(
            {"note": ["N1"], "underlying": ["IBIT"], "barrier": [30.0],
             "known_at": [pd.Timestamp(known_at)]}
        )  # fmt: skip

    def test_follows_what_the_store_remembers(self) -> None:
        rows, [fault] = barriers_on_one_basis(
            self._note(), self._vintages(40.0), closes(split_on="2026-02-13", ratio=5)
        )
        assert rows["barrier"].tolist() == pytest.approx([6.0])
        assert (fault.entity, fault.session) == ("N1", pd.Timestamp("2026-02-04"))

    def test_a_barrier_of_the_new_basis_stays(self) -> None:
        after = self._vintages(8.0).assign(known_at=pd.Timestamp("2026-02-13T21:00Z"))
        vintages = pd.concat([self._vintages(40.0), after], ignore_index=True)
        note = self._note("2026-02-14T05:00Z")
        rows, faults = barriers_on_one_basis(note, vintages, closes(split_on="2026-02-13", ratio=5))
        assert faults == ()
        assert rows["barrier"].tolist() == [30.0]

    def test_without_a_note_or_a_price_known_by_then(self) -> None:
        vintages = self._vintages(40.0)
        assert barriers_on_one_basis(pd.DataFrame(), vintages, closes())[1] == ()
        early = self._note("2026-01-05T05:00Z")
        assert barriers_on_one_basis(early, vintages, closes(split_on="x"))[1] == ()
