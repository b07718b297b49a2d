"""Registry of providers: one entry each; form, command line and listing derive from it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from unwind.contract.source import Partner, Provision, SourceError
from unwind.settings import Settings
from unwind.sources import cftc, crypto, files, yahoo
from unwind.sources.transport import Timekeeping


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that a run can name, alone or among others.

    Attributes
    ----------
    provisions : tuple of Provision
        What it gives, for the listing.
    build : callable
        Returns the provider for the settings, the time and the drop folder (read by `files` alone).
    """

    provisions: tuple[Provision, ...]
    build: Callable[[Settings, Timekeeping, Path | None], Partner]


def _files(_settings: Settings, _time: Timekeeping, folder: Path | None) -> Partner:
    if folder is None:
        raise SourceError("the files source needs a path; name the drop folder")
    return files.FilesSource(folder)


PROVIDERS = {
    "files": Provider(files.PROVISIONS, _files),
    "yahoo": Provider(
        yahoo.PROVISIONS,
        lambda settings, time, _: yahoo.YahooSource(
            settings.sources.yahoo, symbols=settings.symbols, clock=settings.clock,
            retry=settings.sources.retry, time=time,
        ),
    ),
    "crypto": Provider(
        crypto.PROVISIONS,
        lambda settings, time, _: crypto.CryptoSource(
            settings.sources.crypto, hourly=tuple(settings.clock.hourly.values()),
            retry=settings.sources.retry, time=time,
        ),
    ),
    "cftc": Provider(
        cftc.PROVISIONS,
        lambda settings, time, _: cftc.CftcSource(
            settings.sources.cftc, retry=settings.sources.retry, time=time
        ),
    ),
}  # fmt: skip

# A library of its own (unwind.simulation), never combined with a provider.
SIMULATED = "simulated"
SIMULATED_PROVISIONS = (
    Provision(
        table="every table",
        content="a market with known truth, labelled SIMULATED DATA wherever it shows",
        lag="as the lag rules of [known_at]",
        limits="never combined with another source, never a stand-in for one",
    ),
)
