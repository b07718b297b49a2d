"""Progress of a long run on standard error: a bar, or a line every ten seconds in a log."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

# A log or a build server gets a line no more often than this.
SECONDS_PER_LINE = 10.0


@contextmanager
def progress_of(total: int, *, unit: str) -> Iterator[Callable[[int], None]]:
    """Yield a function that advances the progress by a number of steps."""
    if not sys.stderr.isatty():
        yield _lines(total, unit=unit)
        return
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=Console(file=sys.stderr),
    ) as drawn:
        bar = drawn.add_task(unit, total=total)
        yield lambda steps: drawn.advance(bar, steps)


def _lines(total: int, *, unit: str) -> Callable[[int], None]:
    done, began, printed = 0, time.monotonic(), time.monotonic()

    def advance(steps: int) -> None:
        nonlocal done, printed
        done += steps
        now = time.monotonic()
        if now - printed < SECONDS_PER_LINE and done < total:
            return
        printed = now
        sys.stderr.write(f"{done} of {total} {unit}, {now - began:.0f} s\n")
        sys.stderr.flush()

    return advance
