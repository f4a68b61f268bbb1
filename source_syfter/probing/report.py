"""What a probe found out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Status = Literal["matches", "differs", "fault", "unknown", "note"]


@dataclass(frozen=True)
class Finding:
    """One thing about the instance.

    `status`: "matches" what the configuration says; "differs", and `setting` fixes it; "fault": nothing fixes it; "unknown":
    could not be found out; "note": good to know.
    """

    topic: str
    status: Status
    text: str
    setting: str = ""


@dataclass
class Collection:
    """What one collection answered. `unknown_fields`: of its records, beyond the connector's schema."""

    status: Literal["readable", "empty", "denied", "missing", "failed"]
    text: str = ""
    unknown_fields: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Proposal:
    """A field that the connector's schema lacks, and that is likely to be what the schema calls `name`; a person decides."""

    collection: str
    field: str
    name: str


@dataclass
class Report:
    """What a probe found out. Holds names of fields, parameters and headers, never a secret or a value of a record."""

    address: str
    requests: int = 0
    most_requests: int = 0
    findings: list[Finding] = field(default_factory=list)
    collections: dict[str, Collection] = field(default_factory=dict)
    proposals: list[Proposal] = field(default_factory=list)
    suggested_config: dict[str, Any] = field(default_factory=dict)

    @property
    def exit_code(self) -> int:
        """0: the connector reads with this configuration; 2: with the suggestion; 1: with neither."""
        failed = any(collection.status == "failed" for collection in self.collections.values())
        if failed or any(finding.status == "fault" for finding in self.findings):
            return 1
        return 2 if self.suggested_config else 0

    def as_json(self) -> dict[str, Any]:
        """The report for machines."""
        return {"address": self.address, "result": ("matches", "fault", "differs")[self.exit_code], **asdict(self)}
