"""A stand-in of Airbyte's public API on loopback: real HTTP, state in memory, answers held against `contract.py`.

It behaves as the platform does where that matters to a client: secrets come back masked and a mask sent in keeps the stored
secret; manifests need a CDK major from a table; only `connection_specification` is copied to camelCase; configurations are
validated against the stored spec; custom sources have an empty `sourceType`; the zone is appended to a cron expression; keys
and cursors that the source defines appear in what is read back; application tokens expire.
"""

from __future__ import annotations

import copy
import json
import re
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, TypeVar, cast
from urllib.parse import parse_qs, urlsplit

import jsonschema

from config_tool_support import contract

Json = dict[str, Any]
Key = TypeVar("Key")
Value = TypeVar("Value")
BASE = "/api/public/v1"
MASK = "**********"
WORKSPACE = "9d2a7e0c-5c1b-4a3e-9f0e-2f6f6f1f3a10"
POSTGRES = "25c5221d-dce2-4163-ade9-739ef790f503"
CLIENT_ID, CLIENT_SECRET = "app-client-id", "app-client-secret-3f9a7c"

_PROBLEMS = {
    400: "bad-request",
    401: "invalid-api-key",
    403: "forbidden",
    404: "resource-not-found",
    409: "state-conflict",
    422: "unprocessable-entity",
    429: "too-many-requests",
    500: "unexpected-problem",
    503: "unavailable",
}
_PAIRS = {
    ("full_refresh", "overwrite"): "full_refresh_overwrite",
    ("full_refresh", "append"): "full_refresh_append",
    ("full_refresh", "overwrite_dedup"): "full_refresh_overwrite_deduped",
    ("incremental", "append"): "incremental_append",
    ("incremental", "append_dedup"): "incremental_deduped_history",
}


