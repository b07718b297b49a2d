"""`unwind …` inside this process: exit status and what was printed."""

import io
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from unwind.cli import run


@dataclass(frozen=True)
class Answer:
    exit_code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        return self.stdout + self.stderr


def unwind(*arguments: object) -> Answer:
    """Run one command; a fault that is not readable is raised."""
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = run([str(argument) for argument in arguments])
    return Answer(exit_code=status, stdout=out.getvalue(), stderr=err.getvalue())
