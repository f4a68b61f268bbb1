"""What `check`, `plan` and `apply` share: the project, its variables, and each connector asked once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from airbyte_config_tool import state as states
from airbyte_config_tool.connector import ConfigurationError, Connector
from airbyte_config_tool.findings import Finding, ToolError
from airbyte_config_tool.masking import Masker
from airbyte_config_tool.project import DEFINITION, DESTINATION, SOURCE, Project, Resource
from airbyte_config_tool.resolve import Resolved, resolve
from airbyte_config_tool.specs import Fault, validate
from airbyte_config_tool.variables import OWN_SECRETS, Variables

Json = dict[str, Any]


class Context:
    """One run over one project. Raises ToolError when the project or `~/.octavia` cannot be read."""

    def __init__(
        self,
        root: Path,
        octavia_file: Path,
        environ: Mapping[str, str],
        masker: Masker,
        fresh: bool = False,
        workspace: str | None = None,
        may_be_empty: bool = False,
    ) -> None:
        self.root = root
        self._fresh = fresh
        self.masker = masker
        self.variables = Variables.load(octavia_file, environ, root, workspace)
        for name in OWN_SECRETS:
            masker.add(self.variables.get(name))
        self.project = Project.load(root, self.variables, workspace, may_be_empty)
        if self.project.workspace_id:
            self.variables.values["AIRBYTE_WORKSPACE_ID"] = self.project.workspace_id
        self.findings: list[Finding] = [*self.variables.findings, *self.project.findings]
        self._connectors: dict[int, Connector | None] = {}
        self._resolved: dict[int, Resolved] = {}
        self._catalogs: dict[int, list[Json] | None] = {}
        self._manifests: dict[int, Json] = {}
        self._refused: set[int] = set()
        for resource in self.project.of(DEFINITION) + self.project.of(SOURCE) + self.project.of(DESTINATION):
            self._connectors[id(resource)] = self._make_connector(resource)

    def connector(self, resource: Resource) -> Connector | None:
        """The connector of an actor: its own block, else that of the definition it names."""
        own = self._connectors.get(id(resource))
        definition = resource.links.get(DEFINITION)
        return own or (self.connector(definition) if definition else None)

    def spec(self, resource: Resource) -> Json | None:
        """The connector's spec, or None when nothing says where to get it or the getting failed (which is a finding)."""
        connector = self.connector(resource)
        return self._ask(resource, "spec", connector.spec) if connector else None

    def resolved(self, resource: Resource) -> Resolved:
        """The resource's configuration, ready to send."""
        if id(resource) not in self._resolved:
            spec = self.spec(resource) if resource.kind in (SOURCE, DESTINATION) else None
            state = self.state(resource)
            imported = [name for name, mark in state.secrets.items() if mark == states.IMPORTED] if state else []
            self._resolved[id(resource)] = resolve(resource.configuration, spec, self.variables, self.masker, imported)
        return self._resolved[id(resource)]

    def faults(self, resource: Resource) -> list[Fault]:
        """What the spec has against the configuration of a source or destination, unset variables aside."""
        spec, resolved = self.spec(resource), self.resolved(resource)
        unset = {path for path, _ in resolved.missing} | resolved.taken_over
        return [] if spec is None else [f for f in validate(spec, resolved.configuration) if f.path not in unset]

    def catalog(self, source: Resource) -> list[Json] | None:
        """The streams of a source, discovered without any secret; None when unknown."""
        connector = self.connector(source)
        if connector is None or id(source) in self._refused:
            return None
        if id(source) not in self._catalogs:
            public = self.resolved(source).without_secrets()
            if "discover_fields" in (self.spec(source) or {}).get("properties", {}):
                public["discover_fields"] = False  # source-syfter would ask the instance, which a placeholder cannot
            self._catalogs[id(source)] = self._ask(source, "catalog", lambda: connector.catalog(public))
        return self._catalogs[id(source)]

    def has_refused_source(self, definition: Resource) -> bool:
        """True when a source of this definition has a faulty configuration, of which no manifest can be made."""
        return any(id(s) in self._refused for s in self.project.of(SOURCE) if s.links.get(DEFINITION) is definition)

    def manifest(self, definition: Resource) -> Json:
        """The manifest that a definition uploads, tailored to its sources (API conventions end up in it). Raises ToolError."""
        if id(definition) not in self._manifests:
            if self.has_refused_source(definition):
                raise ToolError("the configuration of one of its sources has faults")
            connector = self.connector(definition) or Connector(definition.folder)
            sources = [s for s in self.project.of(SOURCE) if s.links.get(DEFINITION) is definition]
            made = {s.name: connector.manifest(self.resolved(s).without_secrets()) for s in sources}
            first = next(iter(made.values())) if made else connector.manifest(None)
            odd = next((name for name, other in made.items() if other != first), None)
            if odd is not None:
                raise ToolError(
                    f"sources {sources[0].name} and {odd} need different manifests, as their configurations change the streams: "
                    "give each a source definition of its own"
                )
            self._manifests[id(definition)] = first
        return self._manifests[id(definition)]

    def prefetch(self) -> None:
        """Asks the connectors at the same time: each answer is a process of its own that takes a second or more.

        None is asked about a configuration with faults or gaps (a secret's gap aside): it would only say the same once more.
        """
        sources = self.project.of(SOURCE)
        for source in sources:
            resolved = self.resolved(source)
            gaps = any(path not in resolved.secrets for path, _ in resolved.missing)
            if gaps or any(fault.severe for fault in self.faults(source)):
                self._refused.add(id(source))
        uploads = (d for d in self.project.of(DEFINITION) if not d.configuration.get("docker_repository"))
        with ThreadPoolExecutor(max_workers=4) as pool:
            jobs = [pool.submit(self.catalog, source) for source in sources]
            jobs += [pool.submit(self._prefetch_manifest, definition) for definition in uploads]
            for job in jobs:
                job.result()

    def _prefetch_manifest(self, definition: Resource) -> None:
        """Fills the cache; a failure is raised again when the manifest is needed."""
        try:
            self.manifest(definition)
        except ToolError:
            return

    def _ask(self, resource: Resource, code: str, question: Callable[[], Any]) -> Any:
        try:
            return question()
        except ToolError as error:
            definition = resource.links.get(DEFINITION)
            if isinstance(error, ConfigurationError):
                self._refused.add(id(resource))
                finding = resource.finding("spec", ("configuration",), self.masker.scrub(str(error)), "fix the field it names")
                self.findings.append(finding)
                return None
            owner = resource if "connector" in resource.file.data or definition is None else definition
            finding = owner.finding(
                code,
                ("connector",),
                self.masker.scrub(str(error)),
                error.fix or "fix the `connector:` block, or the connector's installation",
            )
            if finding not in self.findings:
                self.findings.append(finding)
            return None

    def state(self, resource: Resource) -> states.State | None:
        """What was applied to the workspace. None without a readable state, which `check` reports, or a workspace."""
        try:
            return states.load(resource, self.variables.get("AIRBYTE_WORKSPACE_ID") or "")
        except ToolError:
            return None

    def _make_connector(self, resource: Resource) -> Connector | None:
        if "connector" not in resource.file.data:
            return None
        try:
            return Connector.from_block(resource.file.data["connector"], resource.folder, self.variables, self._fresh)
        except ToolError as error:
            self.findings.append(resource.finding("layout", ("connector",), str(error), "see `init` for an example"))
            return None
