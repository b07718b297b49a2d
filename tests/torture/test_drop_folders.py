"""Each malformed folder ends in a sentence or in named rows; no number is made from garbage."""

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.conftest import RECEIVED
from tests.torture.drop_folders import CASES, LARGE, REFUSED, SET_ASIDE, TAKEN, Case, prices
from unwind.contract.source import SourceError
from unwind.market.store import ingest, read_rejected, read_vintages
from unwind.settings import Settings
from unwind.sources.files import FilesSource

# A screening is linear in the rows: a million take some five seconds on a quiet machine.
SLOW = 60.0


def by_name(case: Case) -> str:
    return case.name.replace(" ", "-")


def test_there_are_sixty() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=by_name)
class TestMalformedFolder:
    def test_ends_as_it_should(
        self, case: Case, tmp_path: Path, settings: Settings, at_length: bool
    ) -> None:
        if case.name in LARGE and not at_length:
            pytest.skip("large: under --torture")
        folder, store = tmp_path / "drop", tmp_path / "market"
        folder.mkdir()
        case.make(folder)
        start = time.monotonic()
        before = {path for path in tmp_path.parent.rglob("*") if tmp_path not in path.parents}
        try:
            ingest(store, FilesSource(folder), settings=settings, received_at=RECEIVED)
        except SourceError as error:
            sentence = str(error)
            rejected = pd.DataFrame()
            assert case.outcome == REFUSED, sentence
            assert case.told in sentence
            assert "\n" not in sentence
            assert len(sentence) < 400
            assert ";" in sentence  # rule; remedy
        else:
            rejected = read_rejected(store)
            assert case.outcome != REFUSED
            stored = read_vintages(store, "prices")
            if case.kept is not None:
                assert len(stored) == case.kept
            self._made_of_what_was_written(stored)
        assert time.monotonic() - start < SLOW
        if case.outcome == SET_ASIDE:
            named = rejected[rejected["rule"].str.contains(case.told, regex=False)]
            assert len(named), sorted(set(rejected["rule"]))
            assert (named["origin"] != "").all()
            assert (named["remedy"] != "").all()
            if case.name == "a million rows of one key":
                assert len(named) == 999_999  # each of them is counted
        if case.outcome == TAKEN:
            assert not (rejected["severity"] == "error").any()
        after = {path for path in tmp_path.parent.rglob("*") if tmp_path not in path.parents}
        assert after <= before | {tmp_path}  # no name became a path

    @staticmethod
    def _made_of_what_was_written(stored: pd.DataFrame) -> None:
        """Each stored close is one that a good row held, or the one that the case wrote."""
        good = prices()["close"].to_numpy()
        close = stored["close"].dropna().to_numpy()
        assert np.isfinite(close).all()
        assert (close > 0).all()
        near = np.abs(close[:, None] - good[None, :]).min(axis=1) if len(close) < 1000 else [0.0]
        odd = np.asarray(near) > 1e-6 * 100
        assert odd.mean() <= 0.5  # a whole changed history stays recognisable
