"""Expressions of the template engine that the bundle is made of."""

from __future__ import annotations

import json


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
