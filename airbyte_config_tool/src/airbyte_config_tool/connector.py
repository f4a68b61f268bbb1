"""The connector, asked through its command line or read from recorded files.

A `connector:` block in a source definition, source or destination names them:

    connector:
      command: source-syfter        # asked for `spec`, `discover` and `bundle`
      spec: spec.json               # or recorded answers, beside the file; each one given replaces the question
      catalog: catalog.json
      manifest: manifest.yaml

A command runs only where the user allows it, in an empty folder, with no more of the environment than programs need.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airbyte_config_tool import cache
from airbyte_config_tool.findings import ToolError
from airbyte_config_tool.variables import NOT_ALLOWED, Variables, allow_hint
from airbyte_config_tool.yamlfile import load_yaml, read_text

TIMEOUT_SECONDS = 120
_FILES = ("spec", "catalog", "manifest")
Json = dict[str, Any]


class ConfigurationError(ToolError):
    """The connector says that the configuration is wrong, and where."""


@dataclass
class Connector:
    """Where one connector's answers come from. `fresh` bypasses the cache. Every method raises ToolError."""

    base: Path
    command: list[str] = field(default_factory=list)
    spec_file: str | None = None
    catalog_file: str | None = None
    manifest_file: str | None = None
    destination_sync_modes: list[str] | None = None
    fresh: bool = False
    refused: ToolError | None = None
    _spec: Json | None = None
    _program: str | None = None
    _installation: str | None = None

    @classmethod
    def from_block(cls, block: object, base: Path, variables: Variables, fresh: bool = False) -> Connector:
        """Reads a `connector:` block; raises ToolError when it is not one. A command not allowed is refused when it is needed."""
        if not isinstance(block, dict) or not block.keys() <= {"command", *_FILES}:
            raise ToolError("connector takes `command`, `spec`, `catalog` and `manifest`")
        command = block.get("command") or []
        if not isinstance(command, (str, list)) or not all(isinstance(block.get(name) or "", str) for name in _FILES):
            raise ToolError("connector takes a command, and names of files for spec, catalog and manifest")
        try:
            words = shlex.split(command) if isinstance(command, str) else [str(part) for part in command]
        except ValueError:
            raise ToolError("the connector's command has a quote without its second half") from None
        spec, catalog, manifest = (block.get(name) or None for name in _FILES)
        refused = None
        if words and not variables.permits(words):
            refused = ToolError(f"`{shlex.join(words)}` was not run: {NOT_ALLOWED}", allow_hint(words, variables.file))
        return cls(base, words, spec, catalog, manifest, fresh=fresh, refused=refused)

    def spec(self) -> Json | None:
        """The JSON Schema of the configuration, or None when neither a file (a manifest holds it too) nor a command is given."""
        if self._spec is None and (self.spec_file or self.command or self.manifest_file):
            file = self.spec_file or (None if self.command else self.manifest_file)
            whole = self._load(file) if file else self._message("SPEC", "spec", ["spec"])
            whole = whole["spec"] if isinstance(whole.get("spec"), dict) else whole
            modes = whole.get("supported_destination_sync_modes")
            self.destination_sync_modes = [str(mode) for mode in modes] if isinstance(modes, list) else None
            self._spec = _connection_specification(whole)
        return self._spec

    def catalog(self, configuration: Json) -> list[Json] | None:
        """The streams that `discover` offers, or None when neither a file nor a command is given.

        `configuration` is written to a short-lived file for the connector, so the caller puts placeholders for secrets. A
        connector that can look at its instance is told not to.
        """
        if self.catalog_file:
            return _streams(self._load(self.catalog_file))
        if not self.command:
            return None
        if "discover_fields" in (self.spec() or {}).get("properties", {}):
            configuration = {**configuration, "discover_fields": False}
        return _streams(self._message("CATALOG", "catalog", ["discover"], configuration))

    def manifest(self, configuration: Json | None) -> Json:
        """The self-contained manifest to upload, tailored to a configuration if one is given (see `catalog` for secrets)."""
        if self.manifest_file:
            return self._load(self.manifest_file)
        if self.command:
            return _parse(self._ask(["bundle"], configuration), f"`{shlex.join(self.command)} bundle`")
        raise ToolError("neither a docker_repository nor a connector command or manifest file is given")

    def _load(self, name: str) -> Json:
        path = self.base / name
        return _parse(read_text(path), str(path))

    def _message(self, kind: str, key: str, arguments: list[str], configuration: Json | None = None) -> Json:
        """The first Airbyte message of a kind among the lines of the connector's output."""
        failure = ""
        for line in self._ask(arguments, configuration).splitlines():
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

    def _ask(self, arguments: list[str], configuration: Json | None) -> str:
        """The connector's output, cached for an hour. A configuration goes through a short-lived file."""
        program = self._find()

        def run() -> str:
            if configuration is None:
                return self._run(program, arguments)
            with tempfile.TemporaryDirectory() as folder:
                config = Path(folder) / "config.json"
                config.write_text(json.dumps(configuration), encoding="utf-8")
                return self._run(program, [*arguments, "--config", str(config)])

        question = [program, *self.command[1:], *arguments, json.dumps(configuration, sort_keys=True)]
        return cache.cached(self._installation, question, run)

    def _find(self) -> str:
        """The path of the connector's program. Raises ToolError when it is not allowed or not installed."""
        if self.refused is not None:
            raise self.refused
        if self._program is None:
            program = find_program(self.command[0])
            if program is None:
                raise ToolError(
                    f"the connector's command {self.command[0]!r} is not installed here. "
                    "Install the connector, or record its answers and name the files under `connector:` (spec, catalog, manifest)"
                )
            self._installation = None if self.fresh else cache.identity(Path(program))
            self._program = program
        return self._program

    def _run(self, program: str, arguments: list[str]) -> str:
        shown = shlex.join([*self.command, arguments[0]])
        try:
            # In an empty folder: a connector may read what lies where it is started, and that would be the repository's.
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [program, *self.command[1:], *arguments],
                    capture_output=True,
                    text=True,
                    timeout=TIMEOUT_SECONDS,
                    check=False,
                    stdin=subprocess.DEVNULL,
                    cwd=folder,
                    env=cache.environment(),
                )
        except subprocess.TimeoutExpired:
            raise ToolError(f"`{shown}` did not answer within {TIMEOUT_SECONDS} seconds") from None
        except OSError as error:
            raise ToolError(f"`{shown}` could not be started: {error.strerror}") from None
        if done.returncode:
            message, kind = _failure(done.stdout, done.stderr)
            if kind == "config_error":
                raise ConfigurationError(message)
            raise ToolError(f"`{shown}` failed with exit code {done.returncode}: {message}")
        return done.stdout


def find_program(name: str) -> str | None:
    """Where a program lies; inside a virtual environment that was not activated, beside this tool."""
    return shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))


def _failure(stdout: str, stderr: str) -> tuple[str, str]:
    """The message and the kind of the connector's TRACE, else the last line it wrote, shortened."""
    for line in stdout.splitlines():
        try:
            error = json.loads(line)["trace"]["error"]
            return str(error["message"])[:500], str(error.get("failure_type"))
        except (ValueError, KeyError, TypeError):
            continue
    return ((stderr.strip() or stdout.strip()).splitlines() or [""])[-1][:500], ""


def _parse(text: str, origin: str) -> Json:
    """JSON or YAML text as a mapping. JSON first: it is much faster to read and a large manifest is usually JSON."""
    try:
        data = json.loads(text)
    except RecursionError:
        raise ToolError(f"{origin} is nested too deeply") from None
    except ValueError:
        data = load_yaml(text, origin)
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
