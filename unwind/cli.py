"""`unwind`: the one command line. A command imports what it needs when it is called."""

import ast
import sys
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from cyclopts import App, CycloptsError, Group, Parameter, UnknownCommandError

from unwind.commands import export, importing, lake, reading
from unwind.errors import UserError, did_you_mean

RUN = Group("Run", sort_key=1)
READ = Group("Read", sort_key=2)
DATA = Group("Data and settings", sort_key=3)

# Command → flow. Their options are the signatures of the flows.
FLOWS = {
    "run": "daily",
    "morning-after": "morning_after",
    "backfill": "backfill",
    "replay": "replay",
}
STUDIES = ("calibrate", "evaluate", "universe", "scan")


def application() -> App:
    """Return the command line."""
    app = App(
        name="unwind",
        help="Is cross-asset deleveraging under way: verdict, evidence, record.",
        help_format="plaintext",
        version=lambda: version("unwind"),
        default_parameter=Parameter(negative=()),
        result_action="return_value",
    )
    app.register_install_completion_command()
    for name, flow in FLOWS.items():
        app.command(f"flows.commands:{flow}", name=name, help=_summary(flow), group=RUN)
    app.command("flows.commands:demo", help="Run a simulated February 2026.", group=RUN)
    grouped: dict[Group, tuple[Callable[..., None], ...]] = {
        READ: (
            reading.show, reading.sessions, reading.diff, reading.report, reading.alerts,
            export.export, reading.sigma,
        ),
        DATA: (
            reading.quarantine, reading.confirm, reading.sources, reading.tables,
            reading.settings,
        ),
    }  # fmt: skip
    for group, commands in grouped.items():
        for command in commands:
            app.command(command, group=group)
    for part in (importing.app, lake.app, study()):
        part.group = DATA
        app.command(part)
    app.command(
        "flows.server:app",
        name="server",
        help="Start and stop the Prefect server; apply deployments and notifications.",
        group=RUN,
    )
    return app


def study() -> App:
    """Return the commands of studies over whole histories."""
    app = App(name="study", help="Calibrate, evaluate and scan over whole histories.")
    for name in STUDIES:
        app.command(f"flows.commands:{name}", name=name, help=_summary(name))
    app.command(reading.claims)
    return app


def _summary(flow: str) -> str:
    """Return the first line of a flow's docstring without importing Prefect."""
    spec = find_spec("flows")
    if spec is None or not spec.submodule_search_locations:
        return ""
    source = Path(spec.submodule_search_locations[0], f"{flow}.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef) and node.name == flow:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    return ""


def sentence(error: CycloptsError) -> str:
    """Return the fault of a command line as one sentence."""
    if isinstance(error, UnknownCommandError) and error.unused_tokens and error.app is not None:
        name = error.unused_tokens[0]
        path = " ".join(("unwind", *(error.command_chain or ())))
        hint = did_you_mean(name, [one for one in error.app if not one.startswith("-")]) or "."
        return f"unknown command {name!r}{hint} Run `{path} --help` for the list"
    cause = error.__cause__
    if isinstance(cause, ValueError):
        from pydantic import ValidationError

        if not isinstance(cause, ValidationError):
            return str(cause)
        # The rule alone, not pydantic's layout.
        argument = getattr(error, "argument", None)
        rules = "; ".join(fault["msg"] for fault in cause.errors())
        return f"{argument.name}: {rules}" if argument else rules
    return " ".join(str(error).split())


def run(arguments: list[str]) -> int:
    """Run a command and return its exit status; a fault is one sentence, never a traceback."""
    try:
        status = application()(arguments, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        from unwind.contract.text import plain

        sys.stderr.write(f"unwind: {plain(sentence(error))}\n")
        return 2
    except UserError as error:
        sys.stderr.write(f"unwind: {error}\n")
        return 2
    return status if isinstance(status, int) else 0


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
