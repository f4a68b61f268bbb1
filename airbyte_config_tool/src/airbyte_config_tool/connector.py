"""The connector, asked through its command line or read from recorded files.

A `connector:` block in a source definition, source or destination names them:

    connector:
      command: source-syfter        # asked for `spec`, `discover` and `bundle`
      spec: spec.json               # or recorded answers, beside the file; each one given replaces the question
      catalog: catalog.json
      manifest: manifest.yaml
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from airbyte_config_tool.findings import ToolError

TIMEOUT_SECONDS = 120
Json = dict[str, Any]


@dataclass
class Connector:
    """Where one connector's answers come from. Each answer is fetched once. Every method raises ToolError."""

    base: Path
    command: list[str] = field(default_factory=list)
    spec_file: str | None = None
    catalog_file: str | None = None
    manifest_file: str | None = None
    destination_sync_modes: list[str] | None = None
    _spec: Json | None = None
    _manifest: Json | None = None

    @classmethod
    def from_block(cls, block: object, base: Path) -> Connector:
        """Reads a `connector:` block; raises ToolError when it is not one."""
        if not isinstance(block, dict) or not block.keys() <= {"command", "spec", "catalog", "manifest"}:
            raise ToolError("connector takes `command`, `spec`, `catalog` and `manifest`")
        command = block.get("command") or []
        return cls(
            base,
            shlex.split(command) if isinstance(command, str) else [str(part) for part in command],
            block.get("spec"),
            block.get("catalog"),
            block.get("manifest"),
        )

    def spec(self) -> Json | None:
        """The JSON Schema of the configuration, or None when neither a file nor a command is given."""
        if self._spec is None and (self.spec_file or self.command):
            whole = self._load(self.spec_file) if self.spec_file else self._message("SPEC", "spec", ["spec"])
            whole = whole["spec"] if isinstance(whole.get("spec"), dict) else whole
            modes = whole.get("supported_destination_sync_modes")
            self.destination_sync_modes = [str(mode) for mode in modes] if isinstance(modes, list) else None
            self._spec = _connection_specification(whole)
        return self._spec

    def catalog(self, configuration: Json) -> list[Json] | None:
        """The streams that `discover` offers, or None when neither a file nor a command is given.

        `configuration` is written to a short-lived file for the connector, so the caller puts placeholders for secrets.
        """
        if self.catalog_file:
            return _streams(self._load(self.catalog_file))
        if not self.command:
            return None
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "config.json"
            config.write_text(json.dumps(configuration), encoding="utf-8")
            return _streams(self._message("CATALOG", "catalog", ["discover", "--config", str(config)]))

    def manifest(self) -> Json:
        """The self-contained manifest to upload."""
        if self._manifest is None:
            if self.manifest_file:
                self._manifest = self._load(self.manifest_file)
            elif self.command:
                self._manifest = _parse(self._run(["bundle"]), f"`{shlex.join(self.command)} bundle`")
            else:
                raise ToolError("neither a docker_repository nor a connector command or manifest file is given")
        return self._manifest

    def _load(self, name: str) -> Json:
        path = self.base / name
        try:
            return _parse(path.read_text(encoding="utf-8"), str(path))
        except OSError as error:
            raise ToolError(f"{path} cannot be read: {error.strerror}") from None

    def _message(self, kind: str, key: str, arguments: list[str]) -> Json:
        """The first Airbyte message of a kind among the lines of the connector's output."""
        failure = ""
        for line in self._run(arguments).splitlines():
            try:
                message = json.loads(line)
            except ValueError:
                continue
            if not isinstance(message, dict):
                continue
            if message.get("type") == kind and isinstance(message.get(key), dict):
                return dict(message[key])
            if message.get("type") == "TRACE":
                failure = str(message.get("trace", {}).get("error", {}).get("message") or failure)
        raise ToolError(f"`{shlex.join([*self.command, arguments[0]])}` gave no {kind} message. {failure}".strip())

    def _run(self, arguments: list[str]) -> str:
        shown = shlex.join([*self.command, arguments[0]])
        program = shutil.which(self.command[0])
        if program is None and os.sep not in self.command[0]:
            # Inside a virtual environment that was not activated the connector lies beside this tool.
            program = shutil.which(self.command[0], path=str(Path(sys.executable).parent))
        if program is None:
            raise ToolError(
                f"the connector's command {self.command[0]!r} is not installed here. "
                "Install the connector, or record its answers and name the files under `connector:` (spec, catalog, manifest)"
            )
        try:
            done = subprocess.run(
                [program, *self.command[1:], *arguments],
                capture_output=True,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
                stdin=subprocess.DEVNULL,
                cwd=self.base,
            )
        except subprocess.TimeoutExpired:
            raise ToolError(f"`{shown}` did not answer within {TIMEOUT_SECONDS} seconds") from None
        except OSError as error:
            raise ToolError(f"`{shown}` could not be started: {error.strerror}") from None
        if done.returncode:
            tail = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise ToolError(f"`{shown}` failed with exit code {done.returncode}: {' '.join(tail)[:500]}")
        return done.stdout


def _parse(text: str, origin: str) -> Json:
    """JSON or YAML text as a mapping. JSON first: it is much faster to read and a large manifest is usually JSON."""
    try:
        data = json.loads(text)
    except ValueError:
        try:
            data = yaml.safe_load(text)
        except yaml.YAMLError:
            raise ToolError(f"{origin} is neither JSON nor YAML") from None
    if not isinstance(data, dict):
        raise ToolError(f"{origin} does not hold a mapping")
    return data


def _connection_specification(data: Json) -> Json:
    """Accepts the spec of a SPEC message or the bare JSON Schema."""
    schema = data.get("connectionSpecification") or data.get("connection_specification") or data
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise ToolError("the connector's spec has no connectionSpecification with properties")
    return schema


def _streams(data: Json) -> list[Json]:
    """Accepts a whole CATALOG message or the catalog in it."""
    if isinstance(data.get("catalog"), dict):
        data = data["catalog"]
    streams = data.get("streams")
    if not isinstance(streams, list) or not all(isinstance(s, dict) and s.get("name") for s in streams):
        raise ToolError("the connector's catalog has no list of named streams")
    return streams
