"""Providers as one, in falling precedence; none takes another's place in silence.

One live provider alone goes through here as well: a table that it cannot give is then a fault, and
no end of the run, unless it is prices.
"""

import pandas as pd

from unwind.contract.source import Extract, Fault, Partner, SourceError
from unwind.sources.provider_faults import no_rows, provider_failed


class CombinedSource:
    """Asks each provider that has a table; `unwind.market.precedence` chooses.

    Raises
    ------
    SourceError
        A provider is named twice, simulated data is among others, or none has prices.
    """

    def __init__(self, providers: tuple[Partner, ...]) -> None:
        labels = [provider.label for provider in providers]
        if len(set(labels)) < len(labels):
            raise SourceError(
                f"combined sources must be different ones, got {', '.join(labels)}; name each once"
            )
        if any(label.startswith("simulated") for label in labels):
            raise SourceError(
                f"simulated data is never combined with other data, got {', '.join(labels)}; "
                "name it alone"
            )
        self._providers = providers
        if "prices" not in self.tables():
            raise SourceError(
                f"none of {', '.join(labels)} has prices; add a source that does, e.g. yahoo"
            )

    @property
    def label(self) -> str:
        """Names of the providers in falling precedence, e.g. "yahoo+crypto+files"."""
        return "+".join(provider.label for provider in self._providers)

    def tables(self) -> tuple[str, ...]:
        """Names of the tables that any provider has, each once."""
        return tuple(dict.fromkeys(name for one in self._providers for name in one.tables()))

    def extract(self, table: str) -> Extract:
        """Ask every provider that has the table.

        Returns
        -------
        Extract
            One part a provider; a provider that failed whole is an empty part with its fault.

        Raises
        ------
        SourceError
            Every provider that has prices failed; any other table is then empty, with faults.
        """
        asked = [provider for provider in self._providers if table in provider.tables()]
        parts, failures = [], []
        for provider in asked:
            part, failure = _part(provider, table)
            parts.append(part)
            failures += [failure] if failure else []
        if table == "prices" and len(failures) == len(asked):
            raise SourceError("; ".join(failures))
        arrivals = [part.received_at for part in parts if part.received_at is not None]
        return Extract(
            "+".join(part.label for part in parts),
            pd.DataFrame(),
            received_at=max(arrivals) if arrivals else None,
            parts=tuple(parts),
        )


def _part(provider: Partner, table: str) -> tuple[Extract, str]:
    """One provider's part of a table, and a sentence where the provider failed whole.

    Any exception stays here: one provider never takes the others' rows with it.
    """
    label = provider.label
    promised: frozenset[str] = frozenset()
    try:
        promised = provider.promised(table)
        given = provider.extract(table)
        part = Extract(
            given.origin, given.rows, faults=given.faults, received_at=given.received_at,
            label=label, promised=promised,
        )  # fmt: skip
        return part, ""
    except SourceError as error:
        fault, sentence = _gone(label, error), str(error)
    except Exception as error:
        fault = provider_failed(label, table, error)
        sentence = f"{label} gave no {table}: {fault.value}; {fault.remedy}"
    empty = Extract(label, no_rows(table), faults=(fault,), label=label, promised=promised)
    return empty, sentence


def _gone(label: str, error: SourceError) -> Fault:
    return Fault(
        entity=label,
        rule="provider_failed",
        severity="error",
        value=str(error),
        remedy="the others stand; see what it says, and run again",
    )
