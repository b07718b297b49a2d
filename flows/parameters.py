"""What a person may choose for a run: bounded, so Prefect draws a form and refuses the rest."""

import random
import time
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema

from models.errors import NotEnoughData
from unwind.analysis import desk_symbols
from unwind.episodes import LabelError
from unwind.sessions import (
    CUT_ZONE,
    CalendarError,
    is_session,
    publication_instant,
    require_session,
    sessions_between,
)
from unwind.settings import Settings, SettingsError
from unwind.sources.cftc import CftcSource
from unwind.sources.combined import CombinedSource
from unwind.sources.crypto import CryptoSource
from unwind.sources.files import FilesSource
from unwind.sources.protocol import Partner, Source, SourceError
from unwind.sources.scenarios import SCENARIOS
from unwind.sources.simulated import SimulatedSource
from unwind.sources.transport import Timekeeping
from unwind.sources.yahoo import YahooSource
from unwind.storage.durable import Busy, Unwritable
from unwind.storage.location import LakeError

# Faults of input, not of the program: a person gets the sentence, not the stack.
READABLE = (
    SettingsError, SourceError, CalendarError, LakeError, LabelError, Busy, Unwritable,
    NotEnoughData,
)  # fmt: skip

# A simulated market starts this long before its event, so that every window is full by then.
SIMULATED_DAYS_BEFORE = 800
SIMULATED_DAYS_AFTER = 60

# What a live provider asks is asked now, whenever its run was scheduled.
WALL_CLOCK = Timekeeping(
    now=lambda: pd.Timestamp.now("UTC").as_unit("us"),
    elapsed=time.monotonic,
    sleep=time.sleep,
    chance=random.random,
)


def _known_scenario(name: str) -> str:
    if name not in SCENARIOS:
        raise ValueError(f"no scenario {name}; there are {', '.join(SCENARIOS)}")
    return name


# An enumeration in the form; checked against the one list there is.
ScenarioName = Annotated[
    str, AfterValidator(_known_scenario), WithJsonSchema({"type": "string", "enum": [*SCENARIOS]})
]


Provider = Literal["files", "yahoo", "crypto", "cftc"]


class DataSource(BaseModel):
    """Where the observations come from."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["files", "yahoo", "crypto", "cftc", "simulated"] = Field(
        default="files",
        description="files: a drop folder. yahoo, crypto, cftc: live providers. "
        "simulated: a market with known truth.",
    )
    then: list[Provider] = Field(
        default=[],
        max_length=3,
        description="Further providers in falling precedence: they give what the ones before lack.",
    )
    path: str | None = Field(
        default=None, description="The drop folder, for files.", examples=["/data/drop"]
    )
    scenario: ScenarioName = Field(
        default="multi_strat_unwind", description="What happens in the simulated market."
    )
    seed: int = Field(default=1, ge=0, le=2**31, description="Seed of the simulated market.")
    event: date = Field(
        default=date(2026, 2, 5), description="Day of the simulated event.", examples=["2026-02-05"]
    )


def open_source(chosen: DataSource, settings: Settings) -> Source:
    """Build the provider that the parameters describe, or several as one.

    Raises
    ------
    SourceError
        The drop folder is missing or unusable, a live provider's library is not installed, or the
        providers cannot stand together.
    """
    if chosen.kind == "simulated":
        if chosen.then:
            raise SourceError(
                f"simulated data is never combined with other data, got {', '.join(chosen.then)}; "
                "name it alone"
            )
        return SimulatedSource(
            chosen.scenario,
            seed=chosen.seed,
            first=(pd.Timestamp(chosen.event) - pd.Timedelta(days=SIMULATED_DAYS_BEFORE)).date(),
            last=(pd.Timestamp(chosen.event) + pd.Timedelta(days=SIMULATED_DAYS_AFTER)).date(),
            event=chosen.event,
        )
    providers = tuple(_provider(kind, chosen, settings) for kind in (chosen.kind, *chosen.then))
    if len(providers) == 1 and chosen.kind == "files":
        return providers[0]
    return CombinedSource(providers)


def _provider(kind: Provider, chosen: DataSource, settings: Settings) -> Partner:
    terms = settings.sources
    if kind == "yahoo":
        return YahooSource(
            terms.yahoo, symbols=desk_symbols(settings), clock=settings.clock, retry=terms.retry,
            time=WALL_CLOCK,
        )  # fmt: skip
    if kind == "crypto":
        hourly = tuple(settings.clock.hourly.values())
        return CryptoSource(terms.crypto, hourly=hourly, retry=terms.retry, time=WALL_CLOCK)
    if kind == "cftc":
        return CftcSource(terms.cftc, retry=terms.retry, time=WALL_CLOCK)
    if chosen.path is None:
        raise SourceError("the files source needs a path; name the drop folder")
    return FilesSource(Path(chosen.path))


def session_of(as_of: date | None, *, scheduled: datetime) -> date | None:
    """The session to run: the one asked for, or the scheduled day; None where that is no session.

    However late a run starts, its scheduled day in New York counts.

    Raises
    ------
    CalendarError
        A day was asked for that is no session.
    """
    if as_of is not None:
        return require_session(as_of)
    day = pd.Timestamp(scheduled).tz_convert(CUT_ZONE).date()
    return day if is_session(day) else None


def no_session(scheduled: datetime) -> str:
    """Say that the scheduled day, in New York, is no session."""
    return f"{pd.Timestamp(scheduled).tz_convert(CUT_ZONE):%Y-%m-%d} is no NYSE session"


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
    """The run's data cut-off: the one asked for, or the session's publication.

    Raises
    ------
    CalendarError
        It has no time zone; or of real data the session or the cut-off lies after the scheduled
        start time, so that the rows would claim to know the future.
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
    """Time in UTC, with its day where that is not the session's."""
    return f"{instant:%H:%M} UTC" if instant.date() == session else f"{instant:%Y-%m-%d %H:%M} UTC"
