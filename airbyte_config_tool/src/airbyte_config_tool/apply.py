"""Carries out a plan, one resource at a time; what was done is recorded at once, so an interrupted run can be run again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Protocol

from airbyte_config_tool import desired, differ, fingerprint
from airbyte_config_tool import state as states
from airbyte_config_tool.api import CONNECTOR_SECONDS, Api, ApiError
from airbyte_config_tool.context import Context
from airbyte_config_tool.findings import ToolError, dotted, relative
from airbyte_config_tool.manifests import major
from airbyte_config_tool.plan import CREATE, ID_FIELDS, SAME, Change, Planner, Unmanaged, label, manifest_mark
from airbyte_config_tool.project import CONNECTION, DEFINITION, DESTINATION, FOLDERS, SOURCE, WORKSPACE, Resource
from airbyte_config_tool.specs import get_value
from airbyte_config_tool.yamlfile import merged

Json = dict[str, Any]
_DONE = ("succeeded", "failed", "cancelled")  # "incomplete" is an attempt that failed and will be retried


class Reporter(Protocol):
    """Where progress goes."""

    def say(self, text: str) -> None: ...

    def waiting(self, text: str) -> None:
        """A line that replaces the one before while something is awaited."""


class Applier:
    """Applies changes. Every method raises ToolError, naming the resource's file."""

    def __init__(self, context: Context, api: Api, planner: Planner, reporter: Reporter) -> None:
        self.context = context
        self.api = api
        self.planner = planner
        self.reporter = reporter

    def run(self, changes: list[Change]) -> None:
        """Carries out every change, then has Airbyte start each new or changed source before its connections are made."""
        touched: set[int] = set()
        for change in changes:
            if change.resource.kind == CONNECTION:
                source = change.resource.links[SOURCE]
                if change.action != SAME and id(source) in touched:
                    touched.discard(id(source))
                    self.check_source(source)
            if change.action == SAME:
                self._record_adopted(change)
                continue
            self.reporter.waiting(f"{change.action} {change.resource.kind} {change.resource.name}")
            self._one(change)
            self.reporter.say(f"{change.action}d {change.resource.kind} {change.resource.name}")
            touched.add(id(change.resource))
            if change.resource.kind == DEFINITION:
                touched |= {id(s) for s in self.context.project.of(SOURCE) if s.links.get(DEFINITION) is change.resource}
        for source in self.context.project.of(SOURCE):
            if id(source) in touched:
                self.check_source(source)

    def pause(self, connection: Unmanaged) -> None:
        """Pauses a connection that is not in the project. What it made stays, and so does everything else of it."""
        self.api.call("PATCH", f"/connections/{connection.resource_id}", {"status": "inactive"})
        self.reporter.say(f"paused connection {connection.name}")

    def check_source(self, source: Resource) -> None:
        """Has Airbyte start the connector and ask it for its streams: the nearest thing to a test that the public API has."""
        self.reporter.waiting(f"Airbyte starts source {source.name} and asks it for its streams")
        query: Json = {"sourceId": self.planner.ids[id(source)], "ignoreCache": "true"}
        offered = self._guard(source, lambda: self.api.call("GET", "/streams", query=query, read_seconds=CONNECTOR_SECONDS))
        self.reporter.say(f"source {source.name} offers {len(offered)} streams on Airbyte")

    def sync(
        self, connection: Resource, timeout_seconds: float, poll_seconds: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Runs one sync and waits for its end. Joins a sync that already runs. Raises ToolError unless it succeeds in time."""
        connection_id = self.planner.ids[id(connection)]

        def running() -> Json | None:
            query = {"connectionId": connection_id, "jobType": "sync", "limit": 20, "orderBy": "createdAt|DESC"}
            jobs = self.api.call("GET", "/jobs", query=query).get("data") or []
            return next((job for job in jobs if job.get("status") not in _DONE), None)

        def start() -> Json:
            found = running()
            return found or self.api.create("/jobs", {"connectionId": connection_id, "jobType": "sync"}, running)

        job = self._guard(connection, start)
        began = clock()
        while job["status"] not in _DONE:
            rows = f", {job['rowsSynced']} rows" if job.get("rowsSynced") else ""
            self.reporter.waiting(f"sync of {connection.name}: {job['status']}{rows}, {int(clock() - began)} s")
            if clock() - began > timeout_seconds:
                raise ToolError(
                    f"the sync of {connection.name} (job {job['jobId']}) still runs after {int(timeout_seconds)} seconds. "
                    "It goes on in Airbyte; look there, or run the command again with a longer --timeout"
                )
            self.api.pause(poll_seconds)
            job = self._guard(connection, lambda job=job: self.api.call("GET", f"/jobs/{job['jobId']}"))  # type: ignore[misc]
        if job["status"] != "succeeded":
            raise ToolError(
                f"the sync of {connection.name} (job {job['jobId']}) ended as {job['status']}: open its log in Airbyte"
            )
        self.reporter.say(f"sync of {connection.name} succeeded: {job.get('rowsSynced') or 0} rows")

    # -- one resource ----------------------------------------------------------------------------------------------

    def _one(self, change: Change) -> None:
        resource = change.resource
        wanted = desired.body(self.context, resource, self.planner.ids, self.api.workspace_id)
        answer = self._guard(resource, lambda: self._send(change, wanted))
        resource_id = str(answer[ID_FIELDS[resource.kind]])
        self.planner.ids[id(resource)] = resource_id
        if resource.kind != WORKSPACE:
            self._record(resource, resource_id, answer, wanted)

    def _send(self, change: Change, wanted: Json) -> Json:
        resource, ident = change.resource, change.resource_id
        if resource.kind == WORKSPACE:
            wanted = merged({"notifications": change.actual.get("notifications") or {}}, wanted)
            return dict(self.api.call("PATCH", f"/workspaces/{ident}", wanted))
        if resource.kind == DEFINITION:
            kind = "declarative_sources" if desired.is_manifest(resource) else "sources"
            path, seconds = f"/workspaces/{self.api.workspace_id}/definitions/{kind}", CONNECTOR_SECONDS
            method = "PUT"
            keys = {"manifest"} if desired.is_manifest(resource) else {"name", "dockerImageTag"}
        else:
            path, seconds = f"/{FOLDERS[resource.kind]}", CONNECTOR_SECONDS if resource.kind == CONNECTION else 120
            method = "PATCH" if resource.kind == CONNECTION else "PUT"
            keys = wanted.keys() - {"workspaceId", "definitionId", "sourceId", "destinationId"}
        if change.action == CREATE:
            # A crash, or a lost answer, may have left the resource behind: a look precedes every retried POST.
            return self.api.create(path, wanted, lambda: self.planner.find(resource, None, fresh=True), seconds)
        if resource.kind == CONNECTION:
            # A schedule is sent only when it changes: a basic one, or one of another zone, would come out as cron in UTC.
            keys -= {"dataResidency"} | ({"schedule"} - {field.field for field in change.fields})
            differ.keep_unsaid(wanted, change.actual)
        answer = self.api.call(method, f"{path}/{ident}", {key: wanted[key] for key in keys}, read_seconds=seconds)
        return dict(answer)

    def _record(self, resource: Resource, resource_id: str, answer: Json, wanted: Json) -> None:
        state = states.State(resource_id)
        if resource.kind == DEFINITION and desired.is_manifest(resource):
            state.manifest = manifest_mark(answer.get("version"), wanted["manifest"])
        if resource.kind in (SOURCE, DESTINATION):
            key = self.context.variables.get(fingerprint.KEY_VARIABLE)
            for path, value in differ.flatten(answer.get("configuration") or {}).items():
                ours = get_value(wanted["configuration"], path)
                if differ.is_masked(value) and ours is not None:
                    name = dotted(("configuration", *path))
                    state.secrets[name] = (
                        states.IMPORTED if differ.is_masked(ours) else fingerprint.make(str(ours), label(resource, name), key)
                    )
        states.save(resource, self.api.workspace_id, state)

    def _record_adopted(self, change: Change) -> None:
        """Records what an unchanged resource brings: the id of one found by name, fingerprints of imported secrets since set."""
        if not change.resource_id or change.resource.kind == WORKSPACE:
            return
        state = (
            change.state if change.state and change.state.resource_id == change.resource_id else states.State(change.resource_id)
        )
        resolved = self.context.resolved(change.resource)
        key = self.context.variables.get(fingerprint.KEY_VARIABLE)
        seen = {
            name: fingerprint.make(value, label(change.resource, name), key)
            for path, value in resolved.secrets.items()
            if path not in resolved.taken_over and state.secrets.get(name := dotted(("configuration", *path))) == states.IMPORTED
        }
        if seen or state is not change.state:
            state.secrets.update(seen)
            states.save(change.resource, self.api.workspace_id, state)

    def _guard(self, resource: Resource, step: Callable[[], Any]) -> Any:
        """Puts the file's name before an error, and what is known about it behind."""
        try:
            return step()
        except ApiError as error:
            hint = ""
            if resource.kind == DEFINITION and desired.is_manifest(resource) and error.status in (400, 404, 409, 500):
                number = major(self.context.manifest(resource))
                hint = (
                    f" If Airbyte says no more than this, it may not know CDK major {number} of the manifest: "
                    "a new server learns the majors within ten minutes if it reaches Docker's registry, and never otherwise"
                )
            elif resource.kind in (SOURCE, DESTINATION) and error.status == 422:
                hint = " Compare the field with the spec of the connector version that the server runs"
            where = relative(resource.path, self.context.root)
            raise ToolError(f"{where}: {resource.kind} {resource.name}: {error}{hint}") from None
