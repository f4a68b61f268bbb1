"""The plan: for each resource, what the server has, what the project wants, and what would change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from airbyte_config_tool import desired, differ, fingerprint, schedule
from airbyte_config_tool import state as states
from airbyte_config_tool.api import Api
from airbyte_config_tool.context import Context
from airbyte_config_tool.differ import FieldChange
from airbyte_config_tool.findings import FieldPath, ToolError, dotted, relative
from airbyte_config_tool.masking import MASK
from airbyte_config_tool.project import CONNECTION, DEFINITION, DESTINATION, FOLDERS, SOURCE, WORKSPACE, Resource
from airbyte_config_tool.specs import get_value, without_nulls

Json = dict[str, Any]
CREATE, UPDATE, SAME = "create", "update", "unchanged"
MANIFESTS, IMAGES = "declarative_sources", "sources of images"
ID_FIELDS = {
    DEFINITION: "id",
    SOURCE: "sourceId",
    DESTINATION: "destinationId",
    CONNECTION: "connectionId",
    WORKSPACE: "workspaceId",
}


@dataclass
class Change:
    """One resource's step. `resource_id` is None for one to create."""

    resource: Resource
    action: str
    resource_id: str | None
    state: states.State | None
    fields: list[FieldChange] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    actual: Json = field(default_factory=dict, repr=False)

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


@dataclass(frozen=True)
class Unmanaged:
    """What the workspace has and the project has not. `runs` is True for a connection that is not paused."""

    kind: str
    resource_id: str
    name: str
    item: Json = field(repr=False)

    @property
    def runs(self) -> bool:
        return self.kind == CONNECTION and self.item.get("status") == "active"

    def as_json(self) -> dict[str, object]:
        return {"kind": self.kind, "name": self.name, "resource_id": self.resource_id, "runs": self.runs}


