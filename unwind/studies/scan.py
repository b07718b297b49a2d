"""All pairs of a universe at one session, in chunks: resumable, with deterministic output.

    LAKE/scan/<session>-<source>/<key>/
        returns.npy                  input of the chunks, (asset, session)
        pairs/<window>/<first>-<last>.parquet    a chunk: these assets with every later one
        assets.parquet, rises.parquet            the summary
        _scan.json                   written last: terms, and every file's rows, bytes and checksum

`key` is the hash of all that the bytes depend on: returns, names, sessions, moment, settings, chunk
size, schema. A complete chunk in the folder under this key equals its recomputation; other inputs
get another folder, and no reader sees a mixture.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from features.correlation import PairStanding, pair_standings
from models.errors import NotEnoughData
from unwind.contract.columns import COUNT, REAL, SCHEMA_VERSION, TEXT, Column, Table, declare
from unwind.files.durable import DRAFT, folder_lock, write_atomically
from unwind.files.location import sha256
from unwind.indicators.context import Slot
from unwind.indicators.links.correlations import PERCENTILE_FLOOR, pairs_needed
from unwind.settings import Settings

# First assets of a strip: eight fill the processor's cache; more only take memory.
HEIGHT = 8
RETURNS, MANIFEST = "returns.npy", "_scan.json"

PAIRS = Table(
    "pairs",
    "asset × later asset × window",
    ("window", "asset", "counterpart"),
    (
        Column("window", COUNT, "sessions", "rows in the window", nullable=False),
        Column("asset", TEXT, "symbol", "one side", nullable=False),
        Column("counterpart", TEXT, "symbol", "the other, later by name", nullable=False),
        Column("value", REAL, "1", "Pearson correlation at the last session"),
        Column("n", COUNT, "sessions", "complete pairs in the window", nullable=False),
        Column("change", REAL, "1", "value less that of scan.change sessions before"),
        Column("percentile", REAL, "share", "of earlier values that are not above it"),
        Column("z", REAL, "σ", "value less the mean of the earlier ones, over their σ; no test"),
        Column("reason", TEXT, "", "why the value is null"),
    ),
)
ASSETS = declare(
    "scan_assets",
    "asset × window: averages over its pairs",
    ("asset", "window"),
    Column("asset", TEXT, "symbol", "the asset", nullable=False),
    Column("window", COUNT, "sessions", "rows in the window", nullable=False),
    Column("pairs", COUNT, "", "pairs with a value", nullable=False),
    Column("mean_value", REAL, "1", "mean correlation with the others"),
    Column("mean_change", REAL, "1", "mean change over scan.change sessions"),
    Column("mean_percentile", REAL, "share", "mean percentile"),
    Column("mean_z", REAL, "σ", "mean z"),
)
RISES = declare(
    "scan_rises",
    "window × rank: the pairs whose correlation rose most",
    ("window", "rank"),
    Column("window", COUNT, "sessions", "rows in the window", nullable=False),
    Column("rank", COUNT, "", "1 is the largest rise; ties by name", nullable=False),
    *(column for column in PAIRS.columns if column.name not in ("window", "reason")),
)
FIGURES = ("value", "change", "percentile", "z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Inputs of a chunk's worker: folder, key, assets, moment and settings.

    Attributes
    ----------
    folder : Path
        On a disk that every worker sees.
    key : str
        Hash of all that the bytes depend on.
    assets : tuple of str
        In order of name; a row of `returns.npy` each.
    """

    folder: Path
    key: str
    assets: tuple[str, ...]
    moment: Slot
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """The pairs of assets `first` … `stop` − 1 with every later one, in one window."""

    window: int
    first: int
    stop: int

    @property
    def name(self) -> str:
        """Path in the scan's folder."""
        return f"{_pairs_folder(self.window)}/{self.first:05d}-{self.stop - 1:05d}.parquet"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scanned:
    """A chunk on disk, and its contribution to the summary.

    Attributes
    ----------
    sums, counts : arrays of shape (4, n_assets)
        Over the chunk's pairs of each asset, of FIGURES where they are not null.
    rises : DataFrame
        The chunk's largest rises.
    entry : dict
        Rows, bytes and checksum of its file.
    reused : bool
        It was already complete on disk.
    """

    chunk: Chunk
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    rises: pd.DataFrame
    entry: dict[str, int | str]
    reused: bool


