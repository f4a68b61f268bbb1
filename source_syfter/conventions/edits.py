"""Edits of a manifest by name. Each fails where its field is not there: nothing is overridden in silence."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

Component = dict[str, Any]


def reference(name: str) -> str:
    """What stands for the definition `name` elsewhere in a manifest."""
    return f"#/definitions/{name}"


def replace(node: Any, *path: str, value: Any) -> None:
    """Sets the field at `path` below `node`. Raises KeyError where there is none."""
    *parents, name = path
    for step in parents:
        node = node[step]
    if name not in node:
        raise KeyError(name)
    node[name] = value


def expanded(definitions: Component, node: Component, name: str) -> Component:
    """What `node` refers to as `name`, as a part of its own that can be edited."""
    if isinstance(node[name], str):
        node[name] = deepcopy(definitions[node[name].rpartition("/")[2]])
    part: Component = node[name]
    return part


def name_of(stream: Mapping[str, Any]) -> str:
    """The name of a stream of the manifest."""
    return str(stream["$parameters"]["name"])
