"""One manifest that needs nothing of this package: for the Connector Builder, the public API, PyAirbyte and Terraform."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Optional

import yaml
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter import config as user_config
from source_syfter.conventions import tailored
from source_syfter.spec import manifest

# The oldest framework that the bundle is made for: what an Airbyte without internet runs for manifests of this major. Only the
# major counts for the server. Nothing newer may be used below (test_runs_on_the_framework_that_it_names).
VERSION = "4.3.0"
# Where the body itself is the array: before this, an empty array, which ends every list, crashes the framework.
VERSION_FOR_ARRAYS = "4.6.2"

_HEADER = """\
# Syfter in one self-contained manifest, made by "source-syfter bundle". Do not edit: change the configuration, make it again.
# It promises less than the package and the image do; docs/connecting.md says what.
"""
_FIXED = 'In this manifest the API conventions are fixed: set it in the configuration and run "source-syfter bundle" again.'
_CUSTOM = "source_syfter."

# Instants as they are asked for and kept: with an offset, because stock cursors do not turn local time into UTC.
_WITH_OFFSET = "%Y-%m-%dT%H:%M:%S.%f%z"
_START = "stream_interval['start_time']"
# Nothing is asked for before there is a state or a start date, as in the package.
_SINCE = "{{ %s if " + _START + "[:10] > '1970-01-01' else '' }}"
_SINCE_ISO = f"format_datetime({_START}, '%Y-%m-%dT%H:%M:%S.%f')[:-3] ~ 'Z'"
_SINCE_EPOCH = f"(timestamp({_START}) * 1000) | round | int"

# An address in one form. What would go over plain http to another machine goes over https unless the user allows it.
_ADDRESS = """\
{%- set address = (ADDRESS) | trim -%}
{%- set address = address if '://' in address else 'https://' ~ address -%}
{%- if address[:5] | lower != 'http:' or config.get('allow_insecure_http')
  or address | regex_search('(?i)^http://((?:localhost|127(?:[.][0-9]+){3}|.::1.)(?:[:/]|$))') -%}
{{ address.rstrip('/') }}
{%- else -%}
https{{ address[4:].rstrip('/') }}
{%- endif -%}
"""

Component = dict[str, Any]


def bundle(config: Optional[Mapping[str, Any]] = None) -> Component:
    """The manifest of stock parts for the conventions and additional collections of `config`; nothing else of it is read.

    Raises a config error that names the field.
    """
    package = manifest()
    chosen = {name: (config or {}).get(name) for name in ("conventions", "additional_collections")}
    # The user chooses the scheme when the manifest runs; this one only makes the config whole.
    chosen["credentials"] = {"auth_type": "bearer", "access_token": "none"}
    source = tailored(package, user_config.checked(chosen, package["spec"]["connection_specification"]))
    definitions = source["definitions"]
    records_path = definitions["record_selector"]["extractor"]["records_path"]
    definitions["unknown_envelope"] = _unknown_envelope(records_path)
    definitions["error_handler"]["response_filters"].append("#/definitions/unknown_envelope")
    streams = [_stock(_with_schema(stream, definitions["base_stream"])) for stream in source["streams"]]
    del definitions["base_stream"]["schema_loader"]
    definitions = {name: _stock(definition) for name, definition in definitions.items()}
    needed = _needed(streams, definitions)
    return {
        "version": VERSION if records_path else VERSION_FOR_ARRAYS,
        "type": "DeclarativeSource",
        "check": source["check"],
        "definitions": {name: definition for name, definition in definitions.items() if name in needed},
        "streams": streams,
        "spec": source["spec"],
    }


def as_yaml(definition: Mapping[str, Any]) -> str:
    """`definition` as text without anchors, which the Connector Builder does not keep."""
    return _HEADER + yaml.dump(definition, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)


def main(args: Sequence[str]) -> int:
    """The command `source-syfter bundle`; `args`: its options. Returns the exit code: 1 if there is no bundle."""
    parser = argparse.ArgumentParser(prog="source-syfter bundle", description=__doc__)
    parser.add_argument("--config", type=Path, help="a configuration; only its conventions and additional collections are used")
    parser.add_argument("-o", "--output", type=Path, help="the file to write; default: standard output")
    options = parser.parse_args(args)
    try:
        text = as_yaml(bundle(user_config.from_file(options.config) if options.config else None))
    except AirbyteTracedException as error:
        print(error.message, file=sys.stderr)
        return 1
    if options.output is None:
        sys.stdout.write(text)
        return 0
    try:
        options.output.write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"--output: {options.output} cannot be written: {error.strerror}.", file=sys.stderr)
        return 1
    return 0


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _with_schema(stream: Component, base: Component) -> Component:
    """`stream` with its schema in it, and without transformations of timestamps that it does not have."""
    name = stream["$parameters"]["name"]
    if "schema_loader" in stream:
        return stream
    schema = json.loads(files("source_syfter").joinpath(f"schemas/{name}.json").read_bytes())
    stream = {**stream, "schema_loader": {"type": "InlineSchemaLoader", "schema": schema}}
    if base.get("transformations"):
        stream["transformations"] = [
            {**each, "fields": [field for field in each["fields"] if field in schema["properties"]]} if "fields" in each else each
            for each in base["transformations"]
        ]
    return stream


def _needed(streams: list[Component], definitions: Component) -> set[str]:
    """The names of the definitions that `streams` lead to."""
    needed: set[str] = set()
    waiting = list(_references(streams))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting += _references(definitions[name])
    return needed


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, str) and node.startswith("#/definitions/"):
        yield node.rpartition("/")[2]


# --- stock parts ------------------------------------------------------------------------------------------------------------


def _stock(node: Any) -> Any:
    """`node` with every part that the framework of `VERSION` does not know replaced by one that it knows."""
    if isinstance(node, list):
        return [part for item in node for part in _parts(item)]
    if not isinstance(node, dict):
        return node
    kind = node.get("class_name", node.get("type"))
    replace = _REPLACED.get(kind.removeprefix(_CUSTOM)) if isinstance(kind, str) else None
    if replace:
        node = replace(node)
    if isinstance(node, list) or (replace and "class_name" in node):
        return _stock(node)
    return {name: _stock(value) for name, value in node.items()}


def _parts(item: Any) -> list[Any]:
    """What stands for `item` in its list: one part may become two."""
    part = _stock(item)
    return part if isinstance(part, list) and not isinstance(item, list) else [part]


def _only_authenticator(guarded: Component) -> Component:
    return dict(guarded["authenticator"])


def _key_header(part: Component) -> Component:
    # As JSON, a key that looks like a number or a quoted text passes the template engine undamaged.
    key = "{{ config['credentials']['api_key'] | trim | tojson }}"
    if part["prefix"]:
        key = f"{part['prefix']}{{{{ config['credentials']['api_key'] | trim }}}}"
    option = {"type": "RequestOption", "inject_into": "header", "field_name": part["header"]}
    return {"type": "ApiKeyAuthenticator", "inject_into": option, "api_token": key}


def _client_credentials(part: Component) -> Component:
    return {
        "type": "OAuthAuthenticator",
        "token_refresh_endpoint": _ADDRESS.replace("ADDRESS", "config['credentials']['token_url']"),
        "client_id": "{{ config['credentials']['client_id'] | tojson }}",
        "client_secret": "{{ config['credentials']['client_secret'] | tojson }}",
        "grant_type": "client_credentials",
        # Not `scopes`: the framework sends those under a name that no provider knows.
        "refresh_request_body": {"scope": "{{ (config['credentials'].get('scopes') or '') | tojson }}"},
    }


def _error_handler(part: Component) -> Component:
    return {
        "type": "DefaultErrorHandler",
        "max_retries": 5,
        "response_filters": part["response_filters"],
        "backoff_strategies": [
            {"type": "WaitTimeFromHeader", "header": "Retry-After", "max_waiting_time_in_seconds": 600},
            {"type": "ExponentialBackoffStrategy", "factor": 2},
        ],
    }


def _response_filter(part: Component) -> Component:
    message = " ".join(part["error_message"].split())
    # There is no budget of requests in this framework.
    message = message.replace('Set "Requests per minute" below its limit, or run', "Run")
    text, _, mark = message.rpartition(" ")
    return {**part, "error_message": f"{text} {_FIXED} {mark}" if "onventions" in text else message}


def _requester(part: Component) -> Component:
    host, path = "{{ config['host'] }}", part["url"]
    parameters = {name: _parameter(value) for name, value in part["request_parameters"].items()}
    return {
        "type": "HttpRequester",
        "url_base": _ADDRESS.replace("ADDRESS", f"config.get('host') or '{user_config.DEFAULT_HOST}'"),
        "path": path.removeprefix(host),
        **{name: part[name] for name in ("http_method", "authenticator", "error_handler", "request_headers")},
        "request_parameters": parameters,
    }


def _parameter(value: str) -> str:
    if "start_time" not in value:
        return value
    return _SINCE % (_SINCE_EPOCH if "'%ms'" in value else _SINCE_ISO)


def _offset(part: Component) -> Component:
    # Without a page size: a server may cap `limit`, so only an empty page ends a list.
    return {"type": "OffsetIncrement"}


def _token(part: Component) -> Component:
    steps = part["token_path"].split(".")
    found = _at("response", steps)
    return {
        "type": "CursorPagination",
        # As JSON for the same reason as the key above: tokens stay as sent.
        "cursor_value": f"{{{{ {found} | tojson }}}}",
        "stop_condition": f"{{{{ not ({_all_objects('response', steps)} and {found}) }}}}",
    }


def _selector(part: Component) -> Component:
    # No filter of records: before CDK 7 a page of which a filter lets nothing through looks like the last one.
    return {"type": "RecordSelector", "extractor": part["extractor"]}


def _extractor(part: Component) -> Component:
    return {"type": "DpathExtractor", "field_path": part["records_path"].split(".") if part["records_path"] else []}


def _unknown_envelope(records_path: str) -> Component:
    """Refuses an answer that holds no array where the records should be; the extractor would take it for an empty page."""
    steps = records_path.split(".") if records_path else []
    records = _at("response", steps)
    is_array = f"{records} is iterable and {records} is not string and {records} is not mapping"
    where = f'under "{records_path}"' if records_path else "as the body itself"
    return {
        "type": "HttpResponseFilter",
        "predicate": f"{{{{ not ({_all_objects('response', steps)} and {is_array}) }}}}",
        "action": "FAIL",
        "failure_type": "config_error",
        "error_message": (
            f"{{{{ parameters['name'] }}}}: no array of records {where} in the answer. Set conventions.records_path to the path "
            "of the records, or mend the host or the path prefix if the answer is no JSON. [unknown-envelope]"
        ),
    }


def _at(name: str, steps: list[str]) -> str:
    return name + "".join(f"[{json.dumps(step)}]" for step in steps)


def _all_objects(name: str, steps: list[str]) -> str:
    """A condition: each step leads from an object to something that is there."""
    parents = [f"{_at(name, steps[:depth])} is mapping" for depth in range(len(steps))]
    return " and ".join([*parents, f"{_at(name, steps)} is defined"])


def _cursor(part: Component) -> Component:
    start = "format_datetime(config['start_date'], '%Y-%m-%dT%H:%M:%S.%f+0000')"
    return {
        "type": "DatetimeBasedCursor",
        "cursor_field": part["cursor_field"],
        "datetime_format": _WITH_OFFSET,
        "cursor_datetime_formats": part["cursor_datetime_formats"],
        "start_datetime": {
            "type": "MinMaxDatetime",
            "datetime": f"{{{{ {start} if config.get('start_date') else '1970-01-01T00:00:00.000000+0000' }}}}",
            "datetime_format": _WITH_OFFSET,
        },
        "lookback_window": part["lookback_window"],
    }


def _rename_id(part: Component) -> list[Component]:
    value = f"{{{{ record[{json.dumps(part['id_field'])}] | tojson }}}}"
    return [
        {"type": "AddFields", "fields": [{"type": "AddedFieldDefinition", "path": ["id"], "value": value}]},
        {"type": "RemoveFields", "field_pointers": [[part["id_field"]]]},
    ]


def _epoch_to_iso(part: Component) -> Component:
    return {
        "type": "AddFields",
        "fields": [{"type": "AddedFieldDefinition", "path": [name], "value": _iso(name)} for name in part["fields"]],
    }


def _iso(name: str) -> str:
    moment = f"now_utc().fromtimestamp(record['{name}'] / 1000, now_utc().tzinfo)"
    text = f"{moment}.strftime('%Y-%m-%dT%H:%M:%S.%f')[:-3] ~ 'Z'"
    return f"{{{{ {text} if record.get('{name}') is number else record.get('{name}') }}}}"


_REPLACED: dict[str, Callable[[Component], Any]] = {
    "transport.Guarded": _only_authenticator,
    "transport.KeyHeader": _key_header,
    "transport.ClientCredentials": _client_credentials,
    "components.ErrorHandler": _error_handler,
    "HttpResponseFilter": _response_filter,
    "HttpRequester": _requester,
    "components.OffsetUntilEmpty": _offset,
    "components.NextToken": _token,
    "RecordSelector": _selector,
    "components.RecordExtractor": _extractor,
    "DatetimeBasedCursor": _cursor,
    "components.RenameId": _rename_id,
    "components.EpochToIso": _epoch_to_iso,
}
