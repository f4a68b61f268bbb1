"""The nine checks. Each is a real failure of Octavia; each finding has a file, a line and a remedy; none needs a network."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from airbyte_config_tool import octavia, schedule, streams
from airbyte_config_tool.connection_spec import CONNECTION_SPEC, WORKSPACE_SPEC
from airbyte_config_tool.context import Context
from airbyte_config_tool.findings import IMPORT_OCTAVIA, WARNING, FieldPath, Finding, ToolError
from airbyte_config_tool.manifests import manifest_faults
from airbyte_config_tool.project import CONNECTION, DESTINATION, SOURCE, WORKSPACE, Resource, unset_variable
from airbyte_config_tool.specs import Fault, get_value, is_secret, leaves, validate, without_nulls
from airbyte_config_tool.variables import has_variable
from airbyte_config_tool.yamlfile import YamlFile

SERVER_MASK = re.compile(r"\*{6,}")
_SECRET_HEADERS = ("authorization", "proxy-authorization", "cookie", "x-api-key")


def run_checks(context: Context) -> list[Finding]:
    """All findings of a project, errors before warnings, in the order of files and lines."""
    context.prefetch()
    findings: list[Finding] = []
    for resource in context.project.resources:
        if resource.kind in (SOURCE, DESTINATION):
            findings += _check_actor(context, resource)
        elif resource.kind == CONNECTION:
            findings += _check_connection(context, resource)
        elif resource.kind == WORKSPACE:
            findings += [
                _finding(resource, "layout", f) for f in validate(WORKSPACE_SPEC, context.resolved(resource).configuration)
            ]
        else:
            findings += _check_definition(context, resource)
        findings += _check_values(context, resource)
        findings += _check_state(resource)
    findings += _check_headers(context)
    findings += context.findings
    by_hand = [finding for finding in findings if finding.by_hand]
    if by_hand:
        # `import-octavia` is advised only where it does something.
        upgrade = octavia.upgrade(context.root, context.variables.get("AIRBYTE_WORKSPACE_ID"))
        for finding in by_hand:
            if not upgrade.fixes(finding.file, finding.line):
                findings[findings.index(finding)] = dataclasses.replace(finding, fix=finding.by_hand)
    # A connector that cannot be asked fails every question alike: once is enough.
    unique = {(f.file, f.line, f.field, f.message): f for f in reversed(findings)}.values()
    return sorted(unique, key=lambda f: (f.severity == WARNING, str(f.file), f.line, f.field))


def _below_configuration(path: FieldPath) -> FieldPath:
    return ("configuration", *path)


def _check_values(context: Context, resource: Resource) -> Iterator[Finding]:
    """Unset variables, runtime templates, secrets written out, and values that kept their quotes."""
    resolved = context.resolved(resource)
    for path, missing in resolved.missing:
        yield unset_variable(resource, _below_configuration(path), missing)
    for path, name in resolved.kept:
        # Only where Octavia would have spoilt the value; otherwise there is nothing to tell.
        if context.variables.get(name):
            yield resource.finding(
                "runtime-template",
                _below_configuration(path),
                f"${{{name}}} is filled in by Airbyte during a sync; your variable of that name is not put in (Octavia did)",
                f"nothing to do; rename the variable {name} if its value was meant",
                WARNING,
            )
    for path in resolved.literal_secrets:
        pasted = SERVER_MASK.fullmatch(str(get_value(resource.configuration, path)))
        name = re.sub(r"\W", "_", f"{resource.folder.name}_{path[-1]}").upper()
        yield resource.finding(
            "literal-secret",
            _below_configuration(path),
            "this is Airbyte's mask, not the secret" if pasted else "a secret is written out in the file",
            f"write ${{{name}}} and set {name} in the environment or in ~/.octavia"
            + ("" if pasted else "; replace the secret itself if the file was ever committed"),
        )
    for path, value in resolved.secrets.items():
        raw = get_value(resource.configuration, path)
        if has_variable(raw) and len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            yield resource.finding(
                "quoted-secret",
                _below_configuration(path),
                f"the value that {raw} brings begins and ends with a quote, as env files pass quotes on",
                "set the variable without quotes",
                WARNING,
            )


def _check_actor(context: Context, resource: Resource) -> Iterator[Finding]:
    """The configuration against the connector's spec."""
    if context.spec(resource) is None and context.connector(resource) is None:
        yield resource.finding(
            "spec",
            ("configuration",),
            "no spec is known for this connector, so its fields are not checked",
            "add `connector:` with `spec: spec.json` (the connector's answer to `spec`) beside this file",
            WARNING,
        )
    faults = context.faults(resource)
    for fault in faults:
        yield _finding(resource, "empty-field" if fault.empty else "spec", fault)
    # Where the spec is silent nothing says which fields are required, but for the comments that Octavia wrote.
    told = {fault.path for fault in faults if fault.empty}
    for path, value, schema in leaves(context.spec(resource), context.resolved(resource).configuration):
        known = schema or "OPTIONAL" in resource.file.comment(_below_configuration(path))
        if value is None and not known and path not in told:
            fix = "give a value, or delete the line if it is optional"
            message = f"{path[-1]} is empty and no spec says whether it may be"
            yield resource.finding("empty-field", _below_configuration(path), message, fix)


