"""`import-octavia`: converts an old project by small edits of its text, so that comments and order survive."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airbyte_config_tool.findings import FieldPath, ToolError, dotted, relative
from airbyte_config_tool.project import CONNECTION, DESTINATION, FOLDERS, SOURCE
from airbyte_config_tool.schedule import ScheduleError, basic_to_cron
from airbyte_config_tool.specs import get_value
from airbyte_config_tool.yamlfile import YamlFile

Json = dict[str, Any]
_USELESS = {
    "skip_reset": "the public API never resets a connection on update",
    "resource_requirements": "the public API takes none; set them on the server",
}


_REMOVED = {*_USELESS, "operations"}


@dataclass(frozen=True)
class Note:
    """One thing that was changed, or that is left to the user."""

    file: Path
    line: int
    text: str

    def where(self, root: Path) -> str:
        return f"{relative(self.file, root)}:{self.line}"


@dataclass
class Upgrade:
    """What an upgrade would do: notes to show, new texts to write, old files to remove. Nothing is written before `write`."""

    changes: list[Note] = field(default_factory=list)
    files: dict[Path, str] = field(default_factory=dict)
    removed: list[Path] = field(default_factory=list)

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
            if kind == CONNECTION:
                _upgrade_links(edits, owners)
                _upgrade_connection(edits)
            edits.finish()
            for state in sorted(path.parent.glob("state*.yaml")):
                _upgrade_state(state, workspace_id, result)
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

    def value(self, path: FieldPath) -> Any:
        return get_value(self.file.data, path)

    def rename(self, path: FieldPath, name: str) -> None:
        key = self.file.keys[path]
        self._edits.append((key.start_mark.index, key.end_mark.index, name))

    def replace_scalar(self, path: FieldPath, text: str) -> None:
        node = self.file.nodes[path]
        self._edits.append((node.start_mark.index, node.end_mark.index, text))

    def replace_entry(self, path: FieldPath, text: str) -> None:
        """Puts `text` (at the entry's own indentation; empty to remove it) in place of a whole `key: value` entry.

        Raises ToolError inside `{...}`, where an entry is not lines of its own.
        """
        key, value = self.file.keys[path], self.file.nodes[path]
        if getattr(self.file.nodes[path[:-1]], "flow_style", False):
            raise ToolError(f"{self.file.path}:{self.file.line(path)}: {dotted(path)} stands inside {{...}}: change it by hand")
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
        indent = " " * key.start_mark.column
        self._edits.append((start, end, "".join(f"{indent}{line}\n" for line in text.splitlines())))

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
        removed = kind == CONNECTION and len(path) > 1 and path[0] == "configuration" and _snake(str(path[1])) in _REMOVED
        inside_schema = any(part in ("json_schema", "jsonSchema") for part in path[:-1])
        if inside_connector or removed or inside_schema or _snake(key) == key:
            continue
        edits.rename(path, _snake(key))
        edits.note(path, f"{key} renamed to {_snake(key)}")


def _upgrade_links(edits: _Edits, owners: dict[str, str]) -> None:
    for kind in (SOURCE, DESTINATION):
        for key in (f"{kind}_id", f"{kind}Id"):
            ident = edits.file.data.get(key)
            if ident is None:
                continue
            path = owners.get(str(ident))
            if path is None:
                edits.note((key,), f"to do: {key} {ident} belongs to no state file here; write {kind}_configuration_path instead")
            else:
                edits.replace_entry((key,), f"{kind}_configuration_path: {path}")
                edits.note((key,), f"{key} became {kind}_configuration_path: {path}")


def _upgrade_connection(edits: _Edits) -> None:
    here: FieldPath = ("configuration",)
    for key in list(edits.file.data.get("configuration") or {}):
        path = (*here, key)
        snake = _snake(key)
        if snake in _USELESS:
            edits.replace_entry(path, "")
            edits.note(path, f"{snake} removed: {_USELESS[snake]}")
        elif snake == "operations":
            edits.replace_entry(
                path, "# operations: gone from Airbyte; run dbt after the sync instead" if edits.value(path) else ""
            )
            edits.note(
                path, "operations removed: Airbyte has no normalization or custom dbt any more; run dbt after the sync (see dbt/)"
            )
        elif snake == "namespace_definition" and edits.value(path) == "customformat":
            edits.replace_scalar(path, "custom_format")
            edits.note(path, "namespace_definition customformat is called custom_format now")
    _upgrade_schedule(edits)


def _upgrade_schedule(edits: _Edits) -> None:
    configuration: Json = edits.file.data.get("configuration") or {}
    kinds = {_snake(key): key for key in configuration}
    old = kinds.get("schedule")
    if old is not None and "schedule_type" not in kinds:
        block = configuration[old]
        path: FieldPath = ("configuration", old)
        if not block:
            edits.replace_entry(path, "schedule_type: manual")
            edits.note(path, "schedule without content became schedule_type: manual")
            return
        _write_cron(edits, path, block, "schedule_type: cron\n")
        return
    if kinds.get("schedule_type") is None or configuration[kinds["schedule_type"]] != "basic":
        return
    data_key = kinds.get("schedule_data", "schedule_data")
    data = configuration.get(data_key) or {}
    block = data.get("basic_schedule") or data.get("basicSchedule") or {}
    if _write_cron(edits, ("configuration", data_key), block, ""):
        edits.replace_scalar(("configuration", kinds["schedule_type"]), "cron")


def _write_cron(edits: _Edits, path: FieldPath, block: Json, before: str) -> bool:
    units, unit = block.get("units"), str(block.get("time_unit") or block.get("timeUnit"))
    try:
        if not isinstance(units, int):
            raise ScheduleError((), f"units is {units!r}", "give a whole number")
        cron, exact = basic_to_cron(units, unit)
    except ScheduleError as error:
        edits.note(path, f"to do: the basic schedule was left: {error.message}; {error.fix}")
        return False
    edits.replace_entry(path, f"{before}schedule_data:\n  cron:\n    cron_expression: {cron}\n    cron_time_zone: UTC")
    rhythm = "" if exact else " (the nearest that cron can say: it starts anew each day or month)"
    edits.note(path, f"basic schedule, every {units} {unit}, became cron {cron}{rhythm}")
    return True


def _upgrade_state(path: Path, workspace_id: str | None, result: Upgrade) -> None:
    """Gives the state a workspace, and drops Octavia's hash: unsalted and over the secrets, it lets short ones be guessed."""
    file = YamlFile(path)
    workspace = file.data.get("workspace_id") or workspace_id
    if path.name == "state.yaml" and not workspace:
        result.changes.append(Note(path, 1, "to do: this state names no workspace: run again with --workspace-id"))
        return
    target = path.with_name(f"state_{workspace}.yaml")
    data = {key: value for key, value in file.data.items() if key != "configuration_hash"} | {"workspace_id": workspace}
    if data == file.data and target == path:
        return
    if path.name == "state.yaml" and target.exists():
        result.changes.append(Note(path, 1, f"to do: {target.name} exists already: delete the one that is out of date"))
        return
    if "configuration_hash" in file.data:
        result.changes.append(
            Note(path, file.line(("configuration_hash",)), "configuration_hash removed: secrets can be guessed from it")
        )
    if target != path:
        if path.name != "state.yaml":
            return  # a state under another workspace's name is for the user to judge: `check` reports it
        result.changes.append(Note(path, 1, f"state renamed to {target.name}"))
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
