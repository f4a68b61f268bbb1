"""What was applied to one workspace: `state_<workspace id>.yaml` beside each `configuration.yaml`.

Octavia's file with Octavia's keys, less its hash over the secrets, plus fingerprints of them. It holds no secret and is
meant to be committed. Losing it is no harm: `apply` then finds resources by name.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from airbyte_config_tool.findings import ToolError
from airbyte_config_tool.project import Resource
from airbyte_config_tool.yamlfile import YamlFile

# In place of a fingerprint: the secret that Airbyte had when the resource was imported, which nobody here has seen.
IMPORTED = "imported"
_WORKSPACE = re.compile(r"[0-9A-Za-z-]{1,64}")


@dataclass
class State:
    """The server's id of a resource, and the fingerprints of the secrets that were sent, by field."""

    resource_id: str
    secrets: dict[str, str] = field(default_factory=dict)
    manifest: str | None = None


def state_path(resource: Resource, workspace_id: str) -> Path:
    """Where a resource's state lies. Raises ToolError for a workspace id that is none: it becomes part of a file name."""
    if not _WORKSPACE.fullmatch(workspace_id):
        raise ToolError("AIRBYTE_WORKSPACE_ID is not a workspace id: copy it from the address bar of Airbyte, after /workspaces/")
    return resource.folder / f"state_{workspace_id}.yaml"


def load(resource: Resource, workspace_id: str) -> State | None:
    """The recorded state, or None. Raises ToolError for an unreadable file or one of another workspace."""
    path = state_path(resource, workspace_id)
    if not path.is_file():
        return None
    data = YamlFile(path).data
    if str(data.get("workspace_id")) != workspace_id or not data.get("resource_id"):
        raise ToolError(
            f"{path}:1: this state is not of workspace {workspace_id}. Delete the file: `apply` finds resources by name"
        )
    fingerprints = data.get("secret_fingerprints")
    return State(
        str(data["resource_id"]),
        {str(k): str(v) for k, v in fingerprints.items()} if isinstance(fingerprints, dict) else {},
        data.get("manifest_version_and_hash"),
    )


def save(resource: Resource, workspace_id: str, state: State) -> None:
    """Writes the state atomically, so that a crash leaves the former one."""
    path = state_path(resource, workspace_id)
    data: dict[str, object] = {
        "resource_id": state.resource_id,
        "workspace_id": workspace_id,
        "generation_timestamp": int(time.time()),
        "configuration_path": resource.key,
    }
    if state.secrets:
        data["secret_fingerprints"] = state.secrets
    if state.manifest:
        data["manifest_version_and_hash"] = state.manifest
    temporary = path.with_suffix(".yaml.tmp")
    temporary.write_text(
        "# Written by airbyte-config-tool. Commit it; it holds no secret.\n" + yaml.safe_dump(data, sort_keys=False)
    )
    os.replace(temporary, path)
