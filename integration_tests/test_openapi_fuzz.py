"""The sandbox keeps its own contract: schemathesis makes up requests from its OpenAPI document, and judges the answers by it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sandbox import running

SCHEMATHESIS = Path(sys.prefix, "fuzz/bin/st")


@pytest.mark.parametrize("examples", [15, pytest.param(1500, marks=[pytest.mark.soak, pytest.mark.timeout(3600)])])
@pytest.mark.parametrize("conventions", ["default", "strict"])
def test_no_request_brings_an_answer_that_the_contract_does_not_know(tmp_path: Path, conventions: str, examples: int) -> None:
    if not SCHEMATHESIS.exists():
        pytest.skip("needs schemathesis in an environment of its own, which `make test` makes")
    with running(companies=3, conventions=conventions) as box:
        variant = box.variant
        key = f"{variant.api_key_header}: {variant.api_key_prefix}{box.config()['credentials']['api_key']}"
        options = ["--max-examples", str(examples), "--seed", "1", "--generation-database", "none", "--no-color"]
        done = subprocess.run(
            [SCHEMATHESIS, "run", f"{box.url}/openapi.json", "--header", key, *options],
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "10 passed" in done.stdout, "each of the nine collections and the token endpoint"
