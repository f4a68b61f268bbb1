"""Each error that a user can see: a code, a cause, a remedy, a row in docs/errors.md, and a test that brings it about."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from source_syfter.spec import manifest
from tools.docs import Message, messages

ROOT = Path(__file__).resolve().parents[1]
MESSAGES = messages(manifest())
CODES = sorted({message.code for message in MESSAGES})


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: f"{message.code}: {message.cause[:60]}")
def test_a_message_says_what_is_wrong_and_what_to_do(message: Message) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", message.code)
    assert message.kind in ("config_error", "transient_error")
    assert len(message.cause.split()) >= 3
    assert message.remedy.endswith((".", "…"))
    assert message.remedy[0].isupper()


def test_no_error_is_made_elsewhere() -> None:
    """But of problems, and of the manifest's filters by the error handler: so no text stands elsewhere."""
    made = re.compile(r"(?<!class )\b(SyfterError|AirbyteTracedException)\(")
    makers = {file.name for file in (ROOT / "source_syfter").rglob("*.py") if made.search(file.read_text(encoding="utf-8"))}

    assert makers == {"problems.py", "errors.py"}


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_brought_about_by_a_test(code: str) -> None:
    tests = [file for folder in ("testing", "unit_tests", "integration_tests") for file in (ROOT / folder).rglob("*.py")]
    assert any(
        re.search(rf"\[{code}\]|[\"\']{code}[\"\']", file.read_text(encoding="utf-8")) for file in tests if file != Path(__file__)
    )


def test_the_table_shows_them_all() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    assert {f"| `{code}` |" in page for code in CODES} == {True}
    assert page.count("\n| `") == len(MESSAGES) > 40