class Problem(Exception):  # noqa: N818  named as the platform names it
    """An error answer."""

    def __init__(self, status: int, message: str, title: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.title = status, message, title or _PROBLEMS[status]

    def body(self) -> Json:
        return {
            "status": self.status,
            "type": f"https://reference.airbyte.com/reference/errors#{self.title}",
            "title": self.title,
            "detail": "The request could not be carried out",
            "documentationUrl": None,
            "data": {"message": self.message},
        }


@dataclass
class Fault:
    """What goes wrong with the next `times` requests that match. `after`: only once the work is done.

    `status` answers with a problem, `drop` breaks the connection, `kill` is called (to kill the client, say).
    """

    method: str
    path: str
    status: int = 0
    times: int = 1
    after: bool = False
    drop: bool = False
    kill: Callable[[], None] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    message: str = "made to fail"


@dataclass
class Definition:
    """A connector definition. `catalog` is what its discover answers."""

    id: str
    name: str
    spec: Json
    catalog: list[Json]
    manifests: list[Json] = field(default_factory=list)
    platform_spec: Json = field(default_factory=dict)
    image: tuple[str, str] = ("", "")
    documentation_url: str | None = None


class Standin:
    """The server and its state. Use as a context manager."""

    def __init__(self, catalog: list[Json], postgres_spec: Json) -> None:
        self.catalog = catalog
        self.majors = {0, 1, 2, 3, 4, 7}
        self.images: dict[tuple[str, str], Json] = {}
        self.is_cloud = False
        self.page_cap = 100
        self.token_seconds = 900
        self.faults: list[Fault] = []
        self.log: list[tuple[str, str, int]] = []
        self.bodies: list[Json] = []
        self.contract_faults: list[str] = []
        self.sources: dict[str, Json] = {}
        self.destinations: dict[str, Json] = {}
        self.connections: dict[str, Json] = {}
        self.notifications: Json = {"failure": {"email": {"enabled": True}, "webhook": {"enabled": False, "url": None}}}
        self.jobs: dict[int, Json] = {}
        self.job_looks: Counter[int] = Counter()
        self.discovered: Counter[str] = Counter()  # how often a connector was started for its streams, by source
        self.job_statuses = ["pending", "running", "running", "succeeded"]
        self.declarative: dict[str, Definition] = {}
        self.docker: dict[str, Definition] = {}
        self.tokens: dict[str, float] = {}
        self.destination_definitions = {POSTGRES: Definition(POSTGRES, "Postgres", postgres_spec, [])}
        self.destination_modes = ["overwrite", "append", "append_dedup"]
        self._lock = threading.RLock()
        handler = cast("type[BaseHTTPRequestHandler]", type("Handler", (_Handler,), {"standin": self}))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Standin:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._server.shutdown()
        self._server.server_close()

    def calls(self, method: str, path: str = "") -> list[tuple[str, str, int]]:
        """The logged calls of a method whose path begins so."""
        return [call for call in self.log if call[0] == method and call[1].startswith(path)]

    def writes(self) -> list[tuple[str, str, int]]:
        """Every logged call that can change something, tokens aside."""
        return [call for call in self.log if call[0] != "GET" and call[1] != "/applications/token"]

    # -- one request -----------------------------------------------------------------------------------------------

    def fault_for(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self.faults:
                if fault.times and fault.method == method and re.fullmatch(fault.path, path):
                    fault.times -= 1
                    return fault
        return None

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Json, authorization: str) -> object:
        """The answer to a request, or a raised Problem."""
        with self._lock:
            if path == "/applications/token" and method == "POST":
                return self._token(body)
            if self.tokens.get(authorization.removeprefix("Bearer "), 0.0) < time.monotonic():
                raise Problem(401, "The API key in the Authorization header is invalid.")
            for pattern, operation in _ROUTES:
                match = re.fullmatch(pattern, f"{method} {path}")
                if match:
                    return operation(self, query, body, *match.groups())
        raise Problem(404, f"no route {method} {path}")

    def _token(self, body: Json) -> Json:
        if not str(body.get("client_id")).startswith(CLIENT_ID) or body.get("client_secret") != CLIENT_SECRET:
            raise Problem(401, "Invalid client credentials")
        token = f"token-{uuid.uuid4().hex}"
        self.tokens[token] = time.monotonic() + self.token_seconds
        return {"access_token": token, "token_type": "Bearer", "expires_in": self.token_seconds}

    # -- definitions -----------------------------------------------------------------------------------------------

    def _workspace(self, ident: str) -> None:
        if ident != WORKSPACE:
            raise Problem(403, f"no access to workspace {ident}")

    def list_declarative(self, query: dict[str, list[str]], body: Json, workspace: str) -> Json:
        self._workspace(workspace)
        return {"data": [_show_declarative(d) for d in self.declarative.values()]}

    def create_declarative(self, query: dict[str, list[str]], body: Json, workspace: str) -> Json:
        self._workspace(workspace)
        definition = Definition(str(uuid.uuid4()), body["name"], {}, self.catalog)
        self._add_manifest(definition, body["manifest"])
        self.declarative[definition.id] = definition
        return _show_declarative(definition)

    def get_declarative(self, query: dict[str, list[str]], body: Json, workspace: str, ident: str) -> Json:
        self._workspace(workspace)
        return _show_declarative(_find(self.declarative, ident))

    def update_declarative(self, query: dict[str, list[str]], body: Json, workspace: str, ident: str) -> Json:
        self._workspace(workspace)
        definition = _find(self.declarative, ident)
        self._add_manifest(definition, body["manifest"])
        return _show_declarative(definition)

    def _add_manifest(self, definition: Definition, manifest: Json) -> None:
        try:
            spec = copy.deepcopy(manifest["spec"])
            spec["connectionSpecification"] = spec["connection_specification"]
            _ = spec["connectionSpecification"]["properties"]
            major = int(str(manifest["version"]).split(".")[0])
        except (KeyError, TypeError):
            raise Problem(500, "An unexpected problem has occurred.") from None
        if major not in self.majors:
            raise Problem(409, "Could not fulfill request")
        definition.spec = spec["connectionSpecification"]
        definition.platform_spec = {k: spec.get(k) for k in ("connectionSpecification", "documentationUrl", "advancedAuth")}
        definition.manifests.append(manifest)

    def list_docker(self, query: dict[str, list[str]], body: Json, workspace: str) -> Json:
        self._workspace(workspace)
        return {"data": [_show_docker(d) for d in self.docker.values()]}

    def create_docker(self, query: dict[str, list[str]], body: Json, workspace: str) -> Json:
        self._workspace(workspace)
        if self.is_cloud:
            raise Problem(400, "Non-declarative definitions cannot be created or updated in Airbyte Cloud.")
        image = (body["dockerRepository"], body["dockerImageTag"])
        definition = Definition(
            str(uuid.uuid4()),
            body["name"],
            self._image_spec(image),
            self.catalog,
            image=image,
            documentation_url=body.get("documentationUrl"),
        )
        self.docker[definition.id] = definition
        return _show_docker(definition)

    def get_docker(self, query: dict[str, list[str]], body: Json, workspace: str, ident: str) -> Json:
        self._workspace(workspace)
        return _show_docker(_find(self.docker, ident))

    def update_docker(self, query: dict[str, list[str]], body: Json, workspace: str, ident: str) -> Json:
        self._workspace(workspace)
        definition = _find(self.docker, ident)
        image = (definition.image[0], body["dockerImageTag"])
        definition.spec, definition.image, definition.name = self._image_spec(image), image, body["name"]
        return _show_docker(definition)

    def _image_spec(self, image: tuple[str, str]) -> Json:
        if image not in self.images:
            raise Problem(500, f"Get Spec job failed for {image[0]}:{image[1]}")
        return self.images[image]

    def get_workspace(self, query: dict[str, list[str]], body: Json, ident: str) -> Json:
        self._workspace(ident)
        return {"workspaceId": ident, "name": "Default", "dataResidency": "auto", "notifications": self.notifications}

    def patch_workspace(self, query: dict[str, list[str]], body: Json, ident: str) -> Json:
        self.notifications = body.get("notifications", self.notifications)
        return self.get_workspace(query, body, ident)

    # -- sources and destinations ----------------------------------------------------------------------------------

    def _definition_of(self, kind: str, ident: str) -> Definition:
        known = self.destination_definitions if kind == "destination" else {**self.declarative, **self.docker}
        return _find(known, ident)

    def list_actors(self, query: dict[str, list[str]], body: Json, kinds: str) -> Json:
        kind = kinds[:-1]
        store = self._store(kind)
        return self._page(kinds, query, [self._show_actor(kind, a) for a in store.values()])

    def create_actor(self, query: dict[str, list[str]], body: Json, kinds: str) -> Json:
        kind = kinds[:-1]
        self._workspace(body["workspaceId"])
        configuration = dict(body["configuration"])
        stated = configuration.pop(f"{kind}Type", None)
        ident = body.get("definitionId") or (POSTGRES if stated == "postgres" else None)
        if ident is None:
            raise Problem(422 if stated is None else 400, "The submitted value could not be found.")
        definition = self._definition_of(kind, ident)
        self._validate(definition, configuration)
        actor = {
            f"{kind}Id": str(uuid.uuid4()),
            "name": body["name"],
            "definitionId": definition.id,
            "workspaceId": body["workspaceId"],
            "configuration": configuration,
            "createdAt": int(time.time()),
        }
        self._store(kind)[actor[f"{kind}Id"]] = actor
        return self._show_actor(kind, actor)

    def get_actor(self, query: dict[str, list[str]], body: Json, kinds: str, ident: str) -> Json:
        return self._show_actor(kinds[:-1], _find(self._store(kinds[:-1]), ident))

    def put_actor(self, query: dict[str, list[str]], body: Json, kinds: str, ident: str) -> Json:
        kind = kinds[:-1]
        actor = _find(self._store(kind), ident)
        definition = self._definition_of(kind, actor["definitionId"])
        configuration = dict(body["configuration"])
        configuration.pop(f"{kind}Type", None)
        configuration = _keep_masked(configuration, actor["configuration"])
        self._validate(definition, configuration)
        actor.update(name=body["name"], configuration=configuration)
        return self._show_actor(kind, actor)

    def _store(self, kind: str) -> dict[str, Json]:
        return self.sources if kind == "source" else self.destinations

    def _validate(self, definition: Definition, configuration: Json) -> None:
        errors = list(jsonschema.Draft7Validator(definition.spec).iter_errors(configuration))
        if errors:
            # The platform quotes the value, so a client must not trust this text to be free of secrets.
            raise Problem(422, f"json schema validation failed when comparing the data: {errors[0].message}")

    def _show_actor(self, kind: str, actor: Json) -> Json:
        definition = self._definition_of(kind, actor["definitionId"])
        shown = {**actor, "configuration": _mask(actor["configuration"], definition.spec)}
        shown[f"{kind}Type"] = "postgres" if definition.id == POSTGRES else ""
        return shown

    # -- streams, connections, jobs --------------------------------------------------------------------------------

    def streams(self, query: dict[str, list[str]], body: Json) -> list[Json]:
        source = _find(self.sources, query["sourceId"][0])
        if query.get("ignoreCache") == ["true"] or source["sourceId"] not in self.discovered:
            self.discovered[source["sourceId"]] += 1
        return [
            {
                "streamName": s["name"],
                "streamnamespace": s.get("namespace"),
                "syncModes": None,
                "defaultCursorField": s.get("default_cursor_field"),
                "sourceDefinedCursorField": bool(s.get("source_defined_cursor")),
                "sourceDefinedPrimaryKey": s.get("source_defined_primary_key"),
                "propertyFields": [[name] for name in s["json_schema"].get("properties", {})],
            }
            for s in self._definition_of("source", source["definitionId"]).catalog
        ]

    def list_connections(self, query: dict[str, list[str]], body: Json) -> Json:
        return self._page("connections", query, list(self.connections.values()))

    def get_connection(self, query: dict[str, list[str]], body: Json, ident: str) -> Json:
        return _find(self.connections, ident)

    def create_connection(self, query: dict[str, list[str]], body: Json) -> Json:
        source = _find(self.sources, body["sourceId"])
        _find(self.destinations, body["destinationId"])
        connection = {
            "connectionId": str(uuid.uuid4()),
            "name": body.get("name") or "unnamed",
            "sourceId": body["sourceId"],
            "destinationId": body["destinationId"],
            "workspaceId": source["workspaceId"],
            "status": body.get("status", "active"),
            "schedule": _schedule(body.get("schedule") or {"scheduleType": "manual"}),
            "nonBreakingSchemaUpdatesBehavior": body.get("nonBreakingSchemaUpdatesBehavior", "ignore"),
            "namespaceDefinition": body.get("namespaceDefinition", "destination"),
            "namespaceFormat": body.get("namespaceFormat"),
            "prefix": body.get("prefix", ""),
            "configurations": {"streams": self._configured(source, body.get("configurations") or {})},
            "createdAt": int(time.time()),
            "tags": [],
        }
        self.connections[connection["connectionId"]] = connection
        return connection

    def patch_connection(self, query: dict[str, list[str]], body: Json, ident: str) -> Json:
        connection = _find(self.connections, ident)
        if connection["status"] == "locked":
            raise Problem(409, "The connection is locked and cannot be modified.")
        for key in ("name", "status", "nonBreakingSchemaUpdatesBehavior", "namespaceDefinition", "namespaceFormat", "prefix"):
            if body.get(key) is not None:
                connection[key] = body[key]
        if body.get("schedule"):
            connection["schedule"] = _schedule(body["schedule"])
        if (body.get("configurations") or {}).get("streams"):
            connection["configurations"] = {
                "streams": self._configured(self.sources[connection["sourceId"]], body["configurations"])
            }
        return connection

    def _configured(self, source: Json, configurations: Json) -> list[Json]:
        offered = {s["name"]: s for s in self._definition_of("source", source["definitionId"]).catalog}
        wanted = configurations.get("streams") or [{"name": name} for name in offered]
        return [self._configured_stream(offered, stream) for stream in wanted]

    def _configured_stream(self, offered: dict[str, Json], stream: Json) -> Json:
        name = stream["name"]
        if name not in offered:
            raise Problem(400, f"No streams found with name [{name}] and namespace [{stream.get('namespace')}].")
        offer = offered[name]
        mode = stream.get("syncMode") or "full_refresh_overwrite"
        valid = {_PAIRS.get((s, d)) for s in offer["supported_sync_modes"] for d in self.destination_modes}
        if mode not in valid:
            raise Problem(400, f"Cannot set sync mode to {mode} for stream {name}.")
        cursor = offer.get("default_cursor_field") if offer.get("source_defined_cursor") else stream.get("cursorField")
        if mode.startswith("incremental") and offer.get("source_defined_cursor"):
            if stream.get("cursorField") not in (None, [], offer.get("default_cursor_field")):
                raise Problem(400, f"Cursor Field {stream['cursorField']} is already defined by source for stream: {name}.")
        key = offer.get("source_defined_primary_key") or stream.get("primaryKey")
        if "dedup" in mode and not key:
            raise Problem(400, f"No default primary key for stream: {name}.")
        return {
            "name": name,
            "namespace": offer.get("namespace"),
            "syncMode": mode,
            "cursorField": cursor or [],
            "primaryKey": key or [],
            "selectedFields": stream.get("selectedFields"),
            "mappers": stream.get("mappers") or [],
            "includeFiles": None,
            "destinationObjectName": None,
        }

    def create_job(self, query: dict[str, list[str]], body: Json) -> Json:
        _find(self.connections, body["connectionId"])
        if any(j["connectionId"] == body["connectionId"] and j["status"] in ("pending", "running") for j in self.jobs.values()):
            raise Problem(409, "A sync is already running", "try-again-later")
        job = {
            "jobId": 100 + len(self.jobs),
            "status": self.job_statuses[0],
            "jobType": body["jobType"],
            "startTime": "2026-01-31T09:30:00Z",
            "connectionId": body["connectionId"],
        }
        self.jobs[job["jobId"]] = job
        return dict(job)

    def list_jobs(self, query: dict[str, list[str]], body: Json) -> Json:
        wanted = query.get("connectionId", [""])[0]
        return {"data": [dict(j) for j in self.jobs.values() if j["connectionId"] == wanted]}

    def get_job(self, query: dict[str, list[str]], body: Json, ident: str) -> Json:
        job = _find(self.jobs, int(ident))
        self.job_looks[job["jobId"]] += 1
        job["status"] = self.job_statuses[min(self.job_looks[job["jobId"]], len(self.job_statuses) - 1)]
        if job["status"] == "succeeded":
            job.update(rowsSynced=42, bytesSynced=4200, lastUpdatedAt="2026-01-31T09:31:00Z", duration="PT1M")
        return dict(job)

    def _page(self, kinds: str, query: dict[str, list[str]], items: list[Json]) -> Json:
        for ident in query.get("workspaceIds", [WORKSPACE]):
            self._workspace(ident)
        limit = min(int(query.get("limit", ["20"])[0]), self.page_cap)
        offset = int(query.get("offset", ["0"])[0])
        page = items[offset : offset + limit]
        following = f"{self.url}{BASE}/{kinds}?limit={limit}&offset={offset + limit}" if page else ""
        return {"previous": "", "next": following, "data": page}


_ROUTES: list[tuple[str, Callable[..., object]]] = [
    (r"GET /workspaces/([^/]+)", Standin.get_workspace),
    (r"PATCH /workspaces/([^/]+)", Standin.patch_workspace),
    (r"GET /workspaces/([^/]+)/definitions/declarative_sources", Standin.list_declarative),
    (r"POST /workspaces/([^/]+)/definitions/declarative_sources", Standin.create_declarative),
    (r"GET /workspaces/([^/]+)/definitions/declarative_sources/([^/]+)", Standin.get_declarative),
    (r"PUT /workspaces/([^/]+)/definitions/declarative_sources/([^/]+)", Standin.update_declarative),
    (r"GET /workspaces/([^/]+)/definitions/sources", Standin.list_docker),
    (r"POST /workspaces/([^/]+)/definitions/sources", Standin.create_docker),
    (r"GET /workspaces/([^/]+)/definitions/sources/([^/]+)", Standin.get_docker),
    (r"PUT /workspaces/([^/]+)/definitions/sources/([^/]+)", Standin.update_docker),
    (r"GET /(sources|destinations)", Standin.list_actors),
    (r"POST /(sources|destinations)", Standin.create_actor),
    (r"GET /(sources|destinations)/([^/]+)", Standin.get_actor),
    (r"PUT /(sources|destinations)/([^/]+)", Standin.put_actor),
    (r"GET /streams", Standin.streams),
    (r"GET /connections", Standin.list_connections),
    (r"POST /connections", Standin.create_connection),
    (r"GET /connections/([^/]+)", Standin.get_connection),
    (r"PATCH /connections/([^/]+)", Standin.patch_connection),
    (r"GET /jobs", Standin.list_jobs),
    (r"POST /jobs", Standin.create_job),
    (r"GET /jobs/([^/]+)", Standin.get_job),
]


class _Handler(BaseHTTPRequestHandler):
    standin: Standin
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: object) -> None:
        """Silence: tests read `Standin.log`."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if not parts.path.startswith(BASE):
            self._send(200, "<!doctype html><title>Airbyte</title>", {}, html=True)
            return
        path = parts.path.removeprefix(BASE)
        body = self._body(raw)
        fault = self.standin.fault_for(self.command, path)
        if fault and not fault.after:
            self._break(fault, path)
            return
        if self.command != "GET":
            self.standin.bodies.append(body)
            self._note("request", path, contract.request_faults(self.command, path, body))
        status, answer = 200, None
        try:
            answer = self.standin.answer(self.command, path, parse_qs(parts.query), body, self.headers.get("Authorization") or "")
        except Problem as problem:
            status, answer = problem.status, problem.body()
        self._note("answer", path, contract.response_faults(self.command, path, status, answer))
        if fault:
            self._break(fault, path)
            return
        self.standin.log.append((self.command, path, status))
        self._send(status, json.dumps(answer), {})

    do_GET = do_POST = do_PUT = do_PATCH = _serve  # noqa: N815

    def _body(self, raw: bytes) -> Json:
        """JSON, or the form in which Airbyte's own SDK asks for a token."""
        if self.headers.get_content_type() == "application/x-www-form-urlencoded":
            return {key: values[0] for key, values in parse_qs(raw.decode()).items()}
        body: Json = json.loads(raw) if raw else {}
        return body

    def _note(self, what: str, path: str, faults: list[str]) -> None:
        self.standin.contract_faults += [f"{what} {self.command} {path}: {fault}" for fault in faults]

    def _break(self, fault: Fault, path: str) -> None:
        self.standin.log.append((self.command, path, fault.status))
        if fault.kill is not None:
            fault.kill()
        if fault.drop or fault.kill is not None:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        problem = Problem(fault.status, fault.message, _PROBLEMS.get(fault.status, "redirect"))
        self._send(fault.status, json.dumps(problem.body()), fault.headers)

    def _send(self, status: int, text: str, headers: dict[str, str], html: bool = False) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html" if html else "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)