@contextmanager
def open_scan(
    lake: Path, returns: pd.DataFrame, moment: Slot, *, chunk: int, settings: Settings
) -> Iterator[Scan]:
    """Lock the folder of a scan for one run, and write its inputs.

    Parameters
    ----------
    lake : Path
    returns : DataFrame of shape (n_sessions, n_assets)
        Up to the session; of it as many last rows are used as history and the longest window need.
    moment : Slot
    chunk : int
        First assets of a chunk.
    settings : Settings

    Yields
    ------
    Scan

    Raises
    ------
    NotEnoughData
        Fewer than two assets.
    Busy
        Another run of the same scan is at work.
    Unwritable
        The disk refuses.
    """
    if returns.shape[1] < 2:
        raise NotEnoughData(need=2, got=returns.shape[1], what="priced assets of a scan")
    rows = settings.scan.history + max(settings.correlation.windows)
    used = returns.sort_index(axis=1).loc[: moment.stamp].iloc[-rows:]
    values = np.array(used.to_numpy(dtype=np.float64, na_value=np.nan).T, order="C")
    values[np.isnan(values)] = np.nan  # one bit pattern for all that is missing
    terms = {
        "assets": [str(name) for name in used.columns],
        "sessions": [f"{stamp:%Y-%m-%d}" for stamp in used.index],
        "moment": [str(moment.as_of), moment.cutoff.isoformat(), moment.source],
        "settings": [settings.digest, settings.scan.model_dump(mode="json")],
        "chunk": chunk,
        "schema": [SCHEMA_VERSION, str(PAIRS.schema)],
    }
    key = hashlib.sha256(json.dumps(terms).encode() + values.tobytes()).hexdigest()[:16]
    folder = lake / "scan" / f"{moment.as_of}-{moment.source.replace(':', '-')}" / key
    with folder_lock(folder):
        for draft in folder.rglob(f"{DRAFT}*"):  # of a run that was killed
            draft.unlink()
        for window in settings.correlation.windows:
            (folder / _pairs_folder(window)).mkdir(parents=True, exist_ok=True)
        write_atomically(folder / RETURNS, lambda draft: np.save(draft, values, allow_pickle=False))
        yield Scan(
            folder=folder, key=key, assets=tuple(used.columns.astype(str)), moment=moment,
            settings=settings,
        )  # fmt: skip


def _pairs_folder(window: int) -> str:
    return f"pairs/{window:04d}"


def chunks_of(scan: Scan, *, chunk: int) -> list[Chunk]:
    """Cut the pair matrix into blocks of rows, window by window."""
    rows = len(scan.assets) - 1
    return [
        Chunk(window=window, first=first, stop=min(first + chunk, rows))
        for window in scan.settings.correlation.windows
        for first in range(0, rows, chunk)
    ]


def scan_chunk(scan: Scan, chunk: Chunk) -> Scanned:
    """Compute a chunk and write it, or reuse it if it is complete under the scan's key.

    One thread. Memory: 8·(history + window)·n_assets·(8 + 8) bytes, n_assets those from the
    chunk's first on, and some hundred bytes per pair of eight assets: not the chunk's size.

    Raises
    ------
    Unwritable
        The disk refuses.
    """
    path = scan.folder / chunk.name
    reused = _is_whole(path, scan.key)
    if not reused:
        write_atomically(path, lambda draft: _write(draft, scan, chunk))
    return _summed(scan, chunk, reused=reused)


