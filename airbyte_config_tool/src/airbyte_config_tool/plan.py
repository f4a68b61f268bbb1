"""The plan: for each resource, what the server has, what the project wants, and what would change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airbyte_config_tool import desired, differ, fingerprint
from airbyte_config_tool import state as states
from airbyte_config_tool.api import Api
from airbyte_config_tool.context import Context
from airbyte_config_tool.differ import FieldChange
from airbyte_config_tool.findings import FieldPath, ToolError, dotted, relative
from airbyte_config_tool.masking import MASK
from airbyte_config_tool.project import CONNECTION, DEFINITION, DESTINATION, FOLDERS, SOURCE, Resource

Json = dict[str, Any]
CREATE, UPDATE, SAME = "create", "update", "unchanged"
ID_FIELDS = {DEFINITION: "id", SOURCE: "sourceId", DESTINATION: "destinationId", CONNECTION: "connectionId"}


@dataclass
class Change:
    """One resource's step. `resource_id` is None for one to create."""

    resource: Resource
    action: str
    resource_id: str | None
    state: states.State | None
    fields: list[FieldChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self, context: Context) -> dict[str, object]:
        return {
            "kind": self.resource.kind,
            "name": self.resource.name,
            "file": relative(self.resource.path, context.root),
            "action": self.action,
            "resource_id": self.resource_id,
            "fields": [f.as_json() for f in self.fields],
            "notes": self.notes,
        }