def _find(store: dict[Key, Value], ident: Key) -> Value:
    if ident not in store:
        raise Problem(404, f"Could not find {ident}")
    return store[ident]


def _show_declarative(definition: Definition) -> Json:
    manifests = definition.manifests
    return {"id": definition.id, "name": definition.name, "manifest": manifests[-1], "version": len(manifests)}


def _show_docker(definition: Definition) -> Json:
    shown = {
        "id": definition.id,
        "name": definition.name,
        "dockerRepository": definition.image[0],
        "dockerImageTag": definition.image[1],
    }
    return shown | ({"documentationUrl": definition.documentation_url} if definition.documentation_url else {})


def _schedule(schedule: Json) -> Json:
    """The platform's rules for cron, and its habit of appending the zone."""
    if schedule["scheduleType"] == "manual":
        return {"scheduleType": "manual", "cronExpression": None, "basicTiming": None}
    expression = str(schedule.get("cronExpression") or "").removesuffix("UTC").strip()
    fields = expression.split(" ")
    if len(fields) not in (6, 7) or (fields[3] == "?") == (fields[5] == "?"):
        raise Problem(400, f"The cron expression {expression} is not valid.")
    if not fields[0].isdigit() or (len(fields) == 7 and not fields[1].isdigit()):
        raise Problem(400, f"The cron expression {expression} is not valid or is less than the one hour minimum.")
    return {"scheduleType": "cron", "cronExpression": f"{expression} UTC", "basicTiming": None}


def _secret_names(schema: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if schema.get("airbyte_secret"):
        yield path
    for branch in schema.get("oneOf", []):
        yield from _secret_names(branch, path)
    for name, inner in schema.get("properties", {}).items():
        yield from _secret_names(inner, (*path, name))


def _mask(configuration: Json, spec: Json) -> Json:
    shown = copy.deepcopy(configuration)
    for *parents, name in _secret_names(spec):
        target = shown
        for parent in parents:
            target = target.get(parent) or {}
        if target.get(name):
            target[name] = MASK
    return shown


def _keep_masked(new: Json, old: Json) -> Json:
    return {
        key: old.get(key) if value == MASK else _keep_masked(value, old.get(key) or {}) if isinstance(value, dict) else value
        for key, value in new.items()
    }
