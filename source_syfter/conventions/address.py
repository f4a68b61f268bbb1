"""Where the API lies: host, path prefix, and the paths of collections."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from source_syfter import problems
from source_syfter.conventions import credentials
from source_syfter.conventions.edits import Component, normalised_address, replace
from source_syfter.probing import bodies
from source_syfter.probing.client import Answer
from source_syfter.probing.instance import Instance
from source_syfter.problems import SyfterError
from source_syfter.settings import Settings

# The collections that public sources name.
_PUBLIC = ["companies", "articles", "custom_property_values"]

# What the probe tries, likeliest first: prefixes, and where a description of the API may lie.
_PREFIXES = ["api", "api/v1", "v1", "", "api/v2", "v2", "rest", "api/rest", "rest/v1", "api/public", "api/public/v1"]
_DESCRIPTIONS = ["openapi.json", "api/openapi.json", "swagger.json", "api-json", "v3/api-docs"]


def tailor(definitions: Component, settings: Settings) -> None:
    """Puts the parameters of a list call into the body of a POST."""
    if settings["conventions"]["method"] == "GET":
        return
    replace(definitions, "requester", "http_method", value="POST")
    parameters = definitions["requester"].pop("request_parameters")
    definitions["requester"]["request_body"] = {"type": "RequestBodyJsonObject", "value": parameters}
    options = [definitions["page_size_option"]]
    options += [part["page_token_option"] for part in definitions.values() if "page_token_option" in part]
    for option in options:
        if "inject_into" in option:
            option["inject_into"] = "body_json"


def parameters_of(requester: Component) -> Component:
    """The parameters of a list call, wherever they travel."""
    body = requester.get("request_body", {}).get("value") or requester.get("request_body_json")
    found: Component = requester["request_parameters"] if body is None else body
    return found


def bundle(definitions: Component, settings: Settings) -> None:
    """The address of a collection."""
    prefix = settings["conventions"]["path_prefix"]
    definitions["requester"] |= {
        "url_base": normalised_address(f"config.get('host') or '{settings['host']}'"),
        "path": f"{'/' if prefix else ''}{prefix}/{{{{ parameters['collection'] }}}}",
    }


def bundle_method(definitions: Component, settings: Settings) -> None:
    """Puts the parameters of a list call into the body of a POST, in stock parts."""
    if settings["conventions"]["method"] == "POST":
        tailor(definitions, settings)
        definitions["requester"]["request_body_json"] = definitions["requester"].pop("request_body")["value"]


def probe(instance: Instance) -> None:
    """Finds the path prefix and where the key goes. Raises the error of a read if nothing of the API answers."""
    try:
        answer = instance.first(_PUBLIC[0])
    except SyfterError as error:
        # A gateway may send what it does not know to a page for people, elsewhere.
        answer = _try_prefixes(instance, _only_redirected(error))
    if answer.status == 401:
        answer = credentials.probe(instance, answer)
    if answer.missing and all(instance.first(name).missing for name in _PUBLIC):
        answer = _try_prefixes(instance)
    if answer.status == 403 and all(instance.first(name).status == 403 for name in _PUBLIC):
        # Some gateways say so where there is no key that they know.
        answer = credentials.probe(instance, answer)
    if answer.error and (answer.status in (401, 429) or answer.status >= 500):
        raise answer.error
    way = "over TLS" if instance.settings["host"].startswith("https:") else "without encryption"
    instance.note("connection", "matches", f"the instance answers, {way}, and takes the credentials")
    credentials.report(instance)
    instance.conclude("path prefix", "path_prefix", f"/{instance.conventions['path_prefix']}")


def _only_redirected(error: SyfterError) -> SyfterError:
    if error.code != problems.REDIRECTED.code:
        raise error
    return error


def _try_prefixes(instance: Instance, redirected: Optional[SyfterError] = None) -> Answer:
    """The answer under the first prefix that leads to the API. `redirected`: where the assumed one led to another host."""
    tried = {instance.conventions["path_prefix"]}
    for prefix in _prefixes(instance):
        if prefix in tried:
            continue
        tried.add(prefix)
        instance.change(path_prefix=prefix)
        try:
            answer = instance.first(_PUBLIC[0])
        except SyfterError as error:
            _only_redirected(error)
            continue
        if answer.status == 401:
            answer = credentials.probe(instance, answer)
        if not answer.missing:
            return answer
    raise redirected or problems.NOTHING_FOUND(host=instance.settings["host"])


def _prefixes(instance: Instance) -> Iterator[str]:
    yield from _PREFIXES
    for path in _DESCRIPTIONS:
        try:
            body = instance.client.get(path, {}).body
        except SyfterError as error:
            _only_redirected(error)
        else:
            yield from bodies.described(body, list(instance.paths.values()))
