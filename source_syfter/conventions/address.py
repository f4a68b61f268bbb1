"""Where the API lies: host, path prefix, and the paths of collections."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
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
_MORE_PREFIXES = ["v3", "v4", "api/v3", "rest/api", "public/v1", "v2.0", "v1.0", "platform", "api/v2.0", "external/v1"]
# How collections may be written: case, singular, and what follows. The first is as assumed.
_CASES: dict[str, Callable[[list[str]], str]] = {
    "kebab": "-".join,
    "snake": "_".join,
    "camel": lambda words: words[0] + "".join(word.capitalize() for word in words[1:]),
    "pascal": lambda words: "".join(word.capitalize() for word in words),
}
_ENDS = ["", "/search", "/list", "/query"]
_OTHER_PATHS = ["company", "companies/search", "Companies", "companies/list", "company/search", "company/list", "companies/query"]
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
        answer = _with_method(instance, instance.first(_PUBLIC[0]))
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
    if instance.conventions["method"] != "GET":
        instance.conclude("method", "method", instance.conventions["method"])
    _find_paths(instance)
    instance.conclude("path prefix", "path_prefix", f"/{instance.conventions['path_prefix']}")


def _only_redirected(error: SyfterError) -> SyfterError:
    if error.code != problems.REDIRECTED.code:
        raise error
    return error


def _try_prefixes(instance: Instance, redirected: Optional[SyfterError] = None) -> Answer:
    """The answer under the first address that leads to the API. `redirected`: where the assumed one led to another host."""
    tried = {(instance.conventions["path_prefix"], instance.paths[_PUBLIC[0]])}
    for prefix, path in _addresses(instance):
        if (prefix, path) in tried:
            continue
        tried.add((prefix, path))
        instance.paths[_PUBLIC[0]] = path
        instance.change(path_prefix=prefix)
        try:
            answer = _with_method(instance, instance.first(_PUBLIC[0]))
        except SyfterError as error:
            _only_redirected(error)
            continue
        if answer.status == 401:
            answer = credentials.probe(instance, answer)
        if not answer.missing:
            return answer
    raise redirected or problems.NOTHING_FOUND(host=instance.settings["host"])


def _with_method(instance: Instance, answer: Answer) -> Answer:
    """The answer to a POST where GET is refused."""
    if answer.status != 405:
        return answer
    instance.change(method="POST")
    return instance.first(_PUBLIC[0])


def _addresses(instance: Instance) -> Iterator[tuple[str, str]]:
    """Prefixes and paths of the first collection, likeliest first: as it is written, then in other forms below fewer prefixes."""
    assumed = instance.paths[_PUBLIC[0]]
    for prefix in _prefixes(instance):
        yield prefix, assumed
    for path in (
        "company",
        "companies/search",
        "Companies",
        "companies/list",
        "company/search",
        "company/list",
        "companies/query",
    ):
        for prefix in (instance.assumed["path_prefix"], *_PREFIXES[:4]):
            yield prefix, path
    for prefix in _MORE_PREFIXES:
        yield prefix, assumed


def _find_paths(instance: Instance) -> None:
    """Finds how the collections are written, from how the first one is and by trying one of several words."""
    first = instance.paths[_PUBLIC[0]]
    end = next((end for end in _ENDS[1:] if first.endswith(end)), "")
    singular = first.removesuffix(end).lower() == "company"

    def written(name: str, case: str) -> str:
        words = name.split("_")
        if singular:
            words[-1] = re.sub(r"s$", "", re.sub(r"ies$", "y", words[-1]))
        return _CASES[case](words) + end

    if (first == written(_PUBLIC[0], "kebab") and (singular or end)) or instance.first(_PUBLIC[2]).missing:
        cases = ["pascal"] if first[:1].isupper() else list(_CASES)
        for case in cases:
            instance.paths[_PUBLIC[2]] = written(_PUBLIC[2], case)
            instance.change()
            if not instance.first(_PUBLIC[2]).missing:
                for name in instance.schemas:
                    path = written(name, case)
                    if path != written(name, "kebab") or singular or end:
                        instance.paths[name] = path
                        instance.differs(name, "path", path)
                return
        instance.paths[_PUBLIC[2]] = _PUBLIC[2].replace("_", "-")
        instance.change()
    if first != _PUBLIC[0]:
        instance.differs(_PUBLIC[0], "path", first)


def _prefixes(instance: Instance) -> Iterator[str]:
    yield from _PREFIXES
    for path in _DESCRIPTIONS:
        try:
            body = instance.client.get(path, {}).body
        except SyfterError as error:
            _only_redirected(error)
        else:
            yield from bodies.described(body, list(instance.paths.values()))
