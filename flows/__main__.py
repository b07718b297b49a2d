"""`python -m flows NAME`: the former command line, for one more release. Use `unwind`."""

import sys

from unwind.cli import FLOWS, STUDIES, run

NAMES = {flow.replace("_", "-"): [name] for name, flow in FLOWS.items()}
NAMES |= {name: ["study", name] for name in STUDIES}


def main(arguments: list[str]) -> int:
    """Run the current command for a former name."""
    if arguments and arguments[0] in NAMES:
        arguments = [*NAMES[arguments[0]], *arguments[1:]]
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
