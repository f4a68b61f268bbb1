"""Where the API lies: host, path prefix, and the paths of collections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Optional

from source_syfter import problems
from source_syfter.components.naming import singular
from source_syfter.conventions import credentials
from source_syfter.conventions.edits import Assumption, Component, normalised_address, replace
from source_syfter.probing import bodies
from source_syfter.probing.client import Answer
from source_syfter.probing.instance import Instance
from source_syfter.problems import SyfterError
from source_syfter.settings import Settings

# The collections that public sources name.
_PUBLIC = ["companies", "articles", "custom_property_values"]

# What the probe tries, likeliest first: prefixes, ...
_PREFIXES = """
    api / v1 api/v1 v2 api/v2 v3 api/v3 v4 rest v1.0 rest/v1 api/rest public/v1 platform api/v4 v2.0 1.0 v5 api/v2.0 api/v1.0
    api/public/v1 rest/api api/public external/v1 public 2.0 api/1.0 api/external/v1 api/v5 public/api/v1 public-api/v1
    rest/api/v1 v3.1 api/latest beta v2.1 api/2.0 services open/v1 v6 api/v6 app/api data/v1 core/v1
"""
# ... how collections may be written: case, singular, and what follows; the first is as assumed, ...
_CASES: dict[str, Callable[[list[str]], str]] = {
    "kebab": "-".join,
    "snake": "_".join,
    "camel": lambda words: words[0] + "".join(word.capitalize() for word in words[1:]),
    "pascal": lambda words: "".join(word.capitalize() for word in words),
    "plain": "".join,
    "space": lambda words: " ".join(word.capitalize() for word in words),
}
_ENDS = ["", "/search", "/list", ".json", "/query", "/advanced_search", "/all", "/"]
_FIRST_PATHS = """
    companies company companies/search company/list Companies companies/ company/ companies/query companies/list Company
    companies.json company/search company/query companies/advanced_search
"""
# ... and where a description of the API, or a list of its addresses, may lie.
_DESCRIPTIONS = ["openapi.json", "", "api/openapi.json", "swagger.json", "api-json", "v3/api-docs", "swagger/v1/swagger.json"]
# How many addresses are tried before those, and in all.
_BEFORE_DESCRIPTIONS, _MOST_ADDRESSES = 6, 70


ASSUMED = [
    Assumption(
        "host", "one instance for each client; `https://app.syfter.ai` unless told otherwise", "E", "Node-RED nodes", ("host",)
    ),
    Assumption("path prefix", "`/api/`, no version", "E", "Node-RED nodes", ("conventions.path_prefix",)),
    Assumption(
        "companies, articles, custom property values",
        "`/api/companies`, `/api/articles`, `/api/custom-property-values`",
        "E",
        "Node-RED nodes (they write there)",
        ("collections[].path",),
    ),
    Assumption(
        "the other six collections",
        "the object or table is evidenced, its address follows the pattern",
        "A",
        "coding test, Node-RED nodes",
        ("collections[].path",),
    ),
    Assumption("list request", "`GET`, answered with JSON", "A", "", ("conventions.method",)),
]


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
    requester = requester.get("requester", requester)
    found: Component
    if "request_body" in requester:
        found = requester["request_body"]["value"]
    else:
        found = requester["request_body_json" if "request_body_json" in requester else "request_parameters"]
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
        answer = _with_method(instance, credentials.probe(instance, answer))
    if answer.missing and all(instance.first(name).missing for name in _PUBLIC):
        answer = _try_prefixes(instance)
    if answer.status in (400, 403) and not any(instance.first(name).ok for name in _PUBLIC):
        # Some gateways say so where there is no key that they know, and only then whether the address is.
        answer = _with_method(instance, credentials.probe(instance, answer))
        if answer.missing:
            answer = _try_prefixes(instance)
    if answer.error and (answer.status in (400, 401, 403, 429) or answer.status >= 500):
        credentials.report_refusal(instance, answer)
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
            answer = _with_method(instance, credentials.probe(instance, answer))
        if not answer.missing:
            return answer
    raise redirected or problems.NOTHING_FOUND(host=instance.settings["host"])


def _with_method(instance: Instance, answer: Answer) -> Answer:
    """The answer to a POST where GET is refused, and nowhere else: it may create something."""
    if answer.status != 405:
        return answer
    instance.change(method="POST")
    return instance.first(_PUBLIC[0])


def _addresses(instance: Instance) -> Iterator[tuple[str, str]]:
    """Prefixes and paths of the first collection: likely ones, those that the instance describes, and less likely ones."""
    given = (instance.assumed["path_prefix"], instance.paths[_PUBLIC[0]])
    usual_ones = ([prefix.strip("/") for prefix in _PREFIXES.split()], _FIRST_PATHS.split())
    prefixes, paths = (list(dict.fromkeys([own, *usual])) for own, usual in zip(given, usual_ones, strict=True))
    places = [(row, column) for row in range(len(prefixes)) for column in range(len(paths))]
    # Unusual paths are rarer than unusual prefixes.
    places.sort(key=lambda place: (place[0] + 1) * (place[1] + 1) ** 1.5)
    usual = [(prefixes[row], paths[column]) for row, column in places[:_MOST_ADDRESSES]]
    yield from usual[:_BEFORE_DESCRIPTIONS]
    for path in _DESCRIPTIONS:
        try:
            body = instance.client.get(path, {}).body
        except SyfterError as error:
            _only_redirected(error)
            continue
        for prefix, found in bodies.described(body, list(instance.schemas)):
            if _PUBLIC[0] in found:
                instance.paths |= found
                yield prefix, found[_PUBLIC[0]]
    yield from usual[_BEFORE_DESCRIPTIONS:]


def _find_paths(instance: Instance) -> None:
    """Finds how the collections are written, from how the first one is and by trying a name of several words."""
    first = instance.paths[_PUBLIC[0]]
    end = next((end for end in _ENDS[1:] if first.endswith(end)), "")
    is_singular = first.removesuffix(end).lower() == "company"

    def written(name: str, case: str) -> str:
        words = name.split("_")
        if is_singular:
            words[-1] = singular(words[-1])
        return _CASES[case](words) + end

    if first == written(_PUBLIC[0], "pascal" if first[:1].isupper() else "kebab") and (
        is_singular or end or first[:1].isupper() or instance.first(_PUBLIC[2]).missing
    ):
        given = instance.paths[_PUBLIC[2]]
        for case in ("pascal", "space") if first[:1].isupper() else ("kebab", "snake", "camel", "plain"):
            instance.paths[_PUBLIC[2]] = written(_PUBLIC[2], case)
            instance.change()
            if not instance.first(_PUBLIC[2]).missing:
                instance.paths |= {name: written(name, case) for name in instance.schemas}
                break
        else:
            instance.paths[_PUBLIC[2]] = given
            instance.change()
    for name in instance.schemas:
        if instance.paths[name] != instance.given_paths[name]:
            instance.differs(name, "path", instance.paths[name])
