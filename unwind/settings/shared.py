"""Sections of the settings that every part of the program shares, and what they are made of."""

import datetime
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from unwind.errors import did_you_mean

Symbol = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._^=-]{0,23}$")]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone {name}; write one like America/New_York") from error
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class Section(BaseModel):
    """One table of the settings file: frozen, without unknown keys, NaN or infinity.

    Every number states a lower and an upper bound: a comparison with NaN is false without an error,
    and an absurd magnitude switches a rule off.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Universe(Section):
    """Base asset and its counterparts."""

    base: Symbol
    counterparts: tuple[Symbol, ...] = Field(min_length=1)
    change_pairs: tuple[tuple[Symbol, Symbol], ...]
    context: tuple[Symbol, ...]
    havens: tuple[Symbol, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        members = (self.base, *self.counterparts)
        if len(set(members)) != len(members):
            raise ValueError("a symbol stands twice in base and counterparts; name each once")
        strangers = {symbol for pair in self.change_pairs for symbol in pair} - set(members)
        if strangers:
            raise ValueError(
                f"change_pairs names {sorted(strangers)}, which the universe does not hold; "
                "add them to counterparts" + did_you_mean(min(strangers), members)
            )
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        """Base first, then the counterparts in their order."""
        return (self.base, *self.counterparts)


class Clock(Section):
    """Series that are not exchange-traded, and the source of their 16:00 New York price."""

    crypto_daily: tuple[Symbol, ...]
    weekday: tuple[Symbol, ...]
    index_levels: tuple[Symbol, ...]
    utc_day_indices: tuple[Symbol, ...]
    hourly: dict[Symbol, Symbol]


class Publication(Section):
    """The instant at which a session's own run stands."""

    time: datetime.time
    zone: Zone


class Lag(Section):
    """Time at which a row without known_at counts as known."""

    days: int | None = Field(default=None, ge=0, le=60)
    sessions: int | None = Field(default=None, ge=0, le=20)
    minutes: int | None = Field(default=None, ge=0, le=10080)
    time: datetime.time = datetime.time(0)
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if [self.days, self.sessions, self.minutes].count(None) != 2:
            raise ValueError("give exactly one of days, sessions and minutes")
        return self


class Report(Section):
    """Settings of the desk report."""

    history: int = Field(ge=20, le=2520)
