"""The project folder: Octavia's layout, plus `source_definitions/` for custom connectors.

source_definitions/NAME/configuration.yaml      sources/NAME/configuration.yaml
destinations/NAME/configuration.yaml            connections/NAME/configuration.yaml
workspace.yaml                                  */NAME/state_<workspace id>.yaml
api_http_headers.yaml                           workspaces/NAME/: the same again, laid over all that for one workspace
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airbyte_config_tool.findings import IMPORT_OCTAVIA, WARNING, FieldPath, Finding, ToolError, dotted
from airbyte_config_tool.variables import Missing, Variables
from airbyte_config_tool.yamlfile import YamlFile

DEFINITION = "source_definition"
SOURCE = "source"
DESTINATION = "destination"
CONNECTION = "connection"
WORKSPACE = "workspace"

# In the order in which they must exist on the server.
FOLDERS = {DEFINITION: "source_definitions", SOURCE: "sources", DESTINATION: "destinations", CONNECTION: "connections"}
_DEFINITION_TYPE = re.compile(r"^(?:definition_type|definitionType):\s*[\"']?(\w+)", re.MULTILINE)
WORKSPACE_FILE, OVERLAYS = "workspace.yaml", "workspaces"
HEADERS_FILE = "api_http_headers.yaml"

_COMMON = {"resource_name", "definition_type", "configuration"}
_ACTOR = {*_COMMON, "definition_id", "definition_image", "definition_version", "connector"}
# A source names its custom connector's file: our name for it, and Octavia's.
DEFINITION_LINKS = ("definition_path", "source_definition_configuration_path")
KNOWN_KEYS = {
    WORKSPACE: {*_COMMON, "workspace_id"},
    DEFINITION: {*_COMMON, "connector"},
    SOURCE: {*_ACTOR, *DEFINITION_LINKS},
    DESTINATION: _ACTOR,
    CONNECTION: {*_COMMON, "source_configuration_path", "destination_configuration_path"},
}


@dataclass
class Resource:
    """One `configuration.yaml`, with what is laid over it. `key` is its place in the project, by which others name it.

    Equal to itself only: two resources may hold the same text.
    """

    kind: str
    key: str
    file: YamlFile
    links: dict[str, Resource] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.file.path

    @property
    def folder(self) -> Path:
        return self.file.path.parent

    @property
    def name(self) -> str:
        return str(self.file.data.get("resource_name") or self.folder.name)

    @property
    def configuration(self) -> dict[str, Any]:
        """The `configuration` block; an empty one when it is absent or not a mapping (`check` reports that)."""
        block = self.file.data.get("configuration")
        return block if isinstance(block, dict) else {}

    def get(self, key: str) -> str | None:
        """A top-level text, or None when it is absent or empty."""
        value = self.file.data.get(key)
        return str(value) if value not in (None, "") else None

    def finding(self, code: str, path: FieldPath, message: str, fix: str, severity: str = "error", by_hand: str = "") -> Finding:
        """A finding at a field of this file."""
        return Finding(code, *self.file.place(path), dotted(path), message, fix, severity, by_hand)

    def where(self, path: FieldPath) -> str:
        """File and line of a field, for an error."""
        file, line = self.file.place(path)
        return f"{file}:{line}"


def _overlay(root: Path, workspace: str | None) -> Path | None:
    """The folder of a workspace. Raises ToolError for one that is not there, or when one must be named."""
    known = sorted(path.name for path in (root / OVERLAYS).glob("*") if path.is_dir())
    if workspace not in [*known, None] or (known and workspace is None):
        there = f"this project has {', '.join(known)}" if known else f"there is no {root / OVERLAYS}/NAME/"
        raise ToolError(f"no workspace {workspace}: {there}" if workspace else f"say which workspace: --workspace NAME; {there}")
    return root / OVERLAYS / workspace if workspace else None


def unset_variable(resource: Resource, path: FieldPath, missing: Missing) -> Finding:
    """The finding for a variable without a value: sent as it stands, the server would take the text for the value."""
    return resource.finding("unset-variable", path, missing.message, missing.fix)


@dataclass
class Project:
    """All resources by kind, the request headers, and what is wrong with the layout."""

    root: Path
    overlay: Path | None = None
    resources: list[Resource] = field(default_factory=list)
    headers: YamlFile | None = None
    findings: list[Finding] = field(default_factory=list)
    unread: set[str] = field(default_factory=set)

    @classmethod
    def load(cls, root: Path, variables: Variables, workspace: str | None = None, may_be_empty: bool = False) -> Project:
        """Reads a project, with what `workspace` lays over it, and with variables put into names and paths.

        Raises ToolError when `root` holds none; faults inside files become findings.
        """
        if not root.is_dir():
            raise ToolError(f"{root}: no such folder. To make a project there, run: airbyte-config-tool init {root}")
        project = cls(root, _overlay(root, workspace))
        for kind, folder in FOLDERS.items():
            project._read_all(kind, f"{folder}/*/configuration.yaml")
        if not (project.resources or project.findings or may_be_empty):
            raise ToolError(
                f"{root}: no sources/, destinations/ or connections/ with a configuration.yaml in them. "
                f"To make a project, run: airbyte-config-tool init {root}"
            )
        project._read_all(WORKSPACE, WORKSPACE_FILE)
        project.headers = project._read(HEADERS_FILE)
        for resource in project.resources:
            project._expand_top_level(resource, variables)
            project._check_layout(resource)
        for resource in project.resources:
            project._link(resource)
        project._check_names()
        project._name_misplaced()
        return project

    @property
    def workspace_id(self) -> str | None:
        """What workspace.yaml says, which is surer than a variable that may be of another workspace."""
        return next((resource.get("workspace_id") for resource in self.of(WORKSPACE)), None)

    @property
    def layers(self) -> list[Path]:
        """The folders that make up the project; a later one is laid over those before it."""
        return [self.root, *([self.overlay] if self.overlay else [])]

    def of(self, kind: str) -> list[Resource]:
        """The resources of one kind, in the order of their folders."""
        return [r for r in self.resources if r.kind == kind]

    def _read_all(self, kind: str, pattern: str) -> None:
        keys = {path.relative_to(layer).as_posix() for layer in self.layers for path in layer.glob(pattern)}
        for key in sorted(keys):
            file = self._read(key)
            if file is not None:
                self.resources.append(Resource(kind, key, file))

    def _read(self, key: str) -> YamlFile | None:
        """One file with what is laid over it; None when there is none, or a finding instead."""
        result: YamlFile | None = None
        for path in (layer / key for layer in self.layers if (layer / key).is_file()):
            try:
                file = YamlFile(path)
            except ToolError as error:
                self._not_read(key, path, str(error))
                return None
            if result is None:
                result = file
            else:
                result.overlay(file)
        return result

    def _not_read(self, key: str, path: Path, problem: str) -> None:
        self.unread.add(key)
        line = problem.removeprefix(f"{path}:").split(":")[0]
        message = problem.removeprefix(f"{path}:").removeprefix(f"{line}:").strip()
        number = int(line) if line.isdigit() else 1
        self.findings.append(Finding("layout", path, number, "", message, "fix the file: nothing in it was checked"))

    def _expand_top_level(self, resource: Resource, variables: Variables) -> None:
        for key, value in resource.file.data.items():
            if isinstance(value, str):
                expanded = variables.expand(value)
                resource.file.data[key] = expanded.text
                self.findings += [unset_variable(resource, (key,), missing) for missing in expanded.missing]

    def _check_layout(self, resource: Resource) -> None:
        def report(path: FieldPath, message: str, fix: str, severity: str = "error", by_hand: str = "") -> None:
            self.findings.append(resource.finding("layout", path, message, fix, severity, by_hand))

        data = resource.file.data
        stated = data.get("definition_type")
        if resource.kind == WORKSPACE:
            stated = WORKSPACE  # its name says it
        if stated != resource.kind:
            report(
                ("definition_type",),
                f"definition_type is {stated!r}, but the file lies in {FOLDERS[resource.kind]}/",
                f"write `definition_type: {resource.kind}` or move the folder",
            )
        if not resource.get("resource_name") and resource.kind != WORKSPACE:
            report(("resource_name",), "resource_name is missing or empty", "give the name that Airbyte shows")
        if not isinstance(data.get("configuration"), dict) and (resource.kind != WORKSPACE or "configuration" in data):
            report(("configuration",), "configuration is missing, empty or not a mapping", "add the block, one field per line")
        camel = [key for key in data if key != key.lower()]
        for key in data.keys() - KNOWN_KEYS[resource.kind]:
            if key in ("source_id", "destination_id", "sourceId", "destinationId") and resource.kind == CONNECTION:
                continue  # said once, with its remedy, where the link is followed
            report(
                (key,),
                f"{key} is not known here" + (" (old camelCase)" if key in camel else ""),
                IMPORT_OCTAVIA if key in camel else "remove it",
                WARNING,
                "remove it",
            )

    def _link(self, resource: Resource) -> None:
        wanted = {
            SOURCE: dict.fromkeys(DEFINITION_LINKS, (DEFINITION, False)),
            CONNECTION: {"source_configuration_path": (SOURCE, True), "destination_configuration_path": (DESTINATION, True)},
        }.get(resource.kind, {})
        for key, (kind, required) in wanted.items():
            text = resource.get(key)
            if text is None:
                if required:
                    old = next((k for k in (f"{kind}_id", f"{kind}Id") if k in resource.file.data), None)
                    by_hand = f"write `{key}: {FOLDERS[kind]}/NAME/configuration.yaml`"
                    finding = resource.finding(
                        "layout", (old or key,), f"{key} is missing", IMPORT_OCTAVIA if old else by_hand, by_hand=by_hand
                    )
                    self.findings.append(finding)
                continue
            target = os.path.normpath(text).replace(os.sep, "/")
            found = next((r for r in self.of(kind) if r.key == target), None)
            if found is None and target in self.unread:
                continue  # what is wrong there is said there
            if found is None:
                self.findings.append(
                    resource.finding(
                        "layout",
                        (key,),
                        f"there is no {kind} at {text}",
                        f"give a path like {FOLDERS[kind]}/NAME/configuration.yaml",
                    )
                )
            else:
                resource.links[kind] = found
        if resource.kind in (SOURCE, DESTINATION) and not (
            resource.links.get(DEFINITION)
            or any(resource.get(key) for key in ("definition_id", *DEFINITION_LINKS))
            or resource.configuration.get(f"{resource.kind}Type")
        ):
            fix = "give definition_id" + (" or definition_path" if resource.kind == SOURCE else "")
            self.findings.append(resource.finding("layout", ("definition_id",), "no connector definition is named", fix))

    def _name_misplaced(self) -> None:
        """Files that look like a resource and are not read, because of their folder or their name."""
        read = {layer / resource.key for resource in self.resources for layer in self.layers}
        read |= {layer / key for key in self.unread for layer in self.layers}
        tops = [
            p for p in self.root.iterdir() if p.is_dir() and difflib.get_close_matches(p.name.lower(), FOLDERS.values(), 1, 0.8)
        ]
        files = [path for top in (self.root, *tops) for path in top.glob("*.y*ml" if top == self.root else "**/*.y*ml")]
        for path in sorted(path for path in files if path not in read and path.is_file()):
            match = _DEFINITION_TYPE.search(path.read_text(encoding="utf-8", errors="replace"))
            if match:
                place = f"{FOLDERS.get(match[1], 'sources')}/NAME/configuration.yaml"
                finding = Finding("layout", path, 1, "", "this file is not read where it lies", f"move it to {place}", WARNING)
                self.findings.append(finding)

    def _check_names(self) -> None:
        """Names must be unique by kind: `apply` finds what an interrupted run left behind by its name."""
        seen: dict[tuple[str, str], Resource] = {}
        for resource in self.resources:
            first = seen.setdefault((resource.kind, resource.name), resource)
            if first is not resource:
                self.findings.append(
                    resource.finding(
                        "layout",
                        ("resource_name",),
                        f"{resource.kind} {resource.name!r} is already the name of {first.path}",
                        "give each its own name",
                    )
                )
