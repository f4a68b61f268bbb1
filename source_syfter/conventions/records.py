"""The envelope: where the records lie in an answer."""

from __future__ import annotations

from functools import partial
from typing import Optional

from source_syfter import problems
from source_syfter.components.pages import at, place, steps
from source_syfter.conventions.edits import Assumption, Component, expanded, item, leads_somewhere, reference
from source_syfter.probing import bodies
from source_syfter.probing.client import Answer
from source_syfter.probing.instance import Instance
from source_syfter.settings import Settings

ASSUMED = [
    Assumption("envelope", '`{"data": [...], "total": N}`', "A", "", ("conventions.records_path", "collections[].records_path")),
]


def bundle(definitions: Component, settings: Settings) -> None:
    """The stock extractor, and a filter that refuses what it would take for an empty page."""
    path = settings["conventions"]["records_path"]
    definitions["record_selector"] = selector(path)
    definitions[_FILTER] = envelope_filter(path, settings["conventions"]["total_path"])
    definitions["error_handler"]["response_filters"].append(reference(_FILTER))


def bundle_own(definitions: Component, stream: Component, path: str, total_path: str) -> None:
    """The same for a stream whose records lie elsewhere."""
    stream["retriever"]["record_selector"] = selector(path)
    requester = expanded(definitions, stream["retriever"], "requester")
    filters = expanded(definitions, requester, "error_handler")["response_filters"]
    filters[filters.index(reference(_FILTER))] = {
        **definitions[_FILTER],
        **envelope_filter(path, total_path, definitions[_FILTER]),
    }


_FILTER = problems.UNKNOWN_ENVELOPE.code.replace("-", "_")


def selector(path: str) -> Component:
    """The stock record selector. No filter of records: before CDK 7 a page of which a filter lets nothing through ends a list."""
    return {"type": "RecordSelector", "extractor": {"type": "DpathExtractor", "field_path": steps(path)}}


def envelope_filter(path: str, total_path: str, like: Optional[Component] = None) -> Component:
    """A filter that refuses an answer without an array at `path`, unless it says at `total_path` that there are no records.

    `like`: one that has its words already.
    """
    problem, records = problems.UNKNOWN_ENVELOPE, item("response", steps(path))
    total, there = item("response", steps(total_path)), leads_somewhere("response", steps(path))
    says_none = f"{leads_somewhere('response', steps(total_path))} and {total} in (0, '0')" if total_path else "false"
    is_array = f"{records} is iterable and {records} is not string and {records} is not mapping"
    cause = problem.cause.format(stream="{{ parameters['name'] }}", where=place(path), shape="")
    return {
        "type": "HttpResponseFilter",
        "predicate": f"{{{{ not ({there} and {is_array} or {says_none} and not ({there} and {records})) }}}}",
        "action": "FAIL",
        "failure_type": problem.kind.value,
        "error_message": cause + ". {{ parameters['remedy'] }}" + (f" [{problem.code}]" if like else ""),
        "$parameters": like["$parameters"] if like else {"remedy": problem.remedy},
    }


def probe(instance: Instance) -> None:
    """Finds where the records of each collection lie, and chooses the one to look at: the first with most records.

    Where few were asked for and more came, a list of a few records would show neither that nor how it goes on.
    """
    found: dict[str, str] = {}
    best, unknown = (-1, "", Answer(0)), ""
    for name in instance.paths:
        answer = instance.first(name)
        known = partial(instance.known, name)
        path = bodies.envelope(answer.body, instance.records_path(name), name, known) if answer.ok else None
        if path is None:
            if answer.ok:
                unknown = name
                instance.no_records.add(name)
            continue
        count = len(at(answer.body, steps(path)))
        # An empty array says something only where it is not in its place, or in none.
        if count or path != instance.records_path(name):
            found[name] = path
        if count > best[0]:
            best = (count, name, answer)
    count, instance.main, answer = best
    if found:
        _settle_paths(instance, found)
    if count > 0:
        instance.sample_from(answer)
    elif unknown:
        instance.note("records", "fault", f"no array of records in the answer for {unknown} at any place that a setting can name")
    elif any(instance.first(name).ok for name in instance.paths):
        instance.note("records", "unknown", "no collection holds a record that may be read, so nothing more can be found out")


def _is_elsewhere(instance: Instance, name: str, path: str, common: str) -> bool:
    """Whether the records of a collection, of which it has none, lie in the usual place, and something else at `path`."""
    body = instance.first(name).body
    most = max((instance.known(name, row) for row in at(body, steps(path))), default=0)
    return at(body, steps(common)) == [] and bodies.is_doubtful(most)


def _settle_paths(instance: Instance, found: dict[str, str]) -> None:
    """The most common path is the convention, and others are said of their collections."""
    paths, assumed = list(found.values()), instance.conventions["records_path"]
    common = max(paths, key=lambda path: (paths.count(path), path == assumed))
    if assumed in paths and paths.count(common) == 1:
        common = assumed
    given = {name: instance.given.get(name, {}).get("records_path") for name in found}
    instance.conventions["records_path"] = common
    instance.conclude("records", "records_path", place(common))
    for name, path in found.items():
        instance.own[name].pop("records_path", None)
        if path != common and not _is_elsewhere(instance, name, path, common):
            instance.differs(name, "records_path", path, path != given[name])
