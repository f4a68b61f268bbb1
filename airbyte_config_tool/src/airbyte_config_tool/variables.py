"""Variables: where their values come from, and putting them in.

`${NAME}` comes from the environment, else from `~/.octavia` (`KEY=VALUE` lines, the file that Octavia's container was given);
`${file:PATH}` from a file, `${cmd:COMMAND}` from the output of a command that the user allows. What a repository says is not
trusted: it names what is wanted, and only the environment and `~/.octavia` say what may run.
"""

from __future__ import annotations

import difflib
import re
import shlex
import subprocess
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from airbyte_config_tool.findings import WARNING, Finding, ToolError

VARIABLE = re.compile(r"\$(\$?)\{([^{}]*)\}")
ALLOWED_COMMANDS = "AIRBYTE_ALLOWED_COMMANDS"
# What the tool itself signs in with. No configuration may name these: it could send them anywhere.
OWN_SECRETS = ("AIRBYTE_CLIENT_SECRET", "AIRBYTE_PASSWORD", "AIRBYTE_STATE_KEY")
_COMMAND_SECONDS = 60
_MAX_FILE_BYTES = 64 * 1024

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


class Missing(Exception):  # noqa: N818  it is told as a finding, at the field
    """A variable without a value: why, and the remedy."""

    def __init__(self, name: str, message: str, fix: str) -> None:
        super().__init__(message)
        self.name, self.message, self.fix = name, message, fix


