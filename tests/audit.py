"""`make audit`: hold constraints.txt against the advisory database of the Python Package Index.

pip-audit ends with "No known vulnerabilities" where the database knows none of the packages, as a
mirror without advisories does: an audit that did not happen is no pass, so what was skipped counts.
"""

import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

SECONDS = 600


def told(report: dict[str, list[dict[str, object]]]) -> tuple[int, list[str]]:
    """Exit status and sentences for what pip-audit found."""
    held = report["dependencies"]
    skipped = [str(found["name"]) for found in held if "skip_reason" in found]
    weak = [found for found in held if found.get("vulns")]
    lines = [
        f"{found['name']} {found['version']}: {vulnerability['id']}, "
        f"fixed in {', '.join(vulnerability['fix_versions']) or 'no version'}"
        for found in weak
        for vulnerability in found["vulns"]  # type: ignore[attr-defined]
    ]
    if skipped and len(skipped) == len(held):
        lines.append(
            f"the audit did not happen: the advisory service knows none of {len(held)} packages; "
            "run it where pypi.org itself can be reached"
        )
    elif skipped:
        lines.append(f"not audited: {', '.join(skipped)}; look them up by hand")
    else:
        lines.append(f"{len(held)} packages audited, {len(weak)} with an advisory")
    return int(bool(skipped or weak)), lines


def main() -> int:
    """Run pip-audit; return an exit status."""
    command = [
        str(Path(sys.executable).with_name("pip-audit")), "--requirement", "constraints.txt",
        "--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=SECONDS
        )
        status, lines = told(json.loads(done.stdout))
    except (ValueError, OSError, subprocess.TimeoutExpired):
        status, lines = 1, [
            "the audit did not happen: the advisory service cannot be reached; run it where "
            "pypi.org itself can be reached"
        ]  # fmt: skip
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return status


if __name__ == "__main__":
    sys.exit(main())
