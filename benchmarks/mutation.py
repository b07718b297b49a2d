"""Mutation check of the core: the small changes of the code that no test would notice.

``python -m benchmarks.mutation`` changes one operator, number, argument, name or text of
``features/`` and ``models/deleveraging.py`` at a time (mutmut does), runs the module's own tests
against it, and prints module | mutants | killed | survived | timed out, then every survivor as a
difference. `docs/reliability-mutation.md` quotes it.

A mutant is killed by the tests of its own module only (`tests_of`): what
another module's test would notice by accident does not count. mutmut leaves decorated functions
alone, so the working copy drops ``@njit`` and runs those kernels as the Python they are;
`COMPILED` lists the modules where that is not possible. Hypothesis draws the same examples in every
run and does not shrink what fails.
"""

import argparse
import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
WORK = ROOT / "build" / "mutation"
PACKAGES = ("features", "models", "unwind", "flows", "tests", "benchmarks")

COMPILED = frozenset(
    {
        "features/correlation/_simd.py",
        "features/correlation/_kernels.py",
        "features/correlation/_windows.py",
    }
)
"""Vector intrinsics and what is built of them: not Python without the compiler."""

SHARED_TESTS = {
    "features/correlation/_pairwise.py": ("correlation/rolling",),
    "features/correlation/_jackknife.py": ("correlation/intervals",),
    "features/derivatives/futures.py": ("derivatives/futures", "derivatives/basis"),
    "features/_validation.py": ("validation",),
}
"""Test files of a module where they are not the one of its name."""

EXACT = "not TestSize and not TestCoverage"
"""Simulations of a thousand samples are left out: minutes where a kernel runs as Python."""

PROFILE = """
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

hypothesis_settings.register_profile(
    "mutation", derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Mutants of one module by outcome."""

    module: str
    mutants: int  # in the module
    killed: tuple[str, ...]
    survived: tuple[str, ...]
    timed_out: tuple[str, ...]
    untested: tuple[str, ...]  # no test of the module runs the function
    seconds: float

    @property
    def tried(self) -> int:
        """Number of mutants run."""
        return sum(map(len, (self.killed, self.survived, self.timed_out, self.untested)))


NOTHING_TO_MUTATE = {"__init__.py", "_numba.py", "_typing.py", "constants.py"}


def modules() -> list[str]:
    """Return the modules of the check, as paths from the root of the repository."""
    paths = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "features").rglob("*.py")
        if path.name not in NOTHING_TO_MUTATE
    }
    return [*sorted(paths - COMPILED), "models/verdict/score.py"]


def tests_of(module: str) -> list[str]:
    """Return the module's own test files."""
    package, _, name = module.removesuffix(".py").partition("/")
    paths = (Path(one) for one in SHARED_TESTS.get(module, (name,)))
    return [str(Path("tests", package, one.parent, f"test_{one.name}.py")) for one in paths]


