"""Parameters of a run with their bounds, from which Prefect builds and checks its form."""

import random
import time
from collections.abc import Callable, Iterable
from datetime import date, datetime
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from unwind.calendar import (
    CUT_ZONE,
    CalendarError,
    is_session,
    publication_instant,
    require_session,
    sessions_between,
)
from unwind.contract.source import Source, SourceError
from unwind.errors import did_you_mean
from unwind.settings import Settings
from unwind.simulation.scenarios import SCENARIOS
from unwind.sources.combined import CombinedSource
from unwind.sources.registry import PROVIDERS, SIMULATED
from unwind.sources.transport import Timekeeping

# A simulated market starts this long before its event, so that every window is full by then.
SIMULATED_DAYS_BEFORE = 800
SIMULATED_DAYS_AFTER = 60

# Requests to a live provider use the wall clock, whenever the run was scheduled.
WALL_CLOCK = Timekeeping(
    now=lambda: pd.Timestamp.now("UTC").as_unit("us"),
    elapsed=time.monotonic,
    sleep=time.sleep,
    chance=random.random,
)


def _known(what: str, names: Iterable[str]) -> Callable[[str], str]:
    """Return a check against a registry."""

    def check(name: str) -> str:
        if name not in names:
            raise ValueError(
                f"unknown {what} {name!r}"
                + (did_you_mean(name, names) or f"; choose one of {', '.join(names)}")
            )
        return name

    return check


# Enumerations in the form; each from the one registry there is.
Provider = Annotated[
    str,
    AfterValidator(_known("provider", PROVIDERS)),
    WithJsonSchema({"type": "string", "enum": [*PROVIDERS]}),
]
Kind = Annotated[
    str,
    AfterValidator(_known("source", [*PROVIDERS, SIMULATED])),
    WithJsonSchema({"type": "string", "enum": [*PROVIDERS, SIMULATED]}),
]
ScenarioName = Annotated[
    str,
    AfterValidator(_known("scenario", SCENARIOS)),
    WithJsonSchema({"type": "string", "enum": [*SCENARIOS]}),
]


class DataSource(BaseModel):
    """Data source of a run."""

    model_config = ConfigDict(extra="forbid")

    kind: Kind = Field(
        default="files",
        description="Data source: files (a drop folder), simulated (a market with known truth), or "
        "a live provider.",
    )
    then: list[Provider] = Field(
        default=[],
        max_length=len(PROVIDERS) - 1,
        description="Fallback providers, highest priority first.",
    )
    path: str | None = Field(
        default=None, description="Drop folder, for the source files.", examples=["/data/drop"]
    )
    scenario: ScenarioName = Field(
        default="multi_strat_unwind",
        description=f"Scenario of the simulated market: {', '.join(SCENARIOS)}.",
    )
    seed: int = Field(default=1, ge=0, le=2**31, description="Seed of the simulated market.")
    event: date = Field(
        default=date(2026, 2, 5), description="Day of the simulated event.", examples=["2026-02-05"]
    )

    @property
    def is_simulated(self) -> bool:
        """Return True if the market is simulated."""
        return self.kind == SIMULATED


def open_source(source: DataSource, settings: Settings) -> Source:
    """Build the provider that the parameters describe, or several as one.

    Raises
    ------
    SourceError
        The drop folder is missing or unusable, a live provider's library is not installed, or the
        providers cannot be combined.
    """
    if source.is_simulated:
        if source.then:
            raise SourceError(
                f"simulated data cannot be combined with other sources, got "
                f"{', '.join(source.then)}; use `--source simulated` alone"
            )
        return _simulated(source)
    folder = None if source.path is None else Path(source.path)
    kinds = (source.kind, *source.then)
    providers = tuple(PROVIDERS[kind].build(settings, WALL_CLOCK, folder) for kind in kinds)
    return providers[0] if kinds == ("files",) else CombinedSource(providers)


def _simulated(source: DataSource) -> Source:
    from unwind.simulation.source import SimulatedSource

    event = pd.Timestamp(source.event)
    return SimulatedSource(
        source.scenario,
        seed=source.seed,
        first=(event - pd.Timedelta(days=SIMULATED_DAYS_BEFORE)).date(),
        last=(event + pd.Timedelta(days=SIMULATED_DAYS_AFTER)).date(),
        event=source.event,
    )


def session_of(as_of: date | None, *, scheduled: datetime) -> date | None:
    """The session to run: `as_of`, or the scheduled day; None if that is not a session.

    A late run uses its scheduled day in New York.

    Raises
    ------
    CalendarError
        `as_of` is not a session.
    """
    if as_of is not None:
        return require_session(as_of)
    day = pd.Timestamp(scheduled).tz_convert(CUT_ZONE).date()
    return day if is_session(day) else None


def no_session(scheduled: datetime) -> str:
    """State that the scheduled day, in New York, is not a session."""
    return f"{pd.Timestamp(scheduled).tz_convert(CUT_ZONE):%Y-%m-%d} is not an NYSE session"


def session_in_course(at: datetime, *, settings: Settings) -> date:
    """The session that the desk trades on at an instant: the last one published by then."""
    instant = pd.Timestamp(at).tz_convert("UTC")
    day = instant.tz_convert(CUT_ZONE).date()
    near = sessions_between((pd.Timestamp(day) - pd.Timedelta(days=14)).date(), day)
    past = [
        stamp.date()
        for stamp in near
        if publication_instant(stamp.date(), settings.publication) <= instant
    ]
    return past[-1]


def cutoff_of(
    cutoff: datetime | None,
    *,
    session: date,
    scheduled: datetime,
    simulated: bool,
    settings: Settings,
) -> pd.Timestamp:
    """The run's data cut-off: `cutoff`, or the session's publication.

    Raises
    ------
    CalendarError
        It has no time zone; or, with real data, the session or the cut-off is after the scheduled
        start time, so that the rows would have look-ahead.
    """
    published = publication_instant(session, settings.publication)
    started = pd.Timestamp(scheduled).tz_convert("UTC")
    if published > started and not simulated:
        raise CalendarError(
            f"session {session} has a data cut-off of {_clock(published, session)}, after the "
            f"scheduled start time of {_clock(started, session)}; run it after the cut-off or "
            "choose an earlier session"
        )
    if cutoff is None:
        return published
    instant = pd.Timestamp(cutoff)
    if instant.tzinfo is None:
        raise CalendarError(f"cutoff {instant} has no time zone; write e.g. {instant.isoformat()}Z")
    instant = instant.tz_convert("UTC").as_unit("us")
    if instant > started and not simulated:
        raise CalendarError(
            f"cut-off {instant:%Y-%m-%d %H:%M:%S} UTC lies after the scheduled start time of "
            f"{started:%Y-%m-%d %H:%M:%S} UTC; run it after the cut-off or choose an earlier one"
        )
    return instant


def _clock(instant: pd.Timestamp, session: date) -> str:
    """Time in UTC, with its day if that is not the session's."""
    return f"{instant:%H:%M} UTC" if instant.date() == session else f"{instant:%Y-%m-%d %H:%M} UTC"
