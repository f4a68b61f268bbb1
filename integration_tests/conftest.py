"""Fixtures for tests that make many sources, and processes that behave the same however the tests are started."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from filelock import FileLock

from source_syfter import secrecy
from testing import demo_run
from testing.fuzzing import register_profiles
from testing.processes import default_signals
from testing.reading import read_schema_once

register_profiles()


@pytest.fixture(scope="session", autouse=True)
def _default_signals() -> Iterator[None]:
    with default_signals():
        yield


@pytest.fixture(autouse=True)
def _secrets_of_this_test_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrecy, "_hidden", secrecy._Hidden())


@pytest.fixture(scope="module")
def schema_read_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        read_schema_once(patch)
        yield


@pytest.fixture(scope="session")
def finished_demo(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> demo_run.Finished:
    """One run of the demo, shared by all workers. Whoever asks first runs it; nobody changes what it left."""
    here = tmp_path_factory.getbasetemp()
    shared = here if worker_id == "master" else here.parent
    with FileLock(shared / "demo.lock"):
        return demo_run.run_once(shared / "demo")
