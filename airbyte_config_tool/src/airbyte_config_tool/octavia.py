"""`import-octavia`: converts an old project by small edits of its text, so that comments and order survive."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airbyte_config_tool.differ import flatten, is_masked
from airbyte_config_tool.findings import FieldPath, ToolError, dotted, relative
from airbyte_config_tool.project import CONNECTION, DESTINATION, FOLDERS, SOURCE
from airbyte_config_tool.schedule import ScheduleError, basic_to_cron
from airbyte_config_tool.specs import get_value
from airbyte_config_tool.state import IMPORTED
from airbyte_config_tool.variables import name_for
from airbyte_config_tool.yamlfile import YamlFile

Json = dict[str, Any]
_NOTE = "it is Airbyte's own note and no setting"
_NOTIFY = "the public API leaves it as it is; the workspace's notifications stand in workspace.yaml"
# What Octavia wrote into connections and the public API does not take, with the reason.
REMOVED = {
    "skip_reset": "the public API never resets a connection on update",
    "resource_requirements": "the public API takes none here; set them on the server",
    "operations": "Airbyte has no normalization or custom dbt any more; run dbt after the sync (see dbt/)",
    "notify_schema_changes": _NOTIFY,
    "notify_schema_changes_by_email": _NOTIFY,
    **dict.fromkeys(("schema_change", "breaking_change", "created_at", "catalog_id"), _NOTE),
}
PREFERENCES = {"disable": "disable_connection"}


def says_nothing(value: object) -> bool:
    """True for an empty or default value, also of a block of nothing but those."""
    if isinstance(value, dict):
        return all(says_nothing(inner) for inner in value.values())
    return value in (None, "", False, [])


@dataclass(frozen=True)
class Note:
    """One thing that was changed, or (not `done`) that is left to the user."""

    file: Path
    line: int
    text: str
    done: bool = True

    def where(self, root: Path) -> str:
        return f"{relative(self.file, root)}:{self.line}"


@dataclass
class Upgrade:
    """What an upgrade would do: notes to show, new texts to write, old files to remove. Nothing is written before `write`."""

    changes: list[Note] = field(default_factory=list)
    files: dict[Path, str] = field(default_factory=dict)
    removed: list[Path] = field(default_factory=list)

    def fixes(self, file: Path, line: int) -> bool:
        """True when it changes something at this place."""
        return any(note.done and (note.file, note.line) == (file, line) for note in self.changes)

    def write(self) -> None:
        """Writes every new text, then removes the state files that were replaced."""
        for path, text in self.files.items():
            path.write_text(text, encoding="utf-8")
        for path in self.removed:
            path.unlink()


def upgrade(root: Path, workspace_id: str | None) -> Upgrade:
    """Looks at every file of a project. Raises ToolError when there is none, or for a file that is not YAML."""
    result = Upgrade()
    found = False
    owners = _owners(root)
    for kind in (SOURCE, DESTINATION, CONNECTION):
        for path in sorted((root / FOLDERS[kind]).glob("*/configuration.yaml")):
            found = True
            edits = _Edits(YamlFile(path), result)
            _upgrade_keys(edits, kind)
            masked = [] if kind == CONNECTION else _upgrade_masks(edits, kind)
            if kind == CONNECTION:
                _upgrade_links(edits, owners)
                _upgrade_connection(edits)
            edits.finish()
            for state in sorted(path.parent.glob("state*.yaml")):
                _upgrade_state(state, workspace_id, result, masked)
    if not found:
        raise ToolError(
            f"{root}: no Octavia project: there is no sources/, destinations/ or connections/ with a configuration.yaml"
        )
    return result


class _Edits:
    """Edits of one file's text by position, applied from the end so that positions stay true."""

    def __init__(self, file: YamlFile, result: Upgrade) -> None:
        self.file = file
        self._result = result
        self._edits: list[tuple[int, int, str]] = []

    def note(self, path: FieldPath, text: str) -> None:
        self._result.changes.append(Note(self.file.path, self.file.line(path), text))

    def to_do(self, path: FieldPath, text: str) -> None:
        self._result.changes.append(Note(self.file.path, self.file.line(path), f"to do: {text}", done=False))

    def value(self, path: FieldPath) -> Any:
        return get_value(self.file.data, path)

    def rename(self, path: FieldPath, name: str) -> None:
        key = self.file.keys[path]
        self._edits.append((key.start_mark.index, key.end_mark.index, name))

    def replace_scalar(self, path: FieldPath, text: str) -> None:
        node = self.file.nodes[path]
        self._edits.append((node.start_mark.index, node.end_mark.index, text))

    def replace_entry(self, path: FieldPath, text: str | None, note: str) -> None:
        """Puts `text` in place of a whole `key: value` entry, at its indentation; "" removes it, None makes a comment of it.

        Inside `{...}` an entry is not lines of its own, and is left to the user.
        """
        key, value = self.file.keys[path], self.file.nodes[path]
        if getattr(self.file.nodes[path[:-1]], "flow_style", False):
            self.to_do(path, f"{dotted(path)} stands inside {{...}}: change it by hand; {note}")
            return
        source = self.file.text
        start = source.rfind("\n", 0, key.start_mark.index) + 1
        # A block's end mark is where the next thing begins, so comments and blank lines between belong to that.
        lines = source[start : value.end_mark.index].splitlines(keepends=True)
        while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("#")):
            lines.pop()
        end = start + len("".join(lines))
        if not source[start:end].endswith("\n"):
            newline = source.find("\n", end)
            end = len(source) if newline < 0 else newline + 1
        column = key.start_mark.column
        new = [line[column:] for line in source[start:end].splitlines()] if text is None else text.splitlines()
        mark = "# " if text is None else ""
        self._edits.append((start, end, "".join(f"{' ' * column}{mark}{line}\n" for line in new)))
        self.note(path, note)

    def finish(self) -> None:
        """Stores the new text when anything changed. An edit inside a replaced entry falls away with it."""
        text = self.file.text
        kept = [
            edit
            for edit in self._edits
            if not any(
                o is not edit and o[0] <= edit[0] and edit[1] <= o[1] and o[1] - o[0] > edit[1] - edit[0] for o in self._edits
            )
        ]
        for start, end, new in sorted(kept, reverse=True):
            text = text[:start] + new + text[end:]
        if text != self.file.text:
            self._result.files[self.file.path] = text


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", lambda m: "_" + m.group(1).lower(), name)