def _finding(resource: Resource, code: str, fault: Fault) -> Finding:
    severity = "error" if fault.severe else WARNING
    return resource.finding(code, _below_configuration(fault.path), fault.message, fault.fix, severity)


def _check_connection(context: Context, resource: Resource) -> Iterator[Finding]:
    """Streams against the source, the schedule against the public API, and features that are gone."""
    configuration = context.resolved(resource).configuration
    yield from _check_dead_features(resource, configuration)
    # The old camelCase was told above.
    known_case = {key: value for key, value in without_nulls(configuration).items() if key == key.lower()}
    faults = validate(CONNECTION_SPEC, known_case)
    for fault in faults:
        yield _finding(resource, "layout", fault)
    if any(fault.severe for fault in faults):
        return  # what follows takes the form for granted
    source, destination = resource.links.get(SOURCE), resource.links.get(DESTINATION)
    catalog = context.catalog(source) if source else None
    if source and catalog is None and context.connector(source) is None:
        yield resource.finding(
            "catalog",
            ("configuration", *streams.STREAMS),
            "the source's streams are not known, so these are not checked",
            f"add `connector:` with `command:` or `catalog: catalog.json` to {source.path}",
            WARNING,
        )
    modes = None
    if destination and context.spec(destination) is not None and (connector := context.connector(destination)):
        modes = connector.destination_sync_modes
    for fault in streams.check(configuration, catalog, modes):
        yield _finding(resource, "catalog", fault)
    yield from _check_schedule(context, resource, configuration)


def _check_schedule(context: Context, resource: Resource, configuration: dict[str, object]) -> Iterator[Finding]:
    try:
        api = schedule.to_api(configuration)
    except schedule.ScheduleError as error:
        yield resource.finding("dead-feature", _below_configuration(error.path), error.message, error.fix)
        return
    zone = schedule.zone(configuration)
    if zone and context.state(resource) is None:
        path = ("schedule_data", "cron", "cron_time_zone")
        yield resource.finding("dead-feature", _below_configuration(path), *schedule.zone_fault(zone))
    if configuration.get("schedule") and "schedule_type" not in configuration:
        yield resource.finding(
            "dead-feature",
            _below_configuration(("schedule",)),
            "this form of a schedule is from before schedule_type and is not read: the connection would become manual",
            IMPORT_OCTAVIA,
            by_hand="write schedule_type and schedule_data, as in a project made by `init`",
        )
    if configuration.get("schedule_type") == "basic":
        yield resource.finding(
            "dead-feature",
            _below_configuration(("schedule_type",)),
            f"the public API has no basic schedule; this one is sent as cron {api['cronExpression']} (UTC)",
            IMPORT_OCTAVIA,
            WARNING,
            "write that cron",
        )


def _check_dead_features(resource: Resource, configuration: dict[str, object]) -> Iterator[Finding]:
    def report(path: FieldPath, message: str, fix: str, severity: str = WARNING, by_hand: str = "") -> Finding:
        return resource.finding("dead-feature", _below_configuration(path), message, fix, severity, by_hand)

    if configuration.get("operations"):
        yield report(
            ("operations",),
            "normalization and custom dbt operations were removed from Airbyte; nothing would transform the data",
            "delete the block and run dbt after the sync: see the dbt/ folder of source-syfter for Syfter data",
            "error",
        )
    status = configuration.get("status") or "active"
    if status not in ("active", "inactive"):
        yield report(
            ("status",),
            f"status {status!r} cannot be set: this tool never deletes",
            "write active or inactive; delete the connection in Airbyte if that was meant",
            "error",
        )
    for key in ("skip_reset", "resource_requirements"):
        if not octavia.says_nothing(configuration.get(key)):
            yield report((key,), f"{key} has no effect: {octavia.REMOVED[key]}", IMPORT_OCTAVIA, by_hand="delete it")
    camel = [key for key in configuration if key != key.lower()]
    for key in camel:
        yield report((key,), f"{key} is the old camelCase and is not read", IMPORT_OCTAVIA, "error", "write it in snake_case")
    for number, stream, config in streams.configured(configuration):
        name = str(stream.get("name"))
        # Airbyte itself filled in the name with all odd characters replaced.
        if config.get("alias_name") not in (None, "", name, re.sub(r"\W", "_", name, flags=re.ASCII)):
            path = (*streams.STREAMS, number, "config", "alias_name")
            yield report(path, "the public API takes no alias_name: the table keeps the stream's name", "delete alias_name")


