"""What a stream is called, where its records lie, and what their fields are called: for the package, the bundle and the probe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Optional

from source_syfter.components.naming import FieldNames


@dataclass(frozen=True)
class Listing:
    """One stream under some settings.

    `path`: below the prefix; None: as the manifest has it. `key`, `cursor`: the records' own names; empty: they have none.
    `names`: of the fields. `pinned`: Airbyte types, by the name of the field as emitted. `differs`: a user said so of it.
    """

    name: str
    is_new: bool
    path: Optional[str]
    records_path: str
    key: str
    cursor: str
    names: FieldNames
    pinned: Mapping[str, str]
    differs: bool

    @classmethod
    def of(cls, name: str, own: Mapping[str, Any], conventions: Mapping[str, Any], is_new: bool) -> Listing:
        """The listing of a stream. `own`: what is set of this stream alone; `is_new`: and is not one of the connector's."""
        key = own.get("primary_key") or conventions["id_field"]
        cursor = own.get("cursor_field") or ("" if is_new else conventions["updated_at_field"])
        known = {"id": key, "created_at": conventions["created_at_field"], "updated_at": cursor}
        if is_new:
            # What a new stream declares keeps its name; what it calls as the connector does, conventions say.
            known = {name: conventions[f"{name}_field"] for name, sent in (("id", key), ("updated_at", cursor)) if sent == name}
            key, cursor = known.get("id") or key, known.get("updated_at") or cursor
        key = "" if key == "none" else key
        fields = own.get("fields") or []
        renames = {sent: emitted for emitted, sent in known.items() if sent not in ("", "none", emitted)}
        names = FieldNames(
            {**renames, **{each["name"]: each["as"] for each in fields if each.get("as")}},
            conventions["field_names"] == "snake_case",
        )
        return cls(
            name=name,
            is_new=is_new,
            path=own.get("path"),
            records_path=conventions["records_path"] if own.get("records_path") is None else own["records_path"],
            key=key,
            cursor=cursor or "",
            names=names,
            pinned={names.of(each["name"]): each["type"] for each in fields if each.get("type")},
            differs=bool(own),
        )

    @property
    def emitted_key(self) -> str:
        """The key, as it is emitted; empty: there is none."""
        return self.names.of(self.key) if self.key else ""

    @property
    def emitted_cursor(self) -> str:
        """The cursor, as it is emitted; empty: there is none."""
        return self.names.of(self.cursor) if self.cursor else ""
