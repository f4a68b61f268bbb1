"""The project folder: Octavia's layout, plus `source_definitions/` for custom connectors.

source_definitions/NAME/configuration.yaml      sources/NAME/configuration.yaml
destinations/NAME/configuration.yaml            connections/NAME/configuration.yaml
api_http_headers.yaml                           */NAME/state_<workspace id>.yaml
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airbyte_config_tool.findings import WARNING, FieldPath, Finding, ToolError, dotted
from airbyte_config_tool.variables import Variables, expand
from airbyte_config_tool.yamlfile import YamlFile

DEFINITION = "source_definition"
SOURCE = "source"
DESTINATION = "destination"
CONNECTION = "connection"

# In the order in which they must exist on the server.
FOLDERS = {DEFINITION: "source_definitions", SOURCE: "sources", DESTINATION: "destinations", CONNECTION: "connections"}
HEADERS_FILE = "api_http_headers.yaml"

_COMMON = {"resource_name", "definition_type", "configuration"}
_ACTOR = {*_COMMON, "definition_id", "definition_image", "definition_version", "definition_path", "connector"}
KNOWN_KEYS = {
    DEFINITION: {*_COMMON, "connector"},
    SOURCE: _ACTOR,
    DESTINATION: _ACTOR,
    CONNECTION: {*_COMMON, "source_configuration_path", "destination_configuration_path"},
}


@dataclass
class Resource:
    """One `configuration.yaml`. Equal to itself only: two resources may hold the same text."""

    kind: str
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

    def finding(self, code: str, path: FieldPath, message: str, fix: str, severity: str = "error") -> Finding:
        """A finding at a field of this file."""
        return Finding(code, self.path, self.file.line(path), dotted(path), message, fix, severity)


def unset_variable(resource: Resource, path: FieldPath, name: str, variables: Variables) -> Finding:
    """The finding for a `${NAME}` without a value: sent as it stands, the server would take the text for the value."""
    if not re.fullmatch(r"\w+", name):
        message = f"${{{name}}} is no variable: there are no defaults and no spaces"
        return resource.finding("unset-variable", path, message, "write ${NAME}; $${...} stands for the text ${...} itself")
    near = difflib.get_close_matches(name, [n for n, value in variables.values.items() if value], n=1)
    return resource.finding(
        "unset-variable",
        path,
        f"${{{name}}} has no value",
        (f"did you mean {near[0]}? " if near else "")
        + f"set {name} in the environment or as a line {name}=... in {variables.file}",
    )


@dataclass
class Project:
    """All resources by kind, the request headers, and what is wrong with the layout."""

    root: Path
    resources: list[Resource] = field(default_factory=list)
    headers: YamlFile | None = None
    findings: list[Finding] = field(default_factory=list)
    unread: set[Path] = field(default_factory=set)

    @classmethod
    def load(cls, root: Path, variables: Variables) -> Project:
        """Reads a project, with variables put into names and paths.

        Raises ToolError when `root` holds none; faults inside files become findings.
        """
        if not root.is_dir():
            raise ToolError(f"{root}: no such folder. To make a project there, run: airbyte-config-tool init {root}")
        project = cls(root)
        for kind, folder in FOLDERS.items():
            for path in sorted((root / folder).glob("*/configuration.yaml")):
                file = project._read(path)
                if file is not None:
                    project.resources.append(Resource(kind, file))
        if (root / HEADERS_FILE).is_file():
            project.headers = project._read(root / HEADERS_FILE)
        if not project.resources and not project.findings:
            raise ToolError(
                f"{root}: no sources/, destinations/ or connections/ with a configuration.yaml in them. "
                f"To make a project, run: airbyte-config-tool init {root}"
            )
        for resource in project.resources:
            project._expand_top_level(resource, variables)
            project._check_layout(resource)
        for resource in project.resources:
            project._link(resource)
        project._check_names()
        return project

    def of(self, kind: str) -> list[Resource]:
        """The resources of one kind, in the order of their folders."""
        return [r for r in self.resources if r.kind == kind]

    def _read(self, path: Path) -> YamlFile | None:
        try:
            return YamlFile(path)
        except ToolError as error:
            self.unread.add(path.resolve())
            line = str(error).removeprefix(f"{path}:").split(":")[0]
            self.findings.append(
                Finding(
                    "layout",
                    path,
                    int(line) if line.isdigit() else 1,
                    "",
                    str(error).removeprefix(f"{path}:").removeprefix(f"{line}:").strip(),
                    "fix the file: nothing in it was checked",
                )
            )
            return None

    def _expand_top_level(self, resource: Resource, variables: Variables) -> None:
        for key, value in resource.file.data.items():
            if isinstance(value, str):
                expanded = expand(value, variables.values)
                resource.file.data[key] = expanded.text
                for name in expanded.missing:
                    self.findings.append(unset_variable(resource, (key,), name, variables))

    def _check_layout(self, resource: Resource) -> None:
        def report(path: FieldPath, message: str, fix: str, severity: str = "error") -> None:
            self.findings.append(resource.finding("layout", path, message, fix, severity))

        data = resource.file.data
        stated = data.get("definition_type")
        if stated != resource.kind:
            report(
                ("definition_type",),
                f"definition_type is {stated!r}, but the file lies in {FOLDERS[resource.kind]}/",
                f"write `definition_type: {resource.kind}` or move the folder",
            )
        if not resource.get("resource_name"):
            report(("resource_name",), "resource_name is missing or empty", "give the name that Airbyte shows")
        if not isinstance(data.get("configuration"), dict):
            report(("configuration",), "configuration is missing, empty or not a mapping", "add the block, one field per line")
        camel = [key for key in data if key != key.lower()]
        for key in data.keys() - KNOWN_KEYS[resource.kind]:
            if key in ("source_id", "destination_id") and resource.kind == CONNECTION:
                continue  # said once, with its remedy, where the link is followed
            report(
                (key,),
                f"{key} is not known here" + (" (old camelCase)" if key in camel else ""),
                "run: airbyte-config-tool import-octavia" if key in camel else "remove it",
                WARNING,
            )

    def _link(self, resource: Resource) -> None:
        wanted = {
            SOURCE: {"definition_path": (DEFINITION, False)},
            CONNECTION: {"source_configuration_path": (SOURCE, True), "destination_configuration_path": (DESTINATION, True)},
        }.get(resource.kind, {})
        for key, (kind, required) in wanted.items():
            text = resource.get(key)
            if text is None:
                if required:
                    old = key.replace("configuration_path", "id")
                    hint = "run: airbyte-config-tool import-octavia" if old in resource.file.data else f"name the {kind}'s file"
                    self.findings.append(resource.finding("layout", (key,), f"{key} is missing", hint))
                continue
            target = (self.root / text).resolve()
            found = next((r for r in self.of(kind) if r.path.resolve() == target), None)
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
            resource.get("definition_path") or resource.get("definition_id") or resource.configuration.get(f"{resource.kind}Type")
        ):
            fix = "give definition_id" + (" or definition_path" if resource.kind == SOURCE else "")
            self.findings.append(resource.finding("layout", ("definition_id",), "no connector definition is named", fix))

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
