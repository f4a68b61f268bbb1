"""What a check says: one fault, where it is and how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ERROR = "error"
WARNING = "warning"
IMPORT_OCTAVIA = "run: airbyte-config-tool import-octavia"

FieldPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Finding:
    """One fault. `message` and `fix` never hold a secret value. `by_hand` is the fix where `import-octavia` has none to offer."""

    code: str
    file: Path
    line: int
    field: str
    message: str
    fix: str
    severity: str = ERROR
    by_hand: str = ""

    def as_json(self, root: Path) -> dict[str, object]:
        """The finding as plain data, with its file relative to `root` where it lies inside."""
        return {
            "code": self.code,
            "severity": self.severity,
            "file": relative(self.file, root),
            "line": self.line,
            "field": self.field,
            "message": self.message,
            "fix": self.fix,
        }


class ToolError(Exception):
    """Anything the user must fix. The text is for the user; the command ends with exit code 1."""

    def __init__(self, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix


def relative(path: Path, root: Path) -> str:
    """`path` as the user would type it from `root`."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(path)


def dotted(path: FieldPath) -> str:
    """A field path in words: ("streams", 0, "name") is `streams[0].name`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
