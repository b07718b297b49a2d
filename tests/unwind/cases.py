"""Cases of public bug reports beside the checkout: built from the market data, run in process."""

from collections.abc import Iterable
from datetime import date
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

from tests.conftest import RECEIVED, SHARED
from unwind.calendar import publication_instant
from unwind.indicators.context import RunContext, Slot
from unwind.market.store import ingest
from unwind.pipeline import Analysis, Market, analyse, load_market, observe
from unwind.settings import Settings
from unwind.sources.files import FilesSource

BUILDER = SHARED / "cases" / "build_cases.py"


@cache
def _builder() -> ModuleType:
    spec = spec_from_file_location("build_cases", BUILDER)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def builder_of_cases() -> ModuleType:
    """The script that builds the cases; skips where it is not beside the checkout."""
    if not BUILDER.exists():
        pytest.skip("the cases are not beside this checkout")
    return _builder()


def build(name: str, out: Path) -> Path:
    """Folder with the drop folders of a case; skips where the cases are not beside the checkout."""
    builder = builder_of_cases()
    for folder, files in builder.CASES[name](SHARED / "market").items():
        builder.write(out / name / folder, files)
    return out / name


def dropped(
    store: Path,
    folders: Iterable[Path],
    settings: Settings,
    *,
    received_at: pd.Timestamp = RECEIVED,
) -> Market:
    """Market store after drop folders, one after the other."""
    for folder in folders:
        ingest(store, FilesSource(folder), settings=settings, received_at=received_at)
    return load_market(store)


def analysed(
    market: Market, day: str, settings: Settings, *, cutoff: str | None = None
) -> Analysis:
    """Desk tables of a session, at its own cut-off where none is given."""
    return analyse(market, _slot(day, cutoff, settings), settings=settings)


def observed(market: Market, day: str, settings: Settings) -> RunContext:
    """Run context of a session at its own cut-off."""
    return observe(market, _slot(day, None, settings), settings=settings)


def _slot(day: str, cutoff: str | None, settings: Settings) -> Slot:
    session = date.fromisoformat(day)
    at = (
        publication_instant(session, settings.publication)
        if cutoff is None
        else pd.Timestamp(cutoff)
    )
    return Slot(as_of=session, cutoff=at, source="files")


def state(analysis: Analysis) -> tuple[str, float]:
    """State and score, rounded."""
    row = analysis.tables["regimes"].iloc[0]
    return str(row["state"]), round(float(row["score"]), 2)


def named(analysis: Analysis, entity: str, session: str) -> bool:
    """Whether a warning of an entity names a session."""
    rows = analysis.tables["quality"]
    rows = rows[(rows["entity"] == entity) & rows["severity"].isin(["warning", "error"])]
    return bool(rows["example"].astype("str").str.contains(session).any())
