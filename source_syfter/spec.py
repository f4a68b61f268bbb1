"""The manifest as a file, and the answer to `spec`. No CDK: `spec` is the first thing that a platform waits for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import yaml

# The same as the safe loader, ten times as fast where PyYAML was built with libyaml.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def manifest() -> dict[str, Any]:
    """The connector's manifest as it is in the package."""
    loaded: dict[str, Any] = yaml.load(files("source_syfter").joinpath("manifest.yaml").read_bytes(), Loader=_Loader)  # noqa: S506
    return loaded


def code_of(response_filter: str) -> str:
    """The code of the errors that a named filter of the manifest makes; `response_filter`: its name, or a reference to it."""
    name = response_filter.rpartition("/")[2]
    return name.partition("__")[0].replace("_", "-")


def name_of(stream: Mapping[str, Any]) -> str:
    """The name of a stream of the manifest."""
    return str(stream["$parameters"]["name"])


def print_spec() -> None:
    """Prints the SPEC message, as the CDK makes it from the manifest (test_spec_is_what_the_cdk_says)."""
    spec = manifest()["spec"]
    document = {"documentationUrl": spec["documentation_url"], "connectionSpecification": spec["connection_specification"]}
    print(json.dumps({"type": "SPEC", "spec": document}))
