"""Airbyte source for Syfter, a company-intelligence and deal-origination platform."""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # The CDK takes seconds to import; reading the version or a data file must not cost that.
    if name == "SourceSyfter":
        from source_syfter.source import SourceSyfter

        return SourceSyfter
    raise AttributeError(name)


__all__ = ["SourceSyfter"]
