"""`make audit`: hold constraints.txt against the advisory database of the Python Package Index.

pip-audit ends with "No known vulnerabilities" where the database knows none of the packages, as a
mirror without advisories does: an audit that did not happen is no pass, so what was skipped counts.
`make check` runs it with `--if-reachable`: an advisory fails there as well, a service out of reach
is one loud line, known within seconds.
"""

import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[1]
# A release with advisories: a service that names none for it knows none at all.
SERVICE = "https://pypi.org/pypi/requests/2.31.0/json"
REACHED_WITHIN_SECONDS = 10.0
SECONDS = 600
NOT_AUDITED = "dependencies NOT audited"


def told(report: dict[str, list[dict[str, Any]]]) -> tuple[list[str], str]:
    """A sentence for each advisory that pip-audit found, and one for what it could not audit."""
    held = report["dependencies"]
    skipped = [str(found["name"]) for found in held if "skip_reason" in found]
    advisories = [
        f"{found['name']} {found['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for found in held
        for vulnerability in found.get("vulns", [])
    ]
    if skipped and len(skipped) == len(held):
        return advisories, f"the advisory service knows none of {len(held)} packages"
    return advisories, f"it does not know {', '.join(skipped)}" if skipped else ""


def out_of_reach(address: str, *, seconds: float) -> str:
    """Say why a service gives no advisories; empty where it does.

    The seconds bound the whole: a name that is never resolved, and an answer that drips, as well.
    """
    taken = [f"{address} did not answer within {seconds:g} s"]

    def ask() -> None:
        try:
            answer = requests.get(address, timeout=seconds)
            known = answer.ok and bool(answer.json().get("vulnerabilities"))
            taken.append("" if known else f"{address} answers without advisories")
        except (requests.RequestException, ValueError, AttributeError) as error:
            taken.append(f"{address} cannot be reached ({type(error).__name__})")

    # A daemon: what hangs in the resolver must not keep the check from ending.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(seconds)
    return taken[-1]


def audited() -> tuple[list[str], str]:
    """Ask the service about every package; return what `told` does."""
    if missed := out_of_reach(SERVICE, seconds=REACHED_WITHIN_SECONDS):
        return [], missed
    command = [
        str(Path(sys.executable).with_name("pip-audit")), "--requirement", "constraints.txt",
        "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        return told(json.loads(done.stdout))
    except ValueError:
        return [], f"pip-audit ended without a report: {done.stderr.strip()[-200:] or 'no word'}"
    except subprocess.TimeoutExpired:
        return [], f"pip-audit was not done after {SECONDS} s"


def main(*, if_reachable: bool) -> int:
    """Print what was found; return an exit status.

    Parameters
    ----------
    if_reachable : bool
        Whether an audit that could not be made passes.
    """
    advisories, missed = audited()
    lines = list(advisories)
    if missed:
        lines.append(f"{NOT_AUDITED}: {missed}; run `make audit` where pypi.org can be reached")
    if not lines:
        lines.append("dependencies audited: no advisory")
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return int(bool(advisories or (missed and not if_reachable)))


if __name__ == "__main__":
    sys.exit(main(if_reachable="--if-reachable" in sys.argv[1:]))
