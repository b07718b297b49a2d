"""Places where a copy of a lake may lie: in memory, behind file://, on a local S3 server."""

import logging
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest


@pytest.fixture(scope="module")
def s3_server() -> Iterator[None]:
    """A local S3-compatible server, found through the environment as a real one would be."""
    moto = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    patch.setenv("AWS_ACCESS_KEY_ID", "local")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    s3fs.S3FileSystem.clear_instance_cache()
    yield
    s3fs.S3FileSystem.clear_instance_cache()
    patch.undo()
    server.stop()


@pytest.fixture(params=["memory", "file", "s3"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty place of each kind."""
    if request.param == "s3":
        request.getfixturevalue("s3_server")
        storage = fsspec.filesystem("s3")
        bucket = f"desk-{abs(hash(tmp_path)) % 10**9}"
        storage.mkdir(bucket)
        return f"s3://{bucket}/lake"
    if request.param == "file":
        return f"file://{tmp_path}/store/lake"
    fsspec.filesystem("memory").store.clear()
    return "memory://lake"
