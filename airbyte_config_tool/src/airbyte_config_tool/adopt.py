"""`import`: what a live workspace has, written as files of a project. It adds files and changes none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from airbyte_config_tool import state as states
from airbyte_config_tool.desired import notifications_from_api
from airbyte_config_tool.differ import is_masked
from airbyte_config_tool.findings import FieldPath, ToolError, dotted
from airbyte_config_tool.manifests import for_upload, manifest_faults
from airbyte_config_tool.plan import IMAGES, MANIFESTS, Planner, Unmanaged, manifest_mark
from airbyte_config_tool.project import CONNECTION, DEFINITION, FOLDERS, SOURCE, WORKSPACE_FILE, Resource
from airbyte_config_tool.schedule import from_api
from airbyte_config_tool.specs import is_secret, leaves
from airbyte_config_tool.streams import from_api as stream_from_api
from airbyte_config_tool.variables import RUNTIME_TEMPLATES, VARIABLE, name_for
from airbyte_config_tool.yamlfile import YamlFile

Json = dict[str, Any]


class Importer:
    """Writes what the planner found unmanaged. `variables` are the names that stand for secrets, `written` the files."""

    def __init__(self, planner: Planner) -> None:
        self.planner = planner
        self.project = planner.context.project
        self.base = self.project.layers[-1]
        self.variables: list[str] = []
        self.written: list[Path] = []
        # From the server's id to the place in the project, of what is there already and of what is written.
        self._keys = {planner.ids[id(r)]: r.key for r in self.project.resources if id(r) in planner.ids}
        self._specs: dict[str, Json] = {}

    def run(self, found: list[Unmanaged]) -> None:
        """Writes all of it. Raises ToolError before anything is written when two of a kind have one name."""
        names = [(one.kind, one.name) for one in found] + [(ours.kind, ours.name) for ours in self.project.resources]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice:
            raise ToolError(f"there are two {twice[0]}s named {twice[1]!r}: rename one in Airbyte, for a project goes by names")
        for one in found:
            if one.kind == CONNECTION:
                self._write(one.kind, one.name, self._connection(one.item), states.State(one.resource_id))
            else:
                self._actor(one)
        self._workspace()

    def _actor(self, one: Unmanaged) -> None:
        """A source or destination. Airbyte shows no secret, so each becomes a variable, whose value it keeps until one is set."""
        ident = str(one.item["definitionId"])
        definition = self._definition(ident) if one.kind == SOURCE else None
        folder, secrets = self._free(one.kind, one.name), states.State(one.resource_id)
        schemas = {path: schema for path, _, schema in leaves(self._specs.get(ident), one.item["configuration"])}

        def value(path: FieldPath, value: object) -> object:
            if not is_masked(value) and not (value and is_secret(path, schemas.get(path, {}))):
                return _escaped(path, value)
            secrets.secrets[dotted(("configuration", *path))] = states.IMPORTED
            self.variables.append(name_for(one.kind, folder, dotted(path)))
            return f"${{{self.variables[-1]}}}"

        data = {"definition_path": definition} if definition else {"definition_id": ident}
        self._write(one.kind, one.name, {**data, "configuration": _mapped(one.item["configuration"], value)}, secrets, folder)

    def _definition(self, ident: str) -> str | None:
        """The place of a custom connector, which is written first. None for Airbyte's own, and for one with code of its own."""
        if ident in self._keys:
            return self._keys[ident]
        manifest = next((d for d in self.planner.listed(MANIFESTS) if d["id"] == ident), None)
        image = next((d for d in self.planner.listed(IMAGES) if d["id"] == ident), None)
        if manifest and not list(manifest_faults(manifest["manifest"])):
            self._specs[ident] = manifest["manifest"]["spec"]["connection_specification"]
            folder = self._free(DEFINITION, manifest["name"])
            file = self.base / FOLDERS[DEFINITION] / folder / "manifest.json"
            self._save(file, json.dumps(manifest["manifest"], indent=1, ensure_ascii=False) + "\n")
            mark = manifest_mark(manifest["version"], for_upload(manifest["manifest"]))
            data: Json = {"connector": {"manifest": file.name}, "configuration": {}}
            return self._write(DEFINITION, manifest["name"], data, states.State(ident, manifest=mark), folder)
        if image:
            names = {
                "docker_repository": "dockerRepository",
                "docker_image_tag": "dockerImageTag",
                "documentation_url": "documentationUrl",
            }
            block = {ours: image[theirs] for ours, theirs in names.items() if image.get(theirs)}
            return self._write(DEFINITION, image["name"], {"configuration": block}, states.State(ident))
        return None

    def _connection(self, item: Json) -> Json:
        settings: Json = {
            "status": item.get("status"),
            "namespace_definition": item.get("namespaceDefinition"),
            "namespace_format": item.get("namespaceFormat"),
            "prefix": item.get("prefix"),
            "non_breaking_schema_updates_behavior": item.get("nonBreakingSchemaUpdatesBehavior"),
            **from_api(item.get("schedule") or {}),
            "sync_catalog": {"streams": [stream_from_api(s) for s in (item.get("configurations") or {}).get("streams") or []]},
        }
        return {
            "source_configuration_path": self._keys[item["sourceId"]],
            "destination_configuration_path": self._keys[item["destinationId"]],
            "configuration": _mapped({key: value for key, value in settings.items() if value is not None}, _escaped),
        }

    def _workspace(self) -> None:
        """The workspace's id and notifications, when the project says nothing of them."""
        path = self.base / WORKSPACE_FILE
        if not path.exists():
            told = notifications_from_api(self.planner.workspace().get("notifications") or {})
            block = {"configuration": {"notifications": _mapped(told, _escaped)}} if told else {}
            self._save(path, _yaml({"workspace_id": self.planner.api.workspace_id, **block}))

    # -- files -----------------------------------------------------------------------------------------------------

    def _free(self, kind: str, name: str) -> str:
        """A folder for a resource that no layer of the project has."""
        slug = re.sub(r"\W+", "_", name).strip("_").lower() or kind
        taken = [layer / FOLDERS[kind] for layer in self.project.layers]
        names = (slug if number == 1 else f"{slug}_{number}" for number in range(1, 10_000))
        return next(name for name in names if not any((folder / name).exists() for folder in taken))

    def _write(self, kind: str, name: str, data: Json, state: states.State, folder: str | None = None) -> str:
        """Writes one resource with its state; its place in the project."""
        key = f"{FOLDERS[kind]}/{folder or self._free(kind, name)}/configuration.yaml"
        self._save(self.base / key, _yaml({"resource_name": _escaped((), name), "definition_type": kind, **data}))
        states.save(Resource(kind, key, YamlFile(self.base / key)), self.planner.api.workspace_id, state)
        self._keys[state.resource_id] = key
        return key

    def _save(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        self.written.append(path)


def _mapped(value: Any, change: Callable[[FieldPath, object], object], path: FieldPath = ()) -> Any:
    """A copy in which `change` stands for each scalar; Airbyte's `{"_secret": ...}` counts as one."""
    if isinstance(value, dict) and "_secret" not in value:
        return {key: _mapped(inner, change, (*path, key)) for key, inner in value.items()}
    if isinstance(value, list):
        return [_mapped(inner, change, (*path, number)) for number, inner in enumerate(value)]
    return change(path, value)


def _escaped(path: FieldPath, value: object) -> object:
    """A text that would be taken for a variable gets its second `$`; what Airbyte fills in itself stays."""
    if not isinstance(value, str):
        return value
    keep = RUNTIME_TEMPLATES.get(str(path[-1]) if path else "", ())
    return VARIABLE.sub(lambda m: m[0] if not m[1] and m[2] in keep else f"${m[0]}", value)


def _yaml(data: Json) -> str:
    return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=120)