@dataclass
class Variables:
    """Every known variable, with the findings made while reading them. `root` is where a relative `${file:PATH}` begins."""

    values: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    file: Path | None = None
    root: Path = Path()
    _answers: dict[str, str | Missing] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path, environ: Mapping[str, str], root: Path = Path(), workspace: str | None = None) -> Variables:
        """Reads `file`, then `file.WORKSPACE`, if they exist; a variable of the environment wins over a line of a file.

        Raises ToolError, with the line, for a line that is no KEY=VALUE.
        """
        loaded = cls(file=file, root=root)
        for one in [file, *([file.with_name(f"{file.name}.{workspace}")] if workspace else [])]:
            if one.is_file():
                loaded._read(one)
        loaded.values.update(environ)
        return loaded

    def get(self, name: str) -> str | None:
        """A setting of the tool itself, or None when unset or empty."""
        return self.values.get(name) or None

    def permits(self, command: list[str]) -> bool:
        """True for a command that begins with one of those in AIRBYTE_ALLOWED_COMMANDS (separated by commas)."""
        try:
            allowed = [shlex.split(text) for text in self.values.get(ALLOWED_COMMANDS, "").split(",")]
        except ValueError:
            raise ToolError(f"{ALLOWED_COMMANDS} has a quote without its second half") from None
        return any(words and command[: len(words)] == words for words in allowed)

    def value(self, name: str) -> str:
        """What stands for `${name}`. Raises Missing."""
        if name not in self._answers:
            try:
                self._answers[name] = self._look_up(name)
            except Missing as missing:
                self._answers[name] = missing
        answer = self._answers[name]
        if isinstance(answer, Missing):
            raise answer
        return answer

    def expand(self, text: str, keep: Collection[str] = ()) -> Expanded:
        """Puts the variables into a text; see `expand`."""
        return expand(text, self.value, keep)

    def _look_up(self, name: str) -> str:
        kind, colon, rest = name.partition(":")
        if colon and kind in ("file", "cmd"):
            value = self._from_file(name, rest) if kind == "file" else self._from_command(name, rest)
            if not value:
                raise Missing(name, f"${{{name}}} gives nothing", "see that it holds, or prints, the value alone")
            return value
        if name in OWN_SECRETS:
            raise Missing(name, f"${{{name}}} is this tool's own secret", "set a variable of another name")
        if not re.fullmatch(r"\w+", name):
            message = f"${{{name}}} is no variable: there are no defaults and no spaces"
            raise Missing(name, message, "write ${NAME}; $${...} stands for the text ${...} itself")
        if not self.values.get(name):
            near = difflib.get_close_matches(name, [n for n, value in self.values.items() if value], n=1)
            fix = f"set {name} in the environment or as a line {name}=... in {self.file}"
            raise Missing(name, f"${{{name}}} has no value", f"did you mean {near[0]}? {fix}" if near else fix)
        return self.values[name]

    def _from_file(self, name: str, text: str) -> str:
        path = self.root / Path(text).expanduser()
        if self._holds_own_secrets(path):
            raise Missing(name, f"{path} holds this tool's own secrets", "give the path of a file with the value alone")
        try:
            if not path.is_file() or path.stat().st_size > _MAX_FILE_BYTES:
                raise Missing(
                    name, f"{path} is no file of at most {_MAX_FILE_BYTES} bytes", "give the path of a file with the value"
                )
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError):
            raise Missing(name, f"{path} cannot be read as text", "give the path of a file with the value alone") from None

    def _holds_own_secrets(self, path: Path) -> bool:
        """Whether a file is `~/.octavia`, one beside it for a workspace, or the environment of a process."""
        real, own = path.resolve(), self.file.expanduser().resolve() if self.file else None
        return real.is_relative_to("/proc") or (own is not None and real.parent == own.parent and real.name.startswith(own.name))

    def _from_command(self, name: str, text: str) -> str:
        """The output of a command, without a shell. It gets the environment, in which its own sign-in stands, less ours."""
        try:
            words = shlex.split(text)
        except ValueError:
            raise Missing(name, f"`{text}` has a quote without its second half", "close the quote") from None
        if not self.permits(words):
            raise Missing(name, f"`{text}` was not run: {NOT_ALLOWED}", allow_hint(words, self.file))
        environment = {key: value for key, value in self.values.items() if key not in OWN_SECRETS}
        try:
            done = subprocess.run(
                words,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_COMMAND_SECONDS,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise Missing(name, f"`{text}` could not be run ({type(error).__name__})", "run it by hand to see why") from None
        if done.returncode:
            raise Missing(name, f"`{text}` failed with exit code {done.returncode}", "run it by hand to see why")
        return done.stdout.rstrip("\r\n")

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


def name_for(*parts: str) -> str:
    """A name for the variable of a secret, of the resource's kind, folder and field."""
    return re.sub(r"\W+", "_", "_".join(parts)).strip("_").upper()


NOT_ALLOWED = "a command that a project names runs only where you allow it"


def allow_hint(command: list[str], file: Path | None) -> str:
    """What to do about a command that was not run."""
    return f"if you trust it, add {ALLOWED_COMMANDS}={shlex.join(command)} to {file or '~/.octavia'} or to the environment"


@dataclass(frozen=True)
class Expanded:
    """A text with its variables put in: the values used, those that are missing, the names left for Airbyte to fill in."""

    text: str
    used: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    kept: tuple[str, ...] = ()


def expand(text: str, value: Callable[[str], str], keep: Collection[str] = ()) -> Expanded:
    """Replaces each `${NAME}`, except the names in `keep`; `$${NAME}` stands for the literal text `${NAME}`.

    A variable for which `value` raises Missing stays as written.
    """
    used: list[str] = []
    missing: list[Missing] = []
    kept: list[str] = []

    def replace(match: re.Match[str]) -> str:
        escaped, name = match.group(1), match.group(2)
        if escaped:
            return match.group(0)[1:]
        if name in keep:
            kept.append(name)
            return match.group(0)
        try:
            used.append(value(name))
        except Missing as reason:
            missing.append(reason)
            return match.group(0)
        return used[-1]

    return Expanded(VARIABLE.sub(replace, text), tuple(used), tuple(missing), tuple(kept))


def has_variable(text: object, keep: Collection[str] = ()) -> bool:
    """True when a value is text that holds a `${NAME}` this tool would replace."""
    return isinstance(text, str) and any(not m.group(1) and m.group(2) not in keep for m in VARIABLE.finditer(text))