def _upgrade_keys(edits: _Edits, kind: str) -> None:
    """camelCase keys of Octavia's own (before 0.36.10). A connector's configuration and a stream's JSON Schema keep theirs."""
    for path in list(edits.file.keys):
        key = str(path[-1])
        inside_connector = kind != CONNECTION and path[0] == "configuration" and len(path) > 1
        removed = kind == CONNECTION and len(path) > 1 and path[0] == "configuration" and _snake(str(path[1])) in REMOVED
        inside_schema = any(part in ("json_schema", "jsonSchema") for part in path[:-1])
        if inside_connector or removed or inside_schema or _snake(key) == key:
            continue
        edits.rename(path, _snake(key))
        edits.note(path, f"{key} renamed to {_snake(key)}")


def _upgrade_masks(edits: _Edits, kind: str) -> list[str]:
    """Octavia's import wrote Airbyte's masks for secrets. Each becomes a variable; the fields that did."""
    found = [
        path
        for path, value in flatten(edits.file.data.get("configuration") or {}, ("configuration",)).items()
        if is_masked(value)
    ]
    for path in found:
        name = name_for(kind, edits.file.path.parent.name, dotted(path[1:]))
        edits.replace_scalar(path, f"${{{name}}}")
        edits.note(path, f"the mask became ${{{name}}}; Airbyte keeps the secret that it has until the variable is set")
    return [dotted(path) for path in found]


def _upgrade_links(edits: _Edits, owners: dict[str, str]) -> None:
    for kind in (SOURCE, DESTINATION):
        for key in (f"{kind}_id", f"{kind}Id"):
            ident = edits.file.data.get(key)
            if ident is None:
                continue
            path = owners.get(str(ident))
            if path is None:
                edits.to_do((key,), f"{key} {ident} belongs to no state file here; write {kind}_configuration_path instead")
            else:
                link = f"{kind}_configuration_path: {path}"
                edits.replace_entry((key,), link, f"{key} became {link}")


def _upgrade_connection(edits: _Edits) -> None:
    here: FieldPath = ("configuration",)
    kinds = {_snake(key): key for key in edits.file.data.get("configuration") or {}}
    for snake, key in kinds.items():
        path, value = (*here, key), edits.value((*here, key))
        if snake in REMOVED:
            kept = not says_nothing(value) and REMOVED[snake] != _NOTE
            what = "became a comment" if kept else "removed"
            edits.replace_entry(path, None if kept else "", f"{snake} {what}: {REMOVED[snake]}")
        elif snake == "namespace_definition" and value == "customformat":
            edits.replace_scalar(path, "custom_format")
            edits.note(path, "namespace_definition customformat is called custom_format now")
        elif snake == "non_breaking_changes_preference" and value is not None:
            new = f"non_breaking_schema_updates_behavior: {PREFERENCES.get(value, value)}"
            edits.replace_entry(path, new, f"{snake} {value} became {new}")
    _upgrade_schedule(edits, kinds)


