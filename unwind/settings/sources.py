"""Section of the settings on providers: addresses, patience, symbols, how far two may differ."""

from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from unwind.settings.shared import Section, Symbol


def _plain_address(address: str) -> str:
    """Refuse what could not be asked, and credentials, which would end up in tables."""
    scheme, _, rest = address.partition("://")
    if scheme not in ("http", "https") or not rest or "@" in rest:
        raise ValueError(
            "must be an http or https address without a user name, e.g. https://proxy.desk:8443"
        )
    return address.rstrip("/")


Address = Annotated[str, AfterValidator(_plain_address)]
Rate = Annotated[float, Field(gt=0, le=6000)]
Name = Annotated[str, Field(pattern=r"^[\w.^=:/-]{1,32}$")]


class Retry(Section):
    """Retries and time limits of a live provider."""

    attempts: int = Field(ge=1, le=10)
    first_wait_seconds: float = Field(gt=0, le=60)
    longest_wait_seconds: float = Field(gt=0, le=600)
    request_seconds: float = Field(gt=0, le=120)
    total_seconds: float = Field(gt=0, le=3600)
    largest_answer_mb: float = Field(gt=0, le=1024)


class Yahoo(Section):
    """Daily bars and option chains, through yfinance."""

    base_url: Address
    requests_per_minute: Rate
    history_days: int = Field(ge=10, le=20000)
    cut_days: int = Field(ge=5, le=729)
    settle_minutes: int = Field(ge=0, le=240)
    stale_minutes: int = Field(ge=1, le=1440)
    option_underlyings: tuple[Symbol, ...]
    option_expiries: int = Field(ge=1, le=100)
    symbols: dict[Symbol, Name]
    indices: dict[Symbol, Name]


class Crypto(Section):
    """Spot, perpetuals, implied volatility and options of bitcoin, through ccxt."""

    binance_spot_url: Address
    binance_futures_url: Address
    deribit_url: Address
    requests_per_minute: Rate
    hourly_days: int = Field(ge=2, le=5000)
    daily_days: int = Field(ge=2, le=5000)
    perpetual: Name
    currency: Name


class Cftc(Section):
    """Traders in Financial Futures, from the public reporting site."""

    base_url: Address
    dataset: str = Field(pattern=r"^[a-z0-9]{4}-[a-z0-9]{4}$")
    requests_per_minute: Rate
    first: date
    venue: Name
    contracts: dict[str, Annotated[float, Field(gt=0, le=1e6)]] = Field(min_length=1)


class Sources(Section):
    """Every provider's terms."""

    frozen_sessions: int = Field(ge=2, le=60)
    retry: Retry
    agreement: dict[str, dict[str, Annotated[float, Field(gt=0, le=1)]]]
    yahoo: Yahoo
    crypto: Crypto
    cftc: Cftc

    @model_validator(mode="after")
    def _waits_fit(self) -> Self:
        retry = self.retry
        if retry.first_wait_seconds > retry.longest_wait_seconds:
            raise ValueError(
                "retry.first_wait_seconds exceeds retry.longest_wait_seconds; lower the first"
            )
        if retry.request_seconds > retry.total_seconds:
            raise ValueError("retry.request_seconds exceeds retry.total_seconds; lower the first")
        return self
