"""`${NAME}` variables: where their values come from, and putting them in.

Values come from the environment, then from `~/.octavia` (`KEY=VALUE` lines, the file that Octavia's container was given).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airbyte_config_tool.findings import WARNING, Finding, ToolError

VARIABLE = re.compile(r"\$(\$?)\{([^{}]*)\}")

# Airbyte fills these in while it syncs. Octavia took them for variables of its own and replaced them.
RUNTIME_TEMPLATES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("namespace_format", "namespaceFormat"), frozenset({"SOURCE_NAMESPACE"})),
    **dict.fromkeys(
        ("s3_path_format", "path_format", "gcs_path_format", "file_name_pattern"),
        frozenset(
            ("NAMESPACE", "STREAM_NAME", "YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND", "MILLISECOND", "EPOCH", "UUID")
        ),
    ),
}


@dataclass
class Variables:
    """Every known variable, with the findings made while reading them."""

    values: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    file: Path | None = None

    @classmethod
    def load(cls, file: Path, environ: Mapping[str, str]) -> Variables:
        """Reads `file` if it exists; a variable of the environment wins over a line of the file.

        Raises ToolError, with the line, for a line that is no KEY=VALUE.
        """
        loaded = cls(file=file)
        if file.is_file():
            loaded._read(file)
        loaded.values.update(environ)
        return loaded

    def get(self, name: str) -> str | None:
        """The value, or None when unset or empty."""
        return self.values.get(name) or None

    def _read(self, file: Path) -> None:
        if file.stat().st_mode & 0o077:
            self.findings.append(
                Finding(
                    "layout",
                    file,
                    1,
                    "",
                    "other users of this machine may read this file",
                    f"run: chmod 600 {file}",
                    WARNING,
                )
            )
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ToolError(f"{file}: cannot be read: {error}") from None
        for number, raw in enumerate(text.splitlines(), start=1):
            line = raw.strip()
            if not line or line.startswith("#"):
                continue
            name, equals, value = line.removeprefix("export ").partition("=")
            name, value = name.strip(), value.strip()
            if not equals or not re.fullmatch(r"[A-Za-z_]\w*", name):
                # The line itself is not shown: it may hold the tail of a secret that was pasted over several lines.
                raise ToolError(f"{file}:{number}: not a KEY=VALUE line: write one variable per line")
            if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
                value = value[1:-1]
                self.findings.append(
                    Finding(
                        "quoted-secret",
                        file,
                        number,
                        name,
                        f"the value of {name} stands in quotes: Octavia sent them as part of the secret, this tool drops them",
                        "remove the quotes",
                        WARNING,
                    )
                )
            self.values[name] = value


@dataclass(frozen=True)
class Expanded:
    """A text with its variables put in: which were used, which have no value, which were left for Airbyte to fill in."""

    text: str
    used: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def expand(text: str, variables: Mapping[str, str], keep: Collection[str] = ()) -> Expanded:
    """Replaces each `${NAME}`, except the names in `keep`; `$${NAME}` stands for the literal text `${NAME}`.

    A variable without a value, or with an empty one, stays as written and is reported in `missing`.
    """
    used: list[str] = []
    missing: list[str] = []
    kept: list[str] = []

    def replace(match: re.Match[str]) -> str:
        escaped, name = match.group(1), match.group(2)
        if escaped:
            return match.group(0)[1:]
        if name in keep:
            kept.append(name)
            return match.group(0)
        value = variables.get(name)
        if not value:
            missing.append(name)
            return match.group(0)
        used.append(name)
        return value

    return Expanded(VARIABLE.sub(replace, text), tuple(used), tuple(missing), tuple(kept))


def has_variable(text: object, keep: Collection[str] = ()) -> bool:
    """True when a value is text that holds a `${NAME}` this tool would replace."""
    return isinstance(text, str) and any(not m.group(1) and m.group(2) not in keep for m in VARIABLE.finditer(text))
