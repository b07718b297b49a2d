"""`python -m flows NAME …`: run a flow from a shell; the exit status is the outcome.

A command is the signature of its flow: options, defaults, bounds and help are read from there. A
flow is imported when it is called.
"""

import ast
import inspect
import json
import logging
import sys
from collections.abc import Callable
from datetime import date, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter, Token
from pydantic import ValidationError

from unwind.errors import UserError

FLOWS = (
    "daily", "morning-after", "backfill", "replay", "evaluate", "calibrate", "universe", "scan",
)  # fmt: skip
DEMO_FIRST, DEMO_LAST = date(2026, 1, 28), date(2026, 2, 12)


def _instants(_type: object, tokens: tuple[Token, ...]) -> list[datetime]:
    text = tokens[0].value
    try:
        return [datetime.fromisoformat(part.strip()) for part in text.split(",")]
    except ValueError as error:
        raise ValueError(
            f"cutoffs must be UTC instants with commas between, got {text!r}; "
            "write e.g. 2026-02-05T21:15Z,2026-02-06T14:30Z"
        ) from error


# Where an option is more than the name and type of its parameter.
OPTIONS = {
    "first": Parameter(name="--from"),
    "last": Parameter(name="--to"),
    "paths": Parameter(name="--path"),
    "cutoffs": Parameter(converter=_instants, n_tokens=1),
    "lake": Parameter(env_var="UNWIND_LAKE"),
    "settings": Parameter(env_var="UNWIND_SETTINGS"),
    "copy_to": Parameter(env_var="UNWIND_COPY_TO"),
    "as_json": Parameter(name="--json"),
}


def _option(name: str, annotation: Any, default: Any, help: str = "") -> inspect.Parameter:
    if help:
        annotation = Annotated[annotation, Parameter(help=help)]
    if name in OPTIONS:
        annotation = Annotated[annotation, OPTIONS[name]]
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )


def command(name: str) -> Callable[..., int]:
    """Return a flow as a command: the fields of its source become options of their own."""
    from flows.parameters import DataSource

    name = name.replace("-", "_")
    flow = getattr(import_module(f"flows.{name}"), name)
    parameters = dict(inspect.signature(flow.fn).parameters)
    sourced = parameters.pop("source", None) is not None
    options = [_option(one.name, one.annotation, one.default) for one in parameters.values()]
    if sourced:
        fields = dict(DataSource.model_fields)
        kind, then = fields.pop("kind"), fields.pop("then")
        described = f"{kind.description} Repeat it for more: {then.description}"
        options += [_option("source", list[str], [kind.default], described)]
        options += [
            _option(field, one.annotation, one.default, one.description or "")
            for field, one in fields.items()
        ]
    else:  # histories are read from drop folders alone
        options += [_option("source", Literal["files"], "files", "Where histories come from.")]
    options += [_option("as_json", bool, False, "Print the outcome as JSON.")]

    def run(*, as_json: bool = False, source: list[str] | str = "files", **given: Any) -> int:
        if sourced:
            first, *then = [source] if isinstance(source, str) else source
            chosen = {field: given.pop(field) for field in fields if field in given}
            given["source"] = DataSource.model_validate({"kind": first, "then": then} | chosen)
        check_inputs(given)
        return finish(name, flow(**given, return_state=True), as_json=as_json)

    run.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
    run.__annotations__ = {}
    run.__doc__ = flow.fn.__doc__
    return run


def check_inputs(given: dict[str, Any]) -> None:
    """Find missing settings, folders, labels and libraries before a server is started."""
    from flows.parameters import DataSource, open_source
    from unwind.settings import load_settings

    settings = load_settings(given.get("settings"))
    sources = [DataSource(path=path) for path in given.get("paths", ())]
    if given.get("simulated") is None and "source" in given:
        sources.append(given["source"])
    for source in sources:
        open_source(source, settings)
    if "episodes" in given:
        from unwind.studies.episodes import read_label_folders

        read_label_folders(given["episodes"])


def demo(*, lake: Annotated[str, OPTIONS["lake"]] = "demo/lake") -> int:
    """Run the sessions around a simulated 5 February 2026, then that day alone.

    Args:
        lake: Folder of the lake.
    """
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


def _summary(name: str) -> str:
    """First line of a flow's module, read without importing it."""
    text = Path(__file__).with_name(f"{name.replace('-', '_')}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def application(called: str) -> App:
    """Return the command line; of its flows only the one that is called is imported."""
    app = App(
        name="python -m flows",
        help="Run the desk's flows through Prefect, with a temporary server or the configured one.",
        version_flags=(),
        default_parameter=Parameter(negative=()),
        result_action="return_value",
    )
    for name in FLOWS:
        if name == called:
            app.command(command(name), name=name)
        else:
            app.command(lambda: None, name=name, help=_summary(name))
    app.command(demo)
    return app


class _WithoutStack(logging.Filter):
    """Drop the traceback from log records of readable faults."""

    def filter(self, record: logging.LogRecord) -> bool:
        from flows.faults import READABLE

        if record.exc_info and isinstance(record.exc_info[1], READABLE):
            record.exc_info = None
        return True


def _sentence(error: Exception) -> str:
    """The fault of an option; of pydantic's the rule alone, not its layout."""
    cause = error.__cause__ if isinstance(error, CycloptsError) else error
    if not isinstance(cause, ValidationError):
        return str(error)
    argument = error.argument if isinstance(error, CycloptsError) else None
    return "; ".join(
        f"{argument.name if argument else fault['loc'][-1]}: {fault['msg']}"
        for fault in cause.errors()
    )


def main(arguments: list[str]) -> int:
    """Run a command; a fault of input is one sentence and exit status 2."""
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logging.getLogger(name).addFilter(_WithoutStack())
    try:
        app = application(called=next(iter(arguments), ""))
        return app(arguments, exit_on_error=False, print_error=False) or 0
    except (UserError, CycloptsError, ValidationError) as error:
        from unwind.contract.text import plain

        sys.stderr.write(f"unwind: {plain(_sentence(error))}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
