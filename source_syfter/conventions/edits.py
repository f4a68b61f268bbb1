"""Edits of a manifest by name, and the expressions that the bundle writes into it.

An edit fails where its field is not there: nothing is overridden in silence.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

Component = dict[str, Any]


@dataclass(frozen=True)
class Assumption:
    """What the connector takes for granted of an instance; docs/api.md is made from these.

    `mark`: E evidenced, I implied, A assumed; `source`: what shows it. `settings`: those that say otherwise.
    """

    topic: str
    text: str
    mark: str
    source: str
    settings: tuple[str, ...]


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


def normalised_address(expression: str) -> str:
    """A template: the address that `expression` finds in a config as typed, in one form.

    What would go over plain http to another machine goes over https unless the user allows it.
    """
    return (
        "{%- set address = (" + expression + ") | trim -%}\n"
        "{%- set address = address if '://' in address else 'https://' ~ address -%}\n"
        "{%- if address[:5] | lower != 'http:' or config.get('allow_insecure_http')\n"
        "  or address | regex_search('(?i)^http://((?:localhost|127(?:[.][0-9]+){3}|.::1.)(?:[:/]|$))') -%}\n"
        "{{ address.rstrip('/') }}\n"
        "{%- else -%}\n"
        "https{{ address[4:].rstrip('/') }}\n"
        "{%- endif -%}\n"
    )


def item(name: str, path: list[str]) -> str:
    """What is in `name` under the keys of `path`."""
    return name + "".join(f"[{json.dumps(step)}]" for step in path)


def leads_somewhere(name: str, path: list[str]) -> str:
    """A condition: each step of `path` leads from an object in `name` to something that is there."""
    parents = [f"{item(name, path[:depth])} is mapping" for depth in range(len(path))]
    return " and ".join([*parents, f"{item(name, path)} is defined"])
