"""One venue for each hourly series: a bar of another venue is another price, not the next one."""

from dataclasses import dataclass

import pandas as pd

HOUR = pd.Timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VenueChoice:
    """Hourly bars of one venue per symbol, and what the choice means.

    Attributes
    ----------
    bars : DataFrame
        The rows of the chosen venues.
    chosen : dict of str to str
        Symbol → its venue, where there were several.
    gaps : dict of str to DatetimeIndex
        Symbol → instants at which its venue has no bar and another has; where there were several.
    lacking : dict of str to str
        Symbol → the other venues, with the number of instants that each lacks.
    """

    bars: pd.DataFrame
    chosen: dict[str, str]
    gaps: dict[str, pd.DatetimeIndex]
    lacking: dict[str, str]


def one_venue(bars: pd.DataFrame, *, cuts: pd.DatetimeIndex) -> VenueChoice:
    """Keep the venue of each symbol that has most bars at the cuts.

    Parameters
    ----------
    bars : DataFrame
        | bar_start_utc | symbol | venue |, one row per key; may be empty.
    cuts : DatetimeIndex
        Instants at which prices are read, UTC.

    Returns
    -------
    VenueChoice
        Of venues with as many the one with more bars in all, then the first by name: the order of
        the rows does not matter. One venue for the whole span: two venues differ by more than an
        hour's move, so a series that changes between them has returns that nobody earned.
    """
    several: list[str] = []
    if len(bars):
        venues = bars.groupby("symbol")["venue"].nunique()
        several = [str(symbol) for symbol in venues.index[venues > 1]]
    chosen: dict[str, str] = {}
    gaps: dict[str, pd.DatetimeIndex] = {}
    lacking: dict[str, str] = {}
    kept = pd.Series(True, index=bars.index)
    for symbol in several:
        own = bars[bars["symbol"] == symbol]
        ends = {
            str(venue): pd.DatetimeIndex(rows["bar_start_utc"]) + HOUR
            for venue, rows in own.groupby("venue")
        }
        at_cut = {venue: cuts.intersection(stamps) for venue, stamps in ends.items()}
        best = min(ends, key=lambda venue: (-len(at_cut[venue]), -len(ends[venue]), venue))
        everyone = cuts.intersection(pd.DatetimeIndex(own["bar_start_utc"]) + HOUR)
        chosen[symbol] = best
        gaps[symbol] = everyone.difference(at_cut[best])
        lacking[symbol] = ", ".join(
            f"{venue} lacks {len(everyone) - len(at_cut[venue])} of {len(everyone)}"
            for venue in sorted(ends)
            if venue != best
        )
        kept &= (bars["symbol"] != symbol) | (bars["venue"] == best)
    return VenueChoice(bars=bars[kept], chosen=chosen, gaps=gaps, lacking=lacking)
