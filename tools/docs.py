"""Writes the generated tables in docs/: streams, fields, settings, assumptions, errors, and how faults end.

    python tools/docs.py            rewrites what stands between the markers
    python tools/docs.py --check    only says whether that is needed; status 1 if it is

The manifest, the schema files and `source_syfter/problems.py` are the truth. How faults end is what the fault matrix enforces.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import jinja2

from sandbox import FAULTS
from source_syfter import conventions, problems
from source_syfter.spec import code_of
from source_syfter.spec import manifest as load_manifest
from testing.fault_cases import CASES, COMPLETE

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "source_syfter"
DOCS = ROOT / "docs"
# <!-- generated: name --> ... <!-- end -->
BLOCK = re.compile(r"(<!-- generated: ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def main(arguments: list[str]) -> int:
    """Rewrites the documents, or checks them."""
    manifest = load_manifest()
    tables = {
        "streams": streams(manifest),
        "fields": fields(manifest),
        "settings": settings(manifest["spec"]["connection_specification"]),
        "assumptions": assumptions(),
        "errors": errors(manifest),
        "faults": faults(),
    }
    stale = []
    for page in sorted(DOCS.rglob("*.md")):
        text = page.read_text(encoding="utf-8")
        wanted = BLOCK.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n{match[3]}", text)
        if wanted != text:
            stale.append(page.relative_to(ROOT).as_posix())
            if "--check" not in arguments:
                page.write_text(wanted, encoding="utf-8")
    if stale and "--check" in arguments:
        print(f"Not what manifest and schemas say any more: {', '.join(stale)}. `make docs` rewrites them.", file=sys.stderr)
        return 1
    return 0


def table(headings: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; escapes line breaks and bars in cells."""
    lines = [
        headings,
        ["---"] * len(headings),
        *([re.sub(r"\s+", " ", cell).replace("|", "\\|") for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def schema(name: str) -> dict[str, Any]:
    """The schema file of a stream."""
    found: dict[str, Any] = json.loads((PACKAGE / "schemas" / f"{name}.json").read_text(encoding="utf-8"))
    return found


def streams(manifest: dict[str, Any]) -> str:
    """One row a stream, from the manifest."""
    base = manifest["definitions"]["base_stream"]
    rows = []
    for stream in manifest["streams"]:
        merged = {**base, **stream}
        name, path = stream["$parameters"]["name"], stream["$parameters"]["collection"]
        cursor = merged.get("incremental_sync")
        cursor = manifest["definitions"][cursor.rsplit("/", 1)[1]] if isinstance(cursor, str) else cursor
        rows.append([
            f"[`{name}`](fields.md#{name})",
            f"`/api/{path}`",
            ", ".join(f"`{key}`" for key in merged["primary_key"]),
            f"`{cursor['cursor_field']}`" if cursor else "none",
            "full refresh, incremental" if cursor else "full refresh",
            schema(name)["description"],
        ])  # fmt: skip
    return table(["Stream", "Path", "Primary key", "Cursor", "Sync modes", "What it holds"], rows)


def fields(manifest: dict[str, Any]) -> str:
    """One table a stream, from its schema file."""
    parts = []
    for stream in manifest["streams"]:
        name = stream["$parameters"]["name"]
        found = schema(name)
        rows = [[f"`{key}`", type_of(value), value.get("description", ""), evidence(value)] for key, value in properties(found)]
        parts.append(f"### {name}\n\n{found['description']}\n\n{table(['Field', 'Type', 'What it is', 'Evidence'], rows)}\n")
    return "\n".join(parts)


def properties(found: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """All fields of a schema, those of objects with a dotted name."""
    for key, value in found.get("properties", {}).items():
        yield prefix + key, value
        yield from properties(value, f"{prefix}{key}.")


def type_of(found: dict[str, Any]) -> str:
    """The type as a person would say it."""
    kinds = [kind for kind in ([found["type"]] if isinstance(found["type"], str) else found["type"]) if kind != "null"]
    text = " or ".join(kinds)
    if found.get("items"):
        text += f" of {type_of(found['items'])}"
    return f"{text}, {found['format']}" if "format" in found else text


def evidence(found: dict[str, Any]) -> str:
    """How well a field is known; its key, where that is less: see docs/api.md."""
    marks = [found.get("x-evidence"), found.get("x-evidence-key")]
    return ", key ".join(f"[{mark}]" for mark in marks if mark)


def assumptions() -> str:
    """One row for what the connector takes for granted, room by room."""
    rows = [
        [each.topic, each.text, each.mark, each.source, ", ".join(f"`{name}`" for name in each.settings) or "none needed"]
        for room in conventions.ROOMS
        for each in room.ASSUMED
    ]
    return table(["Topic", "Assumption", "Mark", "From", "If your instance differs"], rows)


def settings(spec: dict[str, Any]) -> str:
    """One row a setting, from the spec; those of the alternatives under `credentials` too."""
    rows = []

    def add(found: dict[str, Any], prefix: str, note: str = "") -> None:
        for key, value in sorted(found.get("properties", {}).items(), key=lambda item: item[1].get("order", 0)):
            needed = (
                "required"
                if key in found.get("required", [])
                else f"`{json.dumps(value['default'])}`"
                if "default" in value
                else ""
            )
            if "const" in value:
                needed = f"`{json.dumps(value['const'])}`"
            secret = " Secret." if value.get("airbyte_secret") else ""
            title, description = value.get("title", ""), value.get("description", f"Chooses “{note}”." if note else "")
            rows.append([f"`{prefix}{key}`", title, description + secret, needed])
            add(value, f"{prefix}{key}.")
            add(value.get("items", {}), f"{prefix}{key}[].")
            for choice in value.get("oneOf", []):
                add(choice, f"{prefix}{key}.", choice["title"])

    add(spec, "")
    return table(["Key", "Title in the form", "Meaning", "Default"], rows)


KINDS = {"config_error": "yours to change", "transient_error": "passes by itself, or is the instance's to change"}


@dataclass(frozen=True)
class Message:
    """An error that a user can see. `kind`: how Airbyte treats it; `statuses`: the HTTP statuses that lead to it."""

    code: str
    kind: str
    statuses: str
    cause: str
    remedy: str


def messages(manifest: dict[str, Any]) -> list[Message]:
    """All errors: those of the filters in the manifest, and those of `problems.py`. Sorted by code."""
    found = [_of_filter(name, definition) for name, definition in manifest["definitions"].items() if "http_codes" in definition]
    found += [Message(each.code, each.kind.value, "", _shown(each.cause), _shown(each.remedy)) for each in problems.ALL]
    return sorted(found, key=lambda message: (message.code, not message.statuses))


def _of_filter(name: str, definition: dict[str, Any]) -> Message:
    codes = definition["http_codes"]
    cause = jinja2.Template(definition["error_message"]).render(parameters={"name": "…", "remedy": ""})
    return Message(
        code_of(name),
        definition.get("failure_type", "transient_error"),
        f"{min(codes)} to {max(codes)}" if len(codes) > 8 else ", ".join(map(str, codes)),
        cause.strip().rstrip("."),
        definition["$parameters"]["remedy"],
    )


def _shown(template: str) -> str:
    """The text of an error with an ellipsis for each fact."""
    return "".join(text + ("" if fact is None else "…") for text, fact, _, _ in Formatter().parse(template))


def errors(manifest: dict[str, Any]) -> str:
    """One row a message."""
    rows = [
        [f"`{message.code}`", message.statuses, KINDS[message.kind], message.cause, message.remedy]
        for message in messages(manifest)
    ]
    return table(["Code", "HTTP status", "Kind", "Text: the cause", "Text: what to do"], rows)


def faults() -> str:
    """One row a fault: how a stream ends that it strikes once, and always."""

    def shown(outcome: str | None) -> str:
        return "" if outcome is None else outcome if outcome == COMPLETE else f"[`{outcome}`](errors.md)"

    rows = []
    for name, case in CASES.items():
        summary = FAULTS[case.fault or name].summary + "".join(f", {key}={value}" for key, value in case.options.items())
        rows.append([f"`{name}`", summary, shown(case.once), shown(case.ever)])
    return table(["Fault", "What the instance does", "One request struck", "Every request struck"], rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