def _check_definition(context: Context, resource: Resource) -> Iterator[Finding]:
    """A custom connector is either an image or a manifest, and the manifest is one that the server can take."""
    configuration = resource.configuration
    image, tag = configuration.get("docker_repository"), configuration.get("docker_image_tag")
    if image and not tag:
        path = _below_configuration(("docker_image_tag",))
        yield resource.finding("empty-field", path, "docker_image_tag is required but missing", "give the image's tag")
    if tag and not image:
        path = _below_configuration(("docker_repository",))
        yield resource.finding(
            "empty-field", path, "docker_repository is required but missing", "give the image, without its tag"
        )
    if tag == "latest":
        path = _below_configuration(("docker_image_tag",))
        fix = "give a version: a change of `latest` is not seen, neither by Airbyte nor by `plan`"
        yield resource.finding("spec", path, "docker_image_tag is latest", fix, WARNING)
    if image or tag:
        return
    if "connector" not in resource.file.data:
        fix = "give docker_repository and docker_image_tag, or a `connector:` block whose manifest is uploaded"
        yield resource.finding("layout", ("configuration",), "neither an image nor a manifest is named", fix)
        return
    try:
        faults = list(manifest_faults(context.manifest(resource)))
    except ToolError as error:
        if not context.has_refused_source(resource):  # else it was told there
            fix = error.fix or "fix the `connector:` block, or the connector's installation"
            yield resource.finding("spec", ("connector",), str(error), fix)
        return
    for fault in faults:
        fix = "use the manifest that the connector's `bundle` command writes, or deploy its image with docker_repository"
        yield resource.finding("spec", ("connector",), fault, fix)


def _check_state(resource: Resource) -> Iterator[Finding]:
    """State files that cannot be trusted: of no known workspace, of another one, or with a hash that gives secrets away."""
    for path in sorted(resource.folder.glob("state*.yaml")):
        try:
            file = YamlFile(path)
        except ToolError as error:
            yield Finding(
                "state", path, 1, "", str(error), "restore the file from git, or delete it: `apply` finds resources by name"
            )
            continue

        def report(key: str, message: str, fix: str, file: YamlFile = file, by_hand: str = "") -> Finding:
            return Finding("state", file.path, file.line((key,)), key, message, fix, by_hand=by_hand)

        workspace = str(file.data.get("workspace_id") or "")
        if path.name == "state.yaml":
            message = "this state names no workspace, so it would be used against any (Octavia before 0.39.18)"
            others = [other.name for other in resource.folder.glob("state_*.yaml")]
            hand = f"delete it: there is {others[0]}" if others else f"{IMPORT_OCTAVIA} --workspace-id ID"
            yield report("resource_id", message, IMPORT_OCTAVIA, by_hand=hand)
        elif path.name != f"state_{workspace}.yaml":
            move = f"rename the file to state_{workspace}.yaml, or delete it: `apply` finds resources by name"
            yield report("workspace_id", f"this state is of workspace {workspace or 'unknown'}, its file name says another", move)
        if not file.data.get("resource_id"):
            yield report("resource_id", "resource_id is missing", "delete the file: `apply` finds resources by name")
        if file.data.get("configuration_hash"):
            yield report(
                "configuration_hash",
                "this is Octavia's plain hash over the secrets: a short secret can be guessed from it",
                IMPORT_OCTAVIA,
                by_hand="delete the line",
            )


def _check_headers(context: Context) -> Iterator[Finding]:
    file = context.project.headers
    if file is None:
        return
    headers = file.data.get("headers") or {}
    if not isinstance(headers, dict):
        yield Finding(
            "layout", file.path, 1, "headers", "there is no `headers:` mapping", "write `headers:` with one header per line"
        )
        return
    for key, value in headers.items():

        def report(code: str, message: str, fix: str, key: str = key) -> Finding:
            return Finding(code, *file.place(("headers", key)), f"headers.{key}", message, fix)

        for missing in context.variables.expand(str(value or "")).missing:
            yield report("unset-variable", missing.message, missing.fix)
        if not value:
            yield report("empty-field", f"the header {key} is empty", "give a value, or delete the line")
        secret = key.lower() in _SECRET_HEADERS or is_secret((key.replace("-", "_"),), {})
        if secret and value and not has_variable(value):
            context.masker.add(value)
            yield report("literal-secret", "a secret is written out in the file", "write ${NAME} and set NAME in ~/.octavia")
