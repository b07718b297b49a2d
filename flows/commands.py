"""Flows as commands: options, defaults, bounds and help are read from a flow's signature.

A flow is imported when its command is called (`flows.commands.daily`, …).
"""

import inspect
import json
import logging
import sys
from collections.abc import Callable
from datetime import date, datetime
from importlib import import_module
from typing import Annotated, Any, Literal, get_args

from cyclopts import Group, Parameter
from pydantic import ValidationError

from unwind.commands.options import DAY, INSTANT, INSTANTS, Lake
from unwind.errors import UserError

FLOWS = (
    "daily", "morning_after", "backfill", "replay", "evaluate", "calibrate", "universe", "scan",
)  # fmt: skip
DEMO_FIRST, DEMO_LAST = date(2026, 1, 28), date(2026, 2, 12)

SIMULATED = Group("Simulated market")

# Where an option is more than the name and type of its parameter.
OPTIONS = {
    "first": Parameter(name="--from"),
    "last": Parameter(name="--to"),
    "paths": Parameter(name="--path"),
    "cutoffs": Parameter(name="--cutoff"),
    "lake": Parameter(env_var="UNWIND_LAKE"),
    "settings": Parameter(env_var="UNWIND_SETTINGS"),
    "copy_to": Parameter(env_var="UNWIND_COPY_TO"),
    "as_json": Parameter(name="--json"),
} | {
    name: Parameter(group=SIMULATED) for name in ("scenario", "seed", "event", "simulated", "years")
}


class OptionError(UserError, ValueError):
    """Options that a flow refuses; the message names the option and the rule."""


def __getattr__(name: str) -> Callable[..., int]:
    if name in FLOWS:
        return command(name)
    raise AttributeError(name)


def _option(name: str, annotation: Any, default: Any, help: str = "") -> inspect.Parameter:
    kinds = {annotation, *get_args(annotation)}
    read: Parameter | None
    if datetime in kinds:
        read = INSTANTS if annotation == list[datetime] else INSTANT
    else:
        read = DAY if date in kinds else None
    more = [one for one in (read, help and Parameter(help=help), OPTIONS.get(name)) if one]
    for one in more:
        annotation = Annotated[annotation, one]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def command(name: str) -> Callable[..., int]:
    """Return a flow as a command: the fields of its source become options of their own."""
    from flows.parameters import DataSource

    flow = getattr(import_module(f"flows.{name}"), name)
    parameters = dict(inspect.signature(flow.fn).parameters)
    sourced = parameters.pop("source", None) is not None
    options = [_option(one.name, one.annotation, one.default) for one in parameters.values()]
    if sourced:
        fields = dict(DataSource.model_fields)
        kind = fields.pop("kind")
        del fields["then"]
        described = f"{kind.description} Repeat to add fallbacks, highest priority first."
        options += [_option("source", list[str], [kind.default], described)]
        options += [
            _option(field, one.annotation, one.default, one.description or "")
            for field, one in fields.items()
        ]
    else:  # histories are read from drop folders alone
        options += [_option("source", Literal["files"], "files", "Source of the histories.")]
    options += [_option("as_json", bool, False, "Print the outcome as JSON.")]

    def run(*, as_json: bool = False, source: list[str] | str = "files", **values: Any) -> int:
        for logger in ("prefect.flow_runs", "prefect.task_runs"):
            logging.getLogger(logger).addFilter(_WithoutStack())
        try:
            if sourced:
                first, *then = [source] if isinstance(source, str) else source
                fields_of_source = {field: values.pop(field) for field in fields if field in values}
                values["source"] = DataSource.model_validate(
                    {"kind": first, "then": then} | fields_of_source
                )
            check_inputs(values)
            state = flow(**values, return_state=True)
        except ValidationError as error:
            raise OptionError(_rules(error)) from error
        return finish(name, state, as_json=as_json)

    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {}
    run.__doc__ = flow.fn.__doc__
    return run


def _rules(error: ValidationError) -> str:
    """Return pydantic's rules without its layout."""
    own = "Value error, "
    return "; ".join(
        fault["msg"].removeprefix(own)
        if fault["msg"].startswith(own)
        else f"--{fault['loc'][-1]}: {fault['msg']}"
        for fault in error.errors()
    )


def check_inputs(values: dict[str, Any]) -> None:
    """Find missing settings, folders, labels and libraries before a server is started."""
    from flows.parameters import DataSource, open_source
    from unwind.settings import load_settings

    settings = load_settings(values.get("settings"))
    sources = [DataSource(path=path) for path in values.get("paths", ())]
    if values.get("simulated") is None and "source" in values:
        sources.append(values["source"])
    for source in sources:
        open_source(source, settings)
    if "episodes" in values:
        from unwind.studies.episodes import read_label_folders

        read_label_folders(values["episodes"])


def demo(*, lake: Lake = "demo/lake") -> int:
    """Run the sessions around a simulated 5 February 2026, then that day alone."""
    from flows.backfill import backfill
    from flows.daily import daily
    from flows.parameters import DataSource

    source = DataSource(kind="simulated")
    state = backfill(
        source=source, first=DEMO_FIRST, last=DEMO_LAST, lake=lake, chunk=6, workers=2,
        return_state=True,
    )  # fmt: skip
    return finish("backfill", state) or finish(
        "daily", daily(source=source, lake=lake, as_of=source.event, return_state=True)
    )


def finish(name: str, state: Any, *, as_json: bool = False) -> int:
    """Print the outcome; a failed run is one sentence, with status 2 where input was refused."""
    if not state.is_completed():
        from flows.faults import is_refusal

        sys.stderr.write(f"unwind: {state.message}\n")
        return 2 if is_refusal(state.result(raise_on_failure=False)) else 1
    outcome = state.result() if state.name == "Completed" else {"skipped": state.message}
    if as_json:
        sys.stdout.write(json.dumps(outcome, indent=1, ensure_ascii=False) + "\n")
        return 0
    if name == "replay":
        sys.stdout.write(outcome["markdown"])
    if name == "evaluate":
        from unwind.studies.track_record_text import record_markdown

        sys.stdout.write(record_markdown(outcome))
    sys.stdout.write(f"\n{state.message}\n")
    for key in ("lake", "snapshot", "report", "file", "folder"):
        if key in outcome:
            sys.stdout.write(f"  {key:<9}{outcome[key]}\n")
    return 0


class _WithoutStack(logging.Filter):
    """Drop the traceback from log records of readable faults."""

    def filter(self, record: logging.LogRecord) -> bool:
        from flows.faults import READABLE

        if record.exc_info and isinstance(record.exc_info[1], READABLE):
            record.exc_info = None
        return True