class Planner:
    """Makes the plan. Only reads from the server."""

    def __init__(self, context: Context, api: Api) -> None:
        self.context = context
        self.api = api
        self.ids: dict[int, str] = {}
        self._listed: dict[str, list[Json]] = {}

    def plan(self) -> list[Change]:
        """Every resource's step, in the order in which they must be carried out. Raises ToolError."""
        return [self.change(resource) for kind in FOLDERS for resource in self.context.project.of(kind)]

    def change(self, resource: Resource) -> Change:
        """The step for one resource. Those it links to must have been planned before."""
        state = states.load(resource, self.api.workspace_id)
        actual = self.find(resource, state)
        if actual is None:
            change = Change(resource, CREATE, None, state, list(self._creation(resource)))
            if state is not None:
                change.notes.append(f"{state.resource_id}, which was applied before, is no longer on the server")
            return change
        resource_id = str(actual[ID_FIELDS[resource.kind]])
        self.ids[id(resource)] = resource_id
        change = Change(resource, SAME, resource_id, state)
        if state is None or state.resource_id != resource_id:
            change.notes.append(f"found by its name, as {resource_id}")
        change.fields = list(self._differences(resource, actual, state, change.notes))
        change.action = UPDATE if change.fields else SAME
        return change

    def find(self, resource: Resource, state: states.State | None, fresh: bool = False) -> Json | None:
        """The resource on the server: by the recorded id, else by name. Raises ToolError when several have the name."""
        listed = self._list(resource, fresh)
        key = ID_FIELDS[resource.kind]
        if state is not None:
            for item in listed:
                if item.get(key) == state.resource_id:
                    return item
        named = [item for item in listed if item.get("name") == resource.name]
        definition = (
            desired.body(self.context, resource, self.ids, "").get("definitionId")
            if resource.kind in (SOURCE, DESTINATION)
            else None
        )
        if definition:
            named = [item for item in named if item.get("definitionId") == definition]
        if len(named) > 1:
            found = ", ".join(str(item[key]) for item in named)
            raise ToolError(
                f"{resource.path}:{resource.file.line(('resource_name',))}: Airbyte has {len(named)} {resource.kind}s named "
                f"{resource.name!r} ({found}). Rename the others there, or write `resource_id:` and `workspace_id:` of the "
                f"right one into {states.state_path(resource, self.api.workspace_id)}"
            )
        return named[0] if named else None

    # -- reading the server ----------------------------------------------------------------------------------------

    def _list(self, resource: Resource, fresh: bool) -> list[Json]:
        key = resource.kind
        if key == DEFINITION:
            key = "declarative_sources" if desired.is_manifest(resource) else "definitions"
        if fresh or key not in self._listed:
            if resource.kind == DEFINITION:
                path = "declarative_sources" if desired.is_manifest(resource) else "sources"
                self._listed[key] = self.api.list_definitions(path)
            else:
                self._listed[key] = list(self.api.list_all(f"/{FOLDERS[resource.kind]}"))
        return self._listed[key]

    # -- comparing -------------------------------------------------------------------------------------------------

    def _creation(self, resource: Resource) -> Iterable[FieldChange]:
        wanted = desired.body(self.context, resource, self.ids, self.api.workspace_id)
        if resource.kind == DEFINITION and desired.is_manifest(resource):
            yield FieldChange("manifest", None, _describe(wanted["manifest"]))
        elif resource.kind in (SOURCE, DESTINATION):
            hidden = self.context.resolved(resource).hidden
            for path, value in differ.flatten(wanted["configuration"]).items():
                yield FieldChange(dotted(("configuration", *path)), None, MASK if hidden(path) else value)
        elif resource.kind == CONNECTION:
            yield from differ.connections(wanted, {})
        else:
            yield from (FieldChange(key, None, value) for key, value in wanted.items() if key != "name")

    def _differences(
        self, resource: Resource, actual: Json, state: states.State | None, notes: list[str]
    ) -> Iterable[FieldChange]:
        wanted = desired.body(self.context, resource, self.ids, self.api.workspace_id)
        if resource.kind == DEFINITION:
            yield from self._definition(resource, wanted, actual, state, notes)
            return
        self._refuse_moves(resource, wanted, actual)
        if resource.kind == CONNECTION:
            yield from differ.connections(wanted, actual)
            return
        if actual.get("name") != wanted["name"]:
            yield FieldChange("name", actual.get("name"), wanted["name"])
        key = self.context.variables.get(fingerprint.KEY_VARIABLE)

        def unchanged(path: FieldPath, value: str) -> bool | None:
            field_name = dotted(("configuration", *path))
            recorded = state.secrets.get(field_name) if state else None
            return None if recorded is None else fingerprint.matches(recorded, value, label(resource, field_name), key)

        # `sourceType` and `destinationType` choose the definition when a resource is made; the server keeps them elsewhere.
        ours = {name: value for name, value in wanted["configuration"].items() if name != f"{resource.kind}Type"}
        theirs = actual.get("configuration") or {}
        spec = self.context.spec(resource)
        yield from differ.configurations(ours, theirs, spec, self.context.resolved(resource).hidden, unchanged)

    def _definition(
        self, resource: Resource, wanted: Json, actual: Json, state: states.State | None, notes: list[str]
    ) -> Iterable[FieldChange]:
        if desired.is_manifest(resource):
            if actual.get("name") != wanted["name"]:
                notes.append(f"Airbyte keeps the name {actual.get('name')!r}: a manifest's update cannot rename it")
            recorded = state.manifest if state else None
            if actual.get("manifest") != wanted["manifest"] and recorded != manifest_mark(
                actual.get("version"), wanted["manifest"]
            ):
                yield FieldChange("manifest", _describe(actual.get("manifest")), _describe(wanted["manifest"]))
            return
        if actual.get("dockerRepository") != wanted["dockerRepository"]:
            line = resource.file.line(("configuration", "docker_repository"))
            raise ToolError(
                f"{resource.path}:{line}: Airbyte cannot change the image of "
                f"a connector from {actual.get('dockerRepository')} to {wanted['dockerRepository']}. Give the new one another "
                "resource_name and folder"
            )
        for key in ("name", "dockerImageTag"):
            if actual.get(key) != wanted[key]:
                yield FieldChange(key, actual.get(key), wanted[key])

    def _refuse_moves(self, resource: Resource, wanted: Json, actual: Json) -> None:
        """Airbyte cannot move a resource to another definition, source or destination; making a new one is the user's choice."""
        for key in ("definitionId", "sourceId", "destinationId"):
            # None is a link that is yet to be made, so whatever the server has there is another one.
            if key in wanted and actual.get(key) not in (None, wanted[key]):
                raise ToolError(
                    f"{resource.path}:1: Airbyte's {resource.kind} {resource.name!r} belongs to another {key.removesuffix('Id')} "
                    f"({actual[key]}), and Airbyte cannot move it. Give this one another resource_name and folder, "
                    "or delete the old one in Airbyte"
                )


def label(resource: Resource, field_name: str) -> str:
    """What a fingerprint is bound to: the resource's place in the project and the field."""
    return f"{resource.kind}/{resource.folder.name}/{field_name}"


def manifest_mark(version: object, manifest: Json) -> str:
    """Tells whether the active version is the one that was uploaded, also when a server stores it in another form."""
    return f"{version}:{hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()}"


def _describe(manifest: object) -> str:
    if not isinstance(manifest, dict):
        return "none"
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()[:12]
    return f"version {manifest.get('version')}, {len(manifest.get('streams') or [])} streams, content {digest}"
