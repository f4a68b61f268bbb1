"""What each resource should look like on the server: the body of the call that creates it."""

from __future__ import annotations

import re
from typing import Any

from airbyte_config_tool import schedule, streams
from airbyte_config_tool.context import Context
from airbyte_config_tool.manifests import for_upload
from airbyte_config_tool.octavia import PREFERENCES
from airbyte_config_tool.project import CONNECTION, DEFINITION, DESTINATION, SOURCE, WORKSPACE, Resource
from airbyte_config_tool.specs import without_nulls

Json = dict[str, Any]


def is_manifest(definition: Resource) -> bool:
    """True for a definition that uploads a manifest, False for one that names an image."""
    return not definition.configuration.get("docker_repository")


def body(context: Context, resource: Resource, ids: dict[int, str], workspace_id: str) -> Json:
    """The request body. `ids` maps `id(resource)` to server ids; a link that is not there yet becomes None."""
    if resource.kind == DEFINITION:
        return _definition(context, resource)
    if resource.kind == WORKSPACE:
        return {"notifications": _camel(without_nulls(context.resolved(resource).configuration.get("notifications") or {}))}
    if resource.kind == CONNECTION:
        return _connection(context, resource, ids)
    result: Json = {
        "name": resource.name,
        "workspaceId": workspace_id,
        "configuration": without_nulls(context.resolved(resource).configuration),
    }
    definition = definition_id(resource, ids)
    if definition or DEFINITION in resource.links:
        result["definitionId"] = definition
    return result


def definition_id(resource: Resource, ids: dict[int, str]) -> str | None:
    """The server's id of an actor's definition, when it is known."""
    definition = resource.links.get(DEFINITION)
    return ids.get(id(definition)) if definition is not None else resource.get("definition_id")


def notifications_from_api(notifications: Json) -> Json:
    """A workspace's notifications under the names of this project."""
    told = {
        event: {channel: without_nulls(how) for channel, how in ways.items() if how}
        for event, ways in notifications.items()
        if ways
    }
    return {re.sub("([A-Z])", lambda m: f"_{m[1].lower()}", event): ways for event, ways in told.items() if ways}


def _camel(notifications: Json) -> Json:
    return {re.sub("_(.)", lambda m: m[1].upper(), event): ways for event, ways in notifications.items()}


def _definition(context: Context, resource: Resource) -> Json:
    configuration = context.resolved(resource).configuration
    if is_manifest(resource):
        return {"name": resource.name, "manifest": for_upload(context.manifest(resource))}
    result = {
        "name": resource.name,
        "dockerRepository": configuration["docker_repository"],
        "dockerImageTag": str(configuration["docker_image_tag"]),
    }
    if configuration.get("documentation_url"):
        result["documentationUrl"] = configuration["documentation_url"]
    return result


def _connection(context: Context, resource: Resource, ids: dict[int, str]) -> Json:
    configuration = context.resolved(resource).configuration
    result: Json = {
        "name": resource.name,
        "sourceId": ids.get(id(resource.links[SOURCE])),
        "destinationId": ids.get(id(resource.links[DESTINATION])),
        "schedule": schedule.to_api(configuration),
        "status": configuration.get("status") or "active",
        "configurations": {"streams": streams.to_api(configuration)},
    }
    definition = configuration.get("namespace_definition")
    if definition:
        result["namespaceDefinition"] = "custom_format" if definition == "customformat" else definition
    # Octavia wrote the format into every file; it means something with a custom format only.
    if result.get("namespaceDefinition") == "custom_format" and configuration.get("namespace_format"):
        result["namespaceFormat"] = configuration["namespace_format"]
    if configuration.get("prefix") is not None:
        result["prefix"] = configuration["prefix"]
    preference = configuration.get("non_breaking_changes_preference") or ""
    behavior = configuration.get("non_breaking_schema_updates_behavior") or PREFERENCES.get(preference, preference)
    if behavior:
        result["nonBreakingSchemaUpdatesBehavior"] = behavior
    if configuration.get("geography") not in (None, "auto"):
        result["dataResidency"] = configuration["geography"]
    return result
