"""`init`: a project for a Syfter source and a Postgres destination, in which a newcomer edits two values."""

from __future__ import annotations

import shlex
from importlib.resources import files
from pathlib import Path

from airbyte_config_tool.connector import find_program
from airbyte_config_tool.findings import ToolError

# Where each template goes.
_FILES = {
    "gitignore": ".gitignore",
    "octavia.example": "octavia.example",
    "source_definition.yaml": "source_definitions/syfter/configuration.yaml",
    "source.yaml": "sources/syfter/configuration.yaml",
    "destination.yaml": "destinations/warehouse/configuration.yaml",
    "destination_spec.json": "destinations/warehouse/spec.json",
    "connection.yaml": "connections/syfter_to_warehouse/configuration.yaml",
    "weekly.yaml": "connections/syfter_to_warehouse_weekly/configuration.yaml.example",
}


def write(directory: Path, connector: str, image: str | None) -> list[Path]:
    """Writes the project and returns its files. Raises ToolError rather than overwrite anything."""
    targets = {name: directory / target for name, target in _FILES.items()}
    taken = [str(path) for path in targets.values() if path.exists()]
    if taken:
        raise ToolError(f"{taken[0]} exists already: nothing was written. Choose another folder")
    templates = files("airbyte_config_tool") / "templates"
    for name, path in targets.items():
        text = (templates / name).read_text(encoding="utf-8")
        text = text.replace("@CONNECTOR@", connector).replace("@CONFIGURATION@", _configuration(image))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return list(targets.values())


def _configuration(image: str | None) -> str:
    if image is None:
        return "configuration: {} # nothing more to say: the manifest is uploaded"
    repository, _, tag = image.rpartition(":")
    if not repository or "/" in tag:
        raise ToolError("--image takes NAME:TAG, for example registry.example.com/source-syfter:1.0.0")
    return f"configuration:\n  docker_repository: {repository}\n  docker_image_tag: {tag!r}"


def next_steps(directory: Path, connector: str) -> list[str]:
    """What is left to do by hand, the connector's installation first where it is missing."""
    program = shlex.split(connector)[0]
    missing = (
        [] if find_program(program) else [f"0. Install the connector: {program} is not here, and check, plan and apply ask it."]
    )
    return [
        *missing,
        "1. Edit two values:",
        f"     host in {directory / _FILES['source.yaml']}         your Syfter instance",
        f"     host in {directory / _FILES['destination.yaml']}   your Postgres server",
        f"2. Copy the lines of {directory / 'octavia.example'} into ~/.octavia, fill them in, and run: chmod 600 ~/.octavia",
    ]
