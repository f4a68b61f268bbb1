"""The bundle in the CDK's manifest server, which is what runs behind Airbyte's Connector Builder."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox import COLLECTIONS, VARIANTS, canonical, running
from source_syfter.bundle import bundle
from testing.dbt_warehouses import free_port

# What the server imports beside the CDK has no place beside the connector.
PYTHON = Path(sys.prefix, "fuzz/bin/python")

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not PYTHON.exists(), reason="`make soak` makes the environment for this")]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    port = free_port()
    command = [
        PYTHON,
        "-W",
        "ignore",
        "-m",
        "uvicorn",
        "airbyte_cdk.manifest_server.app:app",
        "--port",
        str(port),
        "--no-access-log",
    ]
    environment = {**os.environ, "PYTHONPATH": sysconfig.get_path("purelib"), "DD_TRACE_ENABLED": "false"}
    address = f"http://127.0.0.1:{port}"
    with subprocess.Popen(command, env=environment) as process:
        for _ in range(600):
            try:
                requests.get(f"{address}/health/", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        yield address
        process.terminate()


def ask(server: str, what: str, **body: Any) -> Any:
    answer = requests.post(f"{server}/v1/manifest/{what}", json=body, timeout=60)
    assert answer.status_code == 200, answer.text[:2000]
    return answer.json()


@pytest.mark.parametrize("name", ["default", "document-store", "cursor-nested"])
def test_the_builder_checks_discovers_and_reads(server: str, name: str) -> None:
    with running(companies=4, conventions=VARIANTS[name]) as box:
        config = box.config()
        given = {"manifest": bundle(config), "config": config}
        assert ask(server, "check", **given)["success"] is True
        wrong = {**config, "credentials": {"auth_type": "api_key", "api_key": "wrong"}}
        assert ask(server, "check", **{**given, "config": wrong})["success"] is False
        assert {stream["name"] for stream in ask(server, "discover", **given)["catalog"]["streams"]} == set(COLLECTIONS)
        streams = ask(server, "resolve", manifest=given["manifest"])["manifest"]["streams"]
        assert {stream["name"] for stream in streams} == set(COLLECTIONS)
        for stream in COLLECTIONS:
            read = ask(server, "test_read", **given, stream_name=stream, record_limit=1000, page_limit=20)
            records = [record for part in read["slices"] for page in part["pages"] for record in page["records"]]
            expected = [canonical(record) for record in box.truth(stream)]
            assert expected
            assert sorted(map(canonical, records), key=lambda record: str(record["id"])) == sorted(
                expected, key=lambda record: str(record["id"])
            )
