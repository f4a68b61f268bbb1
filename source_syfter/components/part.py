"""What the custom components of the manifest have in common."""

# No `from __future__ import annotations`: the CDK evaluates the annotations of components, and Python 3.10 cannot evaluate
# an `InitVar` that is written as text.

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, fields
from typing import Any

from airbyte_cdk.sources.declarative.interpolation.jinja import JinjaInterpolation
from airbyte_cdk.sources.types import Config

from source_syfter.context import context_of

_JINJA = JinjaInterpolation()


@dataclass
class Part:
    """A component knows its stream and the context of its run, and may have text fields that are templates over the settings.

    These are evaluated once, when the component is made: a template costs 50 microseconds.
    """

    config: Config
    parameters: InitVar[Mapping[str, Any]]

    def __post_init__(self, parameters: Mapping[str, Any]) -> None:
        self._stream = str(parameters.get("name", "records"))
        self._context = context_of(self.config)

        def evaluated(value: Any) -> Any:
            if isinstance(value, dict) and value is not self.config:
                return {key: evaluated(item) for key, item in value.items()}
            if isinstance(value, str) and "{{" in value:
                # Texts only: the engine would turn a name such as "1e5" into a number.
                return str(_JINJA.eval(value, self.config, valid_types=(str,), parameters=parameters) or "")
            return value

        for name in (field.name for field in fields(self)):
            setattr(self, name, evaluated(getattr(self, name)))
