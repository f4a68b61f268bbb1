"""A YAML file as plain data that still knows the line of every field."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from airbyte_config_tool.findings import FieldPath, ToolError, dotted

_MERGE = "tag:yaml.org,2002:merge"


class _Loader(yaml.SafeLoader):
    """Safe, and leaves dates as text: connectors take strings, and a date object cannot be sent."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class YamlFile:
    """One parsed file.

    `data` is the content (a mapping), `text` the source, `nodes` the value node and `keys` the key node by field path.
    Raises ToolError, with file and line, for text that is not YAML, not a mapping, or that gives a key twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.nodes: dict[FieldPath, yaml.Node] = {}
        self.keys: dict[FieldPath, yaml.Node] = {}
        try:
            self.text = path.read_text(encoding="utf-8-sig")
            loader = _Loader(self.text)
            try:
                root = loader.get_single_node()
                self._index(root, ())
                self.data: dict[str, Any] = loader.construct_document(root) if root is not None else {}
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise ToolError(f"{path}:{mark.line + 1 if mark else 1}: not valid YAML: {_problem(error)}") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise ToolError(f"{path}: cannot be read: {error}") from None
        except ValueError:  # its text quotes the value
            raise ToolError(f"{path}:1: not valid YAML: a value does not have the form of its type: put it in quotes") from None
        except RecursionError:
            raise ToolError(f"{path}:1: not valid YAML: an alias stands inside what it names") from None
        if not isinstance(self.data, dict):
            raise ToolError(f"{path}:1: expected `key: value` lines at the top level")

    def line(self, path: FieldPath) -> int:
        """The line of a field; of the nearest field around it when it is absent."""
        while path and path not in self.nodes:
            path = path[:-1]
        node = self.keys.get(path) or self.nodes.get(path)
        return int(node.start_mark.line) + 1 if node is not None else 1

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


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, without the text of an alias or a tag: a password that begins with `*`, `&` or `!` is taken for one."""
    problem = str(error.problem)
    if re.search("alias|anchor|tag", problem):
        what = problem.split("'")[0].strip()
        return f"{what}: a value that begins with *, & or ! must stand in quotes"
    return problem
