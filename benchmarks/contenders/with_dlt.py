"""dlt's REST API source, its whole run: extract, normalise, load into JSON lines."""

from __future__ import annotations

import os
import sys
import tempfile
from typing import Any

import dlt
from dlt.destinations import filesystem
from dlt.sources.rest_api import rest_api_source


def main(host: str, limit: str, path: str, mode: str, *streams: str) -> None:
    """`mode`: `full`, or `incremental` for a cursor on `updated_at`."""
    endpoint: dict[str, Any] = {
        "data_selector": "data",
        "paginator": {"type": "offset", "limit": int(limit), "total_path": "total", "maximum_offset": None},
    }
    if mode == "incremental":
        endpoint["incremental"] = {"cursor_path": "updated_at", "initial_value": "2025-01-01T00:00:00.000Z"}
    resources: list[Any] = [{"name": stream, "endpoint": {"path": stream, **endpoint}} for stream in streams]
    source = rest_api_source(
        {
            "client": {
                "base_url": f"{host}/api/",
                "auth": {"type": "api_key", "name": "Authorization", "api_key": "Api-Key benchmark", "location": "header"},
            },
            # At once, as the connector reads them.
            "resource_defaults": {"primary_key": "id", "write_disposition": "append", "parallelized": len(streams) > 1},
            "resources": resources,
        },
        # Nested values stay in their record, as with the others.
        max_table_nesting=0,
    )
    with tempfile.TemporaryDirectory() as working:
        pipeline = dlt.pipeline(
            "benchmark", destination=filesystem(bucket_url=f"file://{path}"), dataset_name="rows", pipelines_dir=working
        )
        pipeline.run(source, loader_file_format="jsonl")


if __name__ == "__main__":
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"
    main(*sys.argv[1:])