def _is_whole(path: Path, key: str) -> bool:
    """Return True if the chunk exists under this key, and every page matches its checksum."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if (file.schema_arrow.metadata or {}).get(b"key") != key.encode():
                return False
            for group in range(file.num_row_groups):
                file.read_row_group(group)
    except (OSError, pa.ArrowException):
        return False
    return True


def _write(draft: Path, scan: Scan, chunk: Chunk) -> None:
    settings, window = scan.settings, chunk.window
    schema = PAIRS.schema.with_metadata({**(PAIRS.schema.metadata or {}), "key": scan.key})
    returns = np.load(scan.folder / RETURNS, mmap_mode="r", allow_pickle=False)[chunk.first :].T
    minimum = pairs_needed(window, settings.correlation.min_share)
    strips = pair_standings(
        returns, window=window, min_observations=minimum, history=settings.scan.history,
        change=settings.scan.change, min_history=PERCENTILE_FLOOR, stop=chunk.stop - chunk.first,
        height=HEIGHT,
    )  # fmt: skip
    names = pa.array(scan.assets[chunk.first :], TEXT)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)  # workers share the cores
    try:
        with (
            threadpool_limits(limits=1),
            pq.ParquetWriter(
                draft, schema, compression="zstd", write_page_checksum=True,
                use_dictionary=["window", "asset", "counterpart", "n", "percentile", "reason"],
                column_encoding=dict.fromkeys(["value", "change", "z"], "BYTE_STREAM_SPLIT"),
            ) as writer,
        ):  # fmt: skip
            for strip in strips:
                writer.write_table(_table(strip, names, window, minimum, schema))
    finally:
        numba.set_num_threads(threads)


def _table(
    strip: PairStanding, names: pa.Array, window: int, minimum: int, schema: pa.Schema
) -> pa.Table:
    missing = np.isnan(strip.value)
    reason = np.where(
        strip.n < minimum,
        "too few complete pairs in the window",
        "one side is constant in the window",
    )
    columns = {
        "window": pa.array(np.full(len(missing), window), COUNT),
        "asset": names.take(pa.array(strip.pairs[:, 0])),
        "counterpart": names.take(pa.array(strip.pairs[:, 1])),
        "n": pa.array(strip.n, COUNT),
        "reason": pa.array(reason, TEXT, mask=~missing),
    } | {
        name: pa.array(getattr(strip, name), REAL, from_pandas=True) for name in FIGURES
    }  # fmt: skip
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def _summed(scan: Scan, chunk: Chunk, *, reused: bool) -> Scanned:
    """Read the chunk back, row group by row group: the summary is computed from the file."""
    path = scan.folder / chunk.name
    position_of = {name: position for position, name in enumerate(scan.assets)}
    sums = np.zeros((len(FIGURES), len(position_of)))
    counts = np.zeros(sums.shape, dtype=np.int64)
    best: list[pd.DataFrame] = []
    with pq.ParquetFile(path, read_dictionary=["asset", "counterpart"]) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group)
            sides = [
                _positions(table.column(name), position_of) for name in ("asset", "counterpart")
            ]
            for figure, name in enumerate(FIGURES):
                values = table.column(name).to_numpy()
                observed = ~np.isnan(values)
                for side in sides:
                    weights = np.where(observed, values, 0.0)
                    sums[figure] += np.bincount(side, weights, minlength=len(position_of))
                    counts[figure] += np.bincount(side[observed], minlength=len(position_of))
            best.append(_largest(table, scan.settings.scan.rises))
        rows = file.metadata.num_rows
    return Scanned(
        chunk=chunk,
        sums=sums,
        counts=counts,
        rises=_ranked(pd.concat(best), scan.settings.scan.rises),
        entry=_entry(path, rows),
        reused=reused,
    )


def _positions(column: pa.ChunkedArray, position_of: dict[str, int]) -> NDArray[np.int64]:
    encoded = column.combine_chunks()
    positions = np.array(
        [position_of[name] for name in encoded.dictionary.to_pylist()], dtype=np.int64
    )
    rows: NDArray[np.int64] = positions[encoded.indices.to_numpy()]
    return rows


def _largest(table: pa.Table, rises: int) -> pd.DataFrame:
    """The rows of the largest changes, with all ties of the last."""
    change = np.nan_to_num(table.column("change").to_numpy(), nan=-np.inf)
    if len(change) > rises:
        least = np.partition(change, len(change) - rises)[len(change) - rises]
        table, change = table.filter(pa.array(change >= least)), change[change >= least]
    table = table.filter(pa.array(change > -np.inf))
    frame: pd.DataFrame = table.drop_columns(["reason"]).to_pandas()
    return frame.astype({"asset": "str", "counterpart": "str"})


def _ranked(rows: pd.DataFrame, rises: int) -> pd.DataFrame:
    ordered = rows.sort_values(
        ["change", "asset", "counterpart"], ascending=[False, True, True], ignore_index=True
    )
    return ordered.head(rises)


def publish_scan(scan: Scan, parts: list[Scanned]) -> pd.DataFrame:
    """Write the summary, then the manifest of the complete scan; return the rises.

    Raises
    ------
    Unwritable
        The disk refuses.
    """
    ordered = sorted(parts, key=lambda part: (part.chunk.window, part.chunk.first))
    windows = list(dict.fromkeys(part.chunk.window for part in ordered))
    by_window = {
        window: [part for part in ordered if part.chunk.window == window] for window in windows
    }
    assets = pd.concat([_averages(scan, window, rows) for window, rows in by_window.items()])
    ranked = [
        _ranked(pd.concat([part.rises for part in rows]), scan.settings.scan.rises)
        for rows in by_window.values()
    ]
    rises = pd.concat([rows.assign(rank=np.arange(1, len(rows) + 1)) for rows in ranked])
    files = {part.chunk.name: part.entry for part in ordered}
    for name, table, rows in (("assets", ASSETS, assets), ("rises", RISES, rises)):
        stamped = scan.moment.stamped(
            rows.assign(known_at=scan.moment.cutoff), settings=scan.settings
        )
        content = table.arrow(stamped)
        path = scan.folder / f"{name}.parquet"
        write_atomically(path, partial(pq.write_table, content, compression="zstd"))
        files[path.name] = _entry(path, content.num_rows)
    manifest = {
        "key": scan.key,
        "as_of": str(scan.moment.as_of),
        "cutoff": scan.moment.cutoff.isoformat(),
        "source": scan.moment.source,
        "settings_digest": scan.settings.digest,
        "assets": len(scan.assets),
        "files": files,
    }
    text = json.dumps(manifest, indent=1)
    write_atomically(scan.folder / MANIFEST, lambda draft: draft.write_text(text, "utf-8"))
    return rises


def _entry(path: Path, rows: int) -> dict[str, int | str]:
    data = path.read_bytes()
    return {"sha256": sha256(data), "rows": rows, "bytes": len(data)}


def _averages(scan: Scan, window: int, parts: list[Scanned]) -> pd.DataFrame:
    sums = np.sum([part.sums for part in parts], axis=0)
    counts = np.sum([part.counts for part in parts], axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    named = {f"mean_{name}": means[figure] for figure, name in enumerate(FIGURES)}
    return pd.DataFrame(
        {"asset": scan.assets, "window": window, "pairs": counts[0], **named}
    )  # fmt: skip
