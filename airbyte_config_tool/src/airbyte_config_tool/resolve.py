"""A configuration as it will be sent: variables put in, types as the spec asks, secrets known by their place."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from airbyte_config_tool.differ import SERVER_MASK
from airbyte_config_tool.findings import FieldPath, dotted
from airbyte_config_tool.masking import Masker
from airbyte_config_tool.specs import coerce, deep_copy, is_secret, leaves, with_value, without_nulls
from airbyte_config_tool.variables import RUNTIME_TEMPLATES, Missing, Variables

Json = dict[str, Any]
PLACEHOLDER = "placeholder"


@dataclass
class Resolved:
    """`configuration` is ready to send when `missing` is empty.

    `secrets` holds the values of secret fields, `from_variables` the fields that hold at least one variable (not shown either,
    because a variable may carry a secret into any field), `literal_secrets` the secret fields written out in the file,
    `missing` and `kept` the unset variables and the runtime templates by field, `taken_over` the secrets that were imported and
    have no value here: Airbyte keeps what it has where its own mask is sent.
    """

    configuration: Json
    secrets: dict[FieldPath, str] = field(default_factory=dict)
    from_variables: set[FieldPath] = field(default_factory=set)
    literal_secrets: list[FieldPath] = field(default_factory=list)
    missing: list[tuple[FieldPath, Missing]] = field(default_factory=list)
    kept: list[tuple[FieldPath, str]] = field(default_factory=list)
    taken_over: set[FieldPath] = field(default_factory=set)

    def hidden(self, path: FieldPath) -> bool:
        """True for a field whose value is never shown."""
        return path in self.secrets or path in self.from_variables

    def without_secrets(self) -> Json:
        """The configuration with a placeholder for every secret, for `discover` and `bundle`."""
        public = deep_copy(self.configuration)
        for path in self.secrets:
            with_value(public, path, PLACEHOLDER)
        return dict(without_nulls(public))


def resolve(
    configuration: Json, spec: Json | None, variables: Variables, masker: Masker, imported: Collection[str] = ()
) -> Resolved:
    """Puts variables into every text of a configuration; every value that they bring is given to the masker.

    `imported` names the fields whose secrets were taken over from Airbyte.
    """
    result = Resolved(deep_copy(configuration))
    for path, value, _ in list(leaves(None, result.configuration)):
        if not isinstance(value, str) or "json_schema" in path:
            continue
        name = next((str(part) for part in reversed(path) if isinstance(part, str)), "")
        expanded = variables.expand(value, RUNTIME_TEMPLATES.get(name, ()))
        if expanded.missing and dotted(("configuration", *path)) in imported:
            with_value(result.configuration, path, SERVER_MASK)
            result.taken_over.add(path)
            continue
        with_value(result.configuration, path, expanded.text)
        result.missing += [(path, missing) for missing in expanded.missing]
        result.kept += [(path, kept) for kept in expanded.kept]
        if expanded.used:
            result.from_variables.add(path)
        for used in expanded.used:
            masker.add(used, certain=False)
    missing_paths = {path for path, _ in result.missing}
    for path, value, schema in list(leaves(spec, result.configuration)):
        if path in result.from_variables and path not in missing_paths and isinstance(value, str):
            with_value(result.configuration, path, coerce(value, schema))
        # Airbyte's mask stands for a secret wherever it was copied to.
        if value in (None, "") or not (is_secret(path, schema) or value == SERVER_MASK):
            continue
        result.secrets[path] = str(value)
        if path in result.taken_over:
            continue
        if path not in missing_paths:
            masker.add(value)
        if path not in result.from_variables and path not in missing_paths:
            result.literal_secrets.append(path)
    return result