class Planner:
    """Makes the plan. Only reads from the server."""

    def __init__(self, context: Context, api: Api) -> None:
        self.context = context
        self.api = api
        self.ids: dict[int, str] = {}
        self._listed: dict[str, list[Json]] = {}

    def plan(self) -> list[Change]:
        """Every resource's step, in the order in which they must be carried out. Raises ToolError."""
        changes = [self.change(resource) for kind in FOLDERS for resource in self.context.project.of(kind)]
        return changes + [
            self._workspace_change(resource) for resource in self.context.project.of(WORKSPACE) if resource.configuration
        ]

    def change(self, resource: Resource) -> Change:
        """The step for one resource. Those it links to must have been planned before."""
        state = states.load(resource, self.api.workspace_id)
        actual = self.find(resource, state)
        if actual is None:
            if self.context.resolved(resource).taken_over:
                field_name = dotted(("configuration", *min(self.context.resolved(resource).taken_over, key=str)))
                raise ToolError(
                    f"{relative(resource.path, self.context.root)}: {resource.kind} {resource.name!r} is no longer on the "
                    f"server, and {field_name} was never seen here: set its variable, and it is made again"
                )
            change = Change(resource, CREATE, None, state, list(self._creation(resource)))
            if state is not None:
                change.notes.append(f"{state.resource_id}, which was applied before, is no longer on the server")
            return change
        resource_id = str(actual[ID_FIELDS[resource.kind]])
        self.ids[id(resource)] = resource_id
        change = Change(resource, SAME, resource_id, state, actual=actual)
        if state is None or state.resource_id != resource_id:
            change.notes.append(f"found by its name, as {resource_id}")
        change.fields = list(self._differences(resource, actual, state, change.notes))
        change.action = UPDATE if change.fields else SAME
        return change

    def locate(self) -> None:
        """Finds out which resources the server has, and nothing else about them."""
        for resource in (resource for kind in FOLDERS for resource in self.context.project.of(kind)):
            actual = self.find(resource, states.load(resource, self.api.workspace_id))
            if actual is not None:
                self.ids[id(resource)] = str(actual[ID_FIELDS[resource.kind]])

    def workspace(self) -> Json:
        """The workspace itself."""
        return dict(self.api.call("GET", f"/workspaces/{self.api.workspace_id}"))

    def _workspace_change(self, resource: Resource) -> Change:
        """The step for workspace.yaml. Only what it states is compared."""
        actual, resolved = self.workspace(), self.context.resolved(resource)
        theirs = {"notifications": desired.notifications_from_api(actual.get("notifications") or {})}
        change = Change(resource, SAME, self.api.workspace_id, None, actual=actual)
        for path, value in differ.flatten(without_nulls(resolved.configuration)).items():
            before = get_value(theirs, path)
            if before != value:
                shown = (MASK, MASK) if resolved.hidden(path) else (before, value)
                change.fields.append(FieldChange(dotted(("configuration", *path)), *shown))
        change.action = UPDATE if change.fields else SAME
        return change

    def unmanaged(self) -> list[Unmanaged]:
        """Sources, destinations and connections that no resource of the project stands for. `plan` or `locate` come first."""
        ours = set(self.ids.values())
        return [
            Unmanaged(kind, str(item[ID_FIELDS[kind]]), str(item.get("name")), item)
            for kind in (SOURCE, DESTINATION, CONNECTION)
            for item in self.listed(kind)
            if item[ID_FIELDS[kind]] not in ours and item.get("status") != "deprecated"
        ]

    def running(self, name: str) -> Unmanaged:
        """The one active connection outside the project that has this name or id. Raises ToolError."""
        mine = next((r for r in self.context.project.of(CONNECTION) if name in (r.name, self.ids.get(id(r)))), None)
        if mine is not None:
            raise ToolError(f"{name} is in this project: to pause it, write `status: inactive` into {mine.path}")
        there = [one for one in self.unmanaged() if one.runs]
        found = [one for one in there if name in (one.name, one.resource_id)]
        if len(found) != 1:
            listed = ", ".join(f"{one.name} ({one.resource_id})" for one in found or there) or "none"
            what = f"{len(found)} connections are named {name!r}, give the id of one" if found else f"no connection {name!r}"
            raise ToolError(f"{what}; outside this project run: {listed}")
        return found[0]

    def find(self, resource: Resource, state: states.State | None, fresh: bool = False) -> Json | None:
        """The resource on the server: by the recorded id, else by name. Raises ToolError when several have the name."""
        listed = self.listed(_list_of(resource), fresh)
        key = ID_FIELDS[resource.kind]
        if state is not None:
            for item in listed:
                if item.get(key) == state.resource_id:
                    return item
        named = [item for item in listed if item.get("name") == resource.name]
        definition = desired.definition_id(resource, self.ids) if resource.kind in (SOURCE, DESTINATION) else None
        if definition:
            named = [item for item in named if item.get("definitionId") == definition]
        if len(named) > 1:
            found = ", ".join(str(item[key]) for item in named)
            raise ToolError(
                f"{resource.where(('resource_name',))}: Airbyte has {len(named)} {resource.kind}s named "
                f"{resource.name!r} ({found}). Rename the others there, or write `resource_id:` and `workspace_id:` of the "
                f"right one into {states.state_path(resource, self.api.workspace_id)}"
            )
        return named[0] if named else None

    # -- reading the server ----------------------------------------------------------------------------------------

    def listed(self, key: str, fresh: bool = False) -> list[Json]:
        """What the server has of a kind; of definitions, MANIFESTS or IMAGES."""
        if fresh or key not in self._listed:
            if key in FOLDERS:
                self._listed[key] = list(self.api.list_all(f"/{FOLDERS[key]}"))
            else:
                self._listed[key] = self.api.list_definitions("sources" if key == IMAGES else key)
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
            yield from self._connection(resource, wanted, {})
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
            yield from self._connection(resource, wanted, actual)
            return
        if actual.get("name") != wanted["name"]:
            yield FieldChange("name", actual.get("name"), wanted["name"])
        key = self.context.variables.get(fingerprint.KEY_VARIABLE)
        taken_over: list[str] = []

        def unchanged(path: FieldPath, value: str) -> bool | None:
            field_name = dotted(("configuration", *path))
            recorded = state.secrets.get(field_name) if state else None
            if recorded == states.IMPORTED:
                taken_over.append(field_name)
                return True
            return None if recorded is None else fingerprint.matches(recorded, value, label(resource, field_name), key)

        # `sourceType` and `destinationType` choose the definition when a resource is made; the server keeps them elsewhere.
        ours = {name: value for name, value in wanted["configuration"].items() if name != f"{resource.kind}Type"}
        theirs = actual.get("configuration") or {}
        spec = self.context.spec(resource)
        yield from differ.configurations(ours, theirs, spec, self.context.resolved(resource).hidden, unchanged)
        if taken_over:
            notes.append(f"as Airbyte had it when it was imported, not compared: {', '.join(taken_over)}")

    def _connection(self, resource: Resource, wanted: Json, actual: Json) -> Iterable[FieldChange]:
        zone = schedule.zone(self.context.resolved(resource).configuration)
        for change in differ.connections(wanted, actual):
            if zone and change.field == "schedule":
                place = resource.where(("configuration", "schedule_data", "cron", "cron_time_zone"))
                raise ToolError(f"{place}: {'. '.join(schedule.zone_fault(zone))}")
            yield change

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
            raise ToolError(
                f"{resource.where(('configuration', 'docker_repository'))}: Airbyte cannot change the image of "
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


def _list_of(resource: Resource) -> str:
    if resource.kind != DEFINITION:
        return resource.kind
    return MANIFESTS if desired.is_manifest(resource) else IMAGES


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
