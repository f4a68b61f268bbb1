"""A YAML file as plain data that still knows the line of every field."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import yaml

from airbyte_config_tool.findings import FieldPath, ToolError, dotted

_MERGE = "tag:yaml.org,2002:merge"
_MAX_FIELDS = 100_000
_MAX_BYTES = 20 * 1024 * 1024
_NAMES = {f"tag:yaml.org,2002:{name}": name for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge", "value")}


class _Loader(yaml.SafeLoader):
    """Safe, and leaves dates as text: connectors take strings, and a date object cannot be sent."""


class _FastLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """The same, faster and with less to say of a fault."""


for _each in (_Loader, _FastLoader):
    _each.yaml_implicit_resolvers = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


def _size(node: yaml.Node | None, sizes: dict[int, float]) -> float:
    """How many nodes there are when each alias is written out; infinite when one stands inside what it names.

    Raises YAMLError for a value that JSON, in which all of it travels, does not have.
    """
    if id(node) not in sizes:
        if node is not None and (node.tag not in _NAMES or (_NAMES[node.tag] == "float" and not _is_number(node))):
            raise yaml.MarkedYAMLError(problem="it is no value of JSON: put it in quotes", problem_mark=node.start_mark)
        sizes[id(node)] = math.inf
        inner = node.value if isinstance(node, yaml.SequenceNode) else []
        if isinstance(node, yaml.MappingNode):
            inner = [half for pair in node.value for half in pair]
        sizes[id(node)] = 1 + sum(_size(one, sizes) for one in inner)
    return sizes[id(node)]


def _is_number(node: yaml.Node) -> bool:
    """Whether a number is neither infinite nor none."""
    return str(node.value).lower().strip("+-") not in (".inf", ".nan")


def _refuse_bombs(root: yaml.Node | None) -> None:
    """Raises YAMLError for a few lines whose aliases unfold to more than memory holds, and as `_size` does."""
    sizes: dict[int, float] = {}
    if _size(root, sizes) > max(_MAX_FIELDS, 10 * len(sizes)):
        raise yaml.YAMLError("its aliases unfold to far more than is written, or one stands inside what it names")


def read_text(path: Path) -> str:
    """The text of a file that a project names. Raises ToolError for what is no file, no text or larger than any of these."""
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            raise ToolError(f"{path}: cannot be read: it is no file of at most {_MAX_BYTES} bytes")
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ToolError(f"{path}: cannot be read: {error}") from None


def load_yaml(text: str, origin: str) -> Any:
    """A large document as plain data, fast and without lines. Raises ToolError, which names `origin`."""
    loader = _FastLoader(text)
    try:
        root = loader.get_single_node()
        _refuse_bombs(root)
        return loader.construct_document(root) if root is not None else None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise ToolError(f"{origin} is neither JSON nor YAML that can be read") from None
    finally:
        loader.dispose()


class YamlFile:
    """One parsed file.

    `data` is the content (a mapping), `text` the source, `nodes` the value node and `keys` the key node by field path.
    Raises ToolError, with file and line, for text that is not YAML, not a mapping, or that gives a key twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._overlay: YamlFile | None = None
        self.nodes: dict[FieldPath, yaml.Node] = {}
        self.keys: dict[FieldPath, yaml.Node] = {}
        try:
            self.text = read_text(path)
            loader = _Loader(self.text)
            try:
                root = loader.get_single_node()
                _refuse_bombs(root)
                self._index(root, ())
                self.data: dict[str, Any] = loader.construct_document(root) if root is not None else {}
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise ToolError(f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {_problem(error)}") from None
        except yaml.YAMLError as error:
            raise ToolError(f"{path}:1: not valid YAML: {error}") from None
        except ValueError:  # its text quotes the value
            raise ToolError(f"{path}:1: not valid YAML: a value does not have the form of its type: put it in quotes") from None
        except RecursionError:
            raise ToolError(f"{path}:1: not valid YAML: it is nested too deeply") from None
        if not isinstance(self.data, dict):
            raise ToolError(f"{path}:1: expected `key: value` lines at the top level")

    def overlay(self, other: YamlFile) -> None:
        """Lays another file over this one: its mappings are merged in, any other value of it replaces this one's."""
        self.data = merged(self.data, other.data)
        self._overlay = other

    def place(self, path: FieldPath) -> tuple[Path, int]:
        """File and line of a field, in the overlay when that has it; of the nearest field around it when it is absent."""
        if self._overlay is not None and path in self._overlay.nodes:
            return self._overlay.place(path)
        while path and path not in self.nodes:
            path = path[:-1]
        node = self.keys.get(path) or self.nodes.get(path)
        return self.path, int(node.start_mark.line) + 1 if node is not None else 1

    def line(self, path: FieldPath) -> int:
        """The line of a field; see `place`."""
        return self.place(path)[1]

    def comment(self, path: FieldPath) -> str:
        """What stands behind the `#` on a field's line."""
        return self.text.splitlines()[self.line(path) - 1].partition(" #")[2] if path in self.nodes else ""

    def _index(self, node: yaml.Node | None, path: FieldPath) -> None:
        if node is None:
            return
        self.nodes[path] = node
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                    key.tag = "tag:yaml.org,2002:str"  # `on:` and `1:` are the names of fields, as in JSON
                inner = (*path, str(key.value))
                if inner in self.nodes and key.tag != _MERGE:
                    raise ToolError(f"{self.path}:{key.start_mark.line + 1}: {dotted(inner)} is given twice: keep one")
                self.keys[inner] = key
                self._index(value, inner)
        elif isinstance(node, yaml.SequenceNode):
            for number, value in enumerate(node.value):
                self._index(value, (*path, number))


def merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Both mappings in one; where both say something, `over` does, but for mappings, which are merged in turn."""
    both = {
        key: merged(under[key], value)
        for key, value in over.items()
        if isinstance(under.get(key), dict) and isinstance(value, dict)
    }
    return {**under, **over, **both}


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, without the text of an alias or a tag: a password that begins with `*`, `&` or `!` is taken for one."""
    problem = str(error.problem)
    if re.search("alias|anchor|tag", problem):
        what = problem.split("'")[0].strip()
        return f"{what}: a value that begins with *, & or ! must stand in quotes"
    return problem