def copy_to_work() -> None:
    """Copy the sources of the tests, with uncompiled kernels and without orchestration."""
    shutil.rmtree(WORK, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(
            ROOT / package, WORK / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for module in modules():
        path = WORK / module
        path.write_text(re.sub(r"^@njit\(.*\n", "", path.read_text(), flags=re.MULTILINE))
    # Compiled kernels cannot call Python: their shared functions are copied unchanged.
    shared = WORK / "features/correlation/_shared.py"
    shutil.copy(ROOT / "features/correlation/_pairwise.py", shared)
    kernels = WORK / "features/correlation/_kernels.py"
    kernels.write_text(kernels.read_text().replace("correlation._pairwise", "correlation._shared"))
    conftest = WORK / "tests" / "conftest.py"
    ours = re.sub(r"^import flows\b.*\n", "", conftest.read_text(), flags=re.MULTILINE)
    conftest.write_text(ours + PROFILE)


def configure(module: str) -> None:
    """Write the working copy's pyproject.toml: ours, with mutmut set to one module.

    A fork server, since Hypothesis refuses a test that one process runs twice: forked from a
    process that has run the tests, every mutant would look killed.
    """
    section = f"""
[tool.mutmut]
source_paths = ["features", "models", "unwind", "flows"]
only_mutate = ["{module}"]
pytest_add_cli_args_test_selection = {json.dumps(tests_of(module))}
also_copy = ["benchmarks"]
pytest_add_cli_args = ["--hypothesis-profile=mutation", "-k", "{EXACT}"]
process_isolation = "forkserver"
use_git_change_detection = false
timeout_multiplier = 5.0
timeout_constant = 3.0
"""
    ours = (ROOT / "pyproject.toml").read_text()
    (WORK / "pyproject.toml").write_text(ours + section)
    # mutmut takes a copy newer than its source for one that it has mutated already.
    shutil.rmtree(WORK / "mutants", ignore_errors=True)


def names_of(module: str) -> list[str]:
    """Return the names of all mutants of a module."""
    from mutmut.mutation.file_mutation import mutate_file_contents

    mutated = mutate_file_contents(module, Path(module).read_text())
    prefix = module.removesuffix(".py").replace("/", ".")
    return [f"{prefix}.{name}" for name in mutated.mutant_names]


def check(module: str, *, sample: int | None, seed: int) -> Outcome:
    """Run the module's tests against its mutants, or `sample` of them; from the working copy."""
    from mutmut.mutation.data import SourceFileMutationData
    from mutmut.stats import status_by_exit_code

    configure(module)
    names = names_of(module)
    selected = names
    if sample is not None and sample < len(names):
        selected = sorted(random.Random(f"{seed} {module}").sample(names, sample), key=names.index)
    began = time.monotonic()
    ran = subprocess.run(
        [Path(sys.executable).with_name("mutmut"), "run", "--max-children", "1", *selected],
        env=os.environ
        | {
            "NUMBA_THREADING_LAYER": "workqueue",  # the one that survives a fork
            "NUMBA_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    data = SourceFileMutationData(path=module)
    data.load()
    verdicts = {name: status_by_exit_code[data.exit_code_by_key.get(name)] for name in selected}
    if "not checked" in verdicts.values():
        output = re.sub(r"^\s*[\u2800-\u28ff].*\n", "", ran.stdout, flags=re.MULTILINE)  # spinners
        raise SystemExit(
            f"mutation: the tests of {module} did not run\n{output[-3000:]}{ran.stderr[-2000:]}"
        )

    def with_verdict(*verdict: str) -> tuple[str, ...]:
        return tuple(name for name, status in verdicts.items() if status in verdict)

    return Outcome(
        module=module,
        mutants=len(names),
        killed=with_verdict("killed", "segfault"),
        survived=with_verdict("survived"),
        timed_out=with_verdict("timeout", "suspicious"),
        untested=with_verdict("no tests"),
        seconds=time.monotonic() - began,
    )


def changes(outcome: Outcome) -> Iterator[str]:
    """Yield each survivor as the lines that differ."""
    from mutmut.mutation.diff_apply import get_diff_for_mutant

    for word, names in (
        ("survived", outcome.survived),
        ("no test", outcome.untested),
        ("timed out", outcome.timed_out),
    ):
        for name in names:
            lines = get_diff_for_mutant(name, path=outcome.module).splitlines()
            differing = [line for line in lines if re.match(r"[-+](?![-+]{2} )", line)]
            yield "\n".join([f"{word}: {name}", *(f"    {line}" for line in differing)])


def table(outcomes: Iterable[Outcome]) -> Iterator[str]:
    """Yield the rows of the table, Markdown."""
    yield "| module | mutants | tried | killed | survived | no test | timed out | seconds |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    for one in outcomes:
        counts = (
            one.mutants,
            one.tried,
            *map(len, (one.killed, one.survived, one.untested, one.timed_out)),
            round(one.seconds),
        )
        yield f"| {one.module} | " + " | ".join(map(str, counts)) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "modules", nargs="*", help="e.g. features/cross_section/joint_tail.py; all without any"
    )
    parser.add_argument("--sample", type=int, default=12, help="mutants per module")
    parser.add_argument("--seed", type=int, default=20260205)
    parser.add_argument("--full", action="store_true", help="every mutant")
    options = parser.parse_args()
    if unknown := set(options.modules) - set(modules()):
        parser.error(f"modules must be of {', '.join(modules())}; got {', '.join(unknown)}")
    copy_to_work()
    outcomes = []
    with contextlib.chdir(WORK):
        for module in options.modules or modules():
            outcome = check(
                module, sample=None if options.full else options.sample, seed=options.seed
            )
            outcomes.append(outcome)
            print(f"{module}: {len(outcome.killed)} of {outcome.tried} killed", flush=True)
            for change in changes(outcome):
                print(change, flush=True)
    print()
    print("\n".join(table(outcomes)))


if __name__ == "__main__":
    main()
