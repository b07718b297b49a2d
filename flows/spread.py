"""Task runners for the chunks of a long flow: this process, a process pool, or Dask."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from prefect import Task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.client.orchestration import get_client
from prefect.futures import as_completed
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner

from flows.progress import progress_of
from unwind.settings import SettingsError

Calls = list[dict[str, Any]]


def runner_of(workers: int, *, dask: bool) -> TaskRunner[Any] | None:
    """Return the runner of the chunks: None for this process, a process pool, or local Dask."""
    if dask:
        try:
            from prefect_dask import DaskTaskRunner
        except ImportError as error:
            raise SettingsError("dask needs prefect-dask; pip install 'unwind[dask]'") from error
        return cast(
            TaskRunner[Any],
            DaskTaskRunner(
                cluster_kwargs={
                    "n_workers": workers, "threads_per_worker": 1,
                    # A port of its own, here alone: two clusters side by side would share one.
                    "dashboard_address": "127.0.0.1:0",
                }
            ),
        )  # fmt: skip
    return ProcessPoolTaskRunner(max_workers=workers) if workers > 1 else None


@contextmanager
def started(runner: TaskRunner[Any]) -> Iterator[TaskRunner[Any]]:
    """Start a runner whose workers report to the configured server.

    Without an address, each worker would start a temporary server of its own.
    """
    with get_client(sync_client=True) as client:
        address = str(client.api_url)
    with temporary_settings({PREFECT_API_URL: address}), runner as begun:
        yield begun


def as_done(task: Task[..., Any], calls: Calls, runner: TaskRunner[Any] | None) -> Iterator[Any]:
    """Run a task for each set of parameters; yield results as they complete, in any order."""
    if runner is None:
        for call in calls:
            yield task(**call)
        return
    with started(runner) as begun:
        futures = [begun.submit(task, parameters=call) for call in calls]
        for future in as_completed(futures):
            yield future.result()


def in_order(
    task: Task[..., Any], calls: Calls, runner: TaskRunner[Any] | None, *, ahead: int
) -> Iterator[Any]:
    """Run a task for each set of parameters; yield results in the order of the calls.

    At most `ahead` chunks beyond the next result are started, which bounds the memory.
    """
    if runner is None:
        for call in calls:
            yield task(**call)
        return
    with started(runner) as begun:
        waiting: deque[Any] = deque()
        for call in calls:
            waiting.append(begun.submit(task, parameters=call))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def progress(total: int, *, unit: str, what: str) -> Iterator[Callable[[int], None]]:
    """Show the progress of a flow on the terminal and as an artifact; yield its counter."""
    # The call is synchronous here; its type also covers the asynchronous one.
    artifact = cast(UUID, create_progress_artifact(progress=0.0, description=f"{total} {what}"))
    done = 0
    with progress_of(total, unit=unit) as count:

        def advance(steps: int) -> None:
            nonlocal done
            done += steps
            count(steps)
            update_progress_artifact(artifact, progress=100.0 * done / total)

        yield advance


def counted(answers: Iterable[Any], advance: Callable[[int], None]) -> list[Any]:
    """Collect results, counting each."""
    results = []
    for answer in answers:
        results.append(answer)
        advance(1)
    return results