def _upgrade_schedule(edits: _Edits, kinds: dict[str, str]) -> None:
    """A schedule of before `schedule_type`, or a basic one, becomes cron. `kinds` maps today's names to the keys."""
    configuration: Json = edits.file.data.get("configuration") or {}
    if "schedule" in kinds:
        path: FieldPath = ("configuration", kinds["schedule"])
        block = configuration[kinds["schedule"]]
        if "schedule_type" in kinds:
            edits.replace_entry(path, "", "schedule removed: schedule_type and schedule_data say it")
        elif block:
            _write_cron(edits, path, block, "schedule_type: cron\n")
        else:
            edits.replace_entry(path, "schedule_type: manual", "schedule without content became schedule_type: manual")
    if "schedule_type" in kinds and configuration[kinds["schedule_type"]] == "basic":
        data_key = kinds.get("schedule_data", "schedule_data")
        data = configuration.get(data_key) or {}
        block = data.get("basic_schedule") or data.get("basicSchedule") or {}
        if _write_cron(edits, ("configuration", data_key), block, ""):
            type_path = ("configuration", kinds["schedule_type"])
            edits.replace_scalar(type_path, "cron")
            edits.note(type_path, "schedule_type basic became cron")


def _write_cron(edits: _Edits, path: FieldPath, block: Json, before: str) -> bool:
    """Writes the schedule as cron. False when that is left to the user."""
    units, unit = block.get("units"), str(block.get("time_unit") or block.get("timeUnit"))
    try:
        if not isinstance(units, int):
            raise ScheduleError((), f"units is {units!r}", "give a whole number")
        cron, exact = basic_to_cron(units, unit)
    except ScheduleError as error:
        edits.to_do(path, f"the basic schedule was left: {error.message}; {error.fix}")
        return False
    rhythm = "" if exact else " (the nearest that cron can say: it starts anew each day or month)"
    text = f"{before}schedule_data:\n  cron:\n    cron_expression: {cron}\n    cron_time_zone: UTC"
    edits.replace_entry(path, text, f"basic schedule, every {units} {unit}, became cron {cron}{rhythm}")
    return True


def _upgrade_state(path: Path, workspace_id: str | None, result: Upgrade, masked: list[str]) -> None:
    """Gives the state a workspace, and drops Octavia's hash: unsalted and over the secrets, it lets short ones be guessed.

    `masked` names the fields whose secrets only Airbyte knows.
    """
    file = YamlFile(path)
    workspace = file.data.get("workspace_id") or workspace_id
    if path.name == "state.yaml" and not workspace:
        result.changes.append(Note(path, 1, "to do: this state names no workspace: run again with --workspace-id", False))
        return
    target = path.with_name(f"state_{workspace}.yaml")
    data = {key: value for key, value in file.data.items() if key != "configuration_hash"} | {"workspace_id": workspace}
    if masked:
        data["secret_fingerprints"] = dict.fromkeys(masked, IMPORTED)
    if data == file.data and target == path:
        return
    if path.name == "state.yaml" and target.exists():
        result.changes.append(Note(path, 1, f"to do: {target.name} exists already: delete the one that is out of date", False))
        return
    if "configuration_hash" in file.data:
        result.changes.append(
            Note(path, file.line(("configuration_hash",)), "configuration_hash removed: secrets can be guessed from it")
        )
    if target != path:
        if path.name != "state.yaml":
            return  # a state under another workspace's name is for the user to judge: `check` reports it
        result.changes.append(Note(path, file.line(("resource_id",)), f"state renamed to {target.name}"))
        result.removed.append(path)
    result.files[target] = yaml.safe_dump(data, sort_keys=False)


def _owners(root: Path) -> dict[str, str]:
    """Server ids, as the state files record them, to the path of the resource they belong to."""
    found = {}
    for kind in (SOURCE, DESTINATION):
        for state in (root / FOLDERS[kind]).glob("*/state*.yaml"):
            ident = YamlFile(state).data.get("resource_id")
            if ident:
                found[str(ident)] = (state.parent / "configuration.yaml").relative_to(root).as_posix()
    return found
