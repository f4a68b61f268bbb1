"""What the site needs that a forge does by itself."""

from __future__ import annotations

from typing import Any


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Markdown inside of `<details>`, as Airbyte's page of a connector has it, is Markdown."""
    return markdown.replace("<details>", '<details markdown="1">')
