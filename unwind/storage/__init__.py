"""Bytes on disk and behind URLs: written whole or not at all, checked before they are believed.

- `durable`: whole or not at all, one writer at a time; `location`: a folder, or a published copy
- `publication`: a snapshot is written, renamed, pointed at (`unwind.lake` reads); `merging`: of
  what rows; `manifests`: what it may say; `retraction`: a session withdrawn by a new one
- `segments`: the log of Parquet segments under the market store
- `verification`: checksums; `retention`: which old snapshots go, the log in one piece
- `object_storage`, `retrieval`: the published copy, pushed and pulled
- `schema_changes`: files of an earlier schema; `duckdb_views`: the tables as views
"""
