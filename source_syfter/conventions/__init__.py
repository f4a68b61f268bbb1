"""A room per convention: what its settings do to the manifest, how the bundle says it, and how the probe finds it out.

    tailor(definitions, settings)    sets what is structural; what is not stands in the manifest, as a template
    bundle(definitions, settings)    says it in parts of the stock framework, with the settings fixed
    probe(instance)                  finds the settings that make the connector fit an instance
    ASSUMED                          what is taken for granted, how well it is known, and the settings that say otherwise

A room has those that it needs. To add a convention, extend its room and the spec, and give the sandbox a variant that has it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from source_syfter.conventions import address, changes, credentials, fields, paging, records, streams
from source_syfter.conventions.edits import Component
from source_syfter.settings import Settings
from source_syfter.spec import code_of

# In the order of a request and its answer.
ROOMS = (address, credentials, records, paging, changes, fields)


def tailored(manifest: Mapping[str, Any], settings: Settings, in_full: Iterable[str] = ()) -> Component:
    """A copy of `manifest` for `settings`. The CDK sees the result, so what is not overridden costs nothing per record.

    `in_full`: the streams that a connection reads whole, whose state says nothing. Raises a config error for collections
    or parameters that clash.
    """
    result: Component = deepcopy(dict(manifest))
    definitions = result["definitions"]
    for room in (credentials, paging, changes, address):
        room.tailor(definitions, settings)
    handler = definitions["error_handler"]
    handler["codes"] = [code_of(reference) for reference in handler["response_filters"]]
    if settings["requests_per_minute"] is None:
        del result["api_budget"]
    streams.tailor(result, settings)
    streams.read_in_full(result, set(in_full))
    paging.read_pages(result, settings)
    return result
