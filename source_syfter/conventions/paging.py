"""Paging: the page size, what leads to the next page, and where a list ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional

from requests.utils import parse_header_links

from source_syfter import problems
from source_syfter.components.pages import at, steps
from source_syfter.conventions.edits import Component, item, leads_somewhere, reference, replace
from source_syfter.probing import bodies
from source_syfter.probing.instance import FEW, Instance
from source_syfter.settings import Settings

# What the probe tries, likeliest first.
# fmt: off
_LIMITS = ["limit", "per_page", "page_size", "take", "first", "size", "count", "top", "pageSize", "perPage", "max_results",
           "numRecords", "max", "ps", "items_per_page", "top", "$top", "page[size]", "page[limit]"]
_NAMES = {
    "cursor": ["cursor", "after", "next", "page_token", "starting_after", "next_cursor", "pageToken", "next_token", "token",
               "from", "continuation_token", "continuation", "start_after", "scroll_id", "after_id"],
    "offset": ["offset", "skip", "start", "from", "startAt", "start_index", "startIndex", "$skip", "page[offset]"],
    "last_record": ["starting_after", "after", "since_id", "after_id", "last_id", "page[after]", "from_id"],
    "page": ["page", "page_number", "pageNumber", "p", "page_no", "pageIndex", "page_index", "page[number]"],
}
# fmt: on
# What a way to page has beside its parameter.
_MORE_SETTINGS = {"cursor": ["cursor_path"], "page": ["first_page"]}
# The parameter that leads on, by the way to page, and those beside it.
_PARAMETERS = {
    **{way: f"{way}_parameter" for way in ("offset", "page", "cursor")},
    "last_record": "cursor_parameter",
}
_OTHERS = ("updated_since_parameter", "api_key_parameter")
_LARGEST_PAGE = 1000
_BEYOND = 100_000


def tailor(definitions: Component, settings: Settings) -> None:
    """Chooses the paginator, and asks for no page size where no parameter sets it."""
    conventions = settings["conventions"]
    name = f"{conventions['paging']}_paginator"
    replace(definitions, "base_stream", "retriever", "paginator", value=reference(name))
    if not conventions["limit_parameter"]:
        definitions[name].pop("page_size_option", None)
    elif conventions["paging"] == "next_url":
        definitions["requester"]["request_parameters"] |= definitions["first_page_parameters"]
    names = [conventions[name] for name in ("limit_parameter", _PARAMETERS.get(conventions["paging"], ""), *_OTHERS) if name]
    for name in filter(None, names):
        if names.count(name) > 1:
            raise problems.PARAMETER_TWICE(name=name)


def bundle(definitions: Component, settings: Settings) -> None:
    """The stock paginator, without a page size of its own: a server may give fewer, so only an empty page ends a list."""
    conventions, paging = settings["conventions"], settings["conventions"]["paging"]
    name = f"{paging}_paginator"
    if paging == "none":
        definitions[name] = {"type": "NoPagination"}
    else:
        parameter = conventions[_PARAMETERS[paging]]
        option = {"type": "RequestOption", "inject_into": "request_parameter", "field_name": parameter}
        strategy = _strategy(conventions)
        definitions[name] = {"type": "DefaultPaginator", "page_token_option": option, "pagination_strategy": strategy}
        if conventions["limit_parameter"]:
            size = f"{{{{ config.get('page_size') or {settings['page_size']} }}}}"
            definitions["requester"]["request_parameters"][conventions["limit_parameter"]] = size
    definitions["base_stream"]["retriever"]["paginator"] = reference(name)


def _strategy(conventions: Settings) -> Component:
    paging = conventions["paging"]
    if paging == "offset":
        return {"type": "OffsetIncrement"}
    if paging == "page":
        return {"type": "PageIncrement", "start_from_page": conventions["first_page"], "inject_on_first_request": True}
    if paging == "last_record":
        field = conventions["last_record_field"] or conventions["id_field"]
        # After the transformations, the known fields have their new names.
        known = {conventions[f"{name}_field"]: name for name in ("id", "created_at", "updated_at")}
        value = item("last_record", [str(known.get(field, field))])
        return {
            "type": "CursorPagination",
            "cursor_value": f"{{{{ {value} | tojson }}}}",
            "stop_condition": "{{ last_page_size == 0 }}",
        }
    path = steps(conventions["cursor_path"])
    token, there = item("response", path), leads_somewhere("response", path)
    if len(path) == 1:
        # The name of a header, where the body has no such field.
        token = f"({token} if {there} else {item('headers', path)} if {json.dumps(path[0])} in headers else '')"
        there = "true"
    stop = f"{{{{ not ({there} and {token}) }}}}"
    # As JSON, a token that looks like a number or a quoted text stays as sent.
    return {"type": "CursorPagination", "cursor_value": f"{{{{ {token} | tojson }}}}", "stop_condition": stop}


def probe(instance: Instance) -> None:
    """Finds how a list is read from its beginning to its end."""
    _find_limit(instance)
    _find_way(instance)
    _find_largest_page(instance)
    _find_order(instance)


def _find_limit(instance: Instance) -> None:
    refused = instance.limit is None and bool(instance.conventions["limit_parameter"])
    if instance.limit and len(instance.sample) <= FEW:
        return

    def limits_to_two(names: Sequence[str]) -> Optional[bool]:
        records = instance.records(instance.ask(instance.main, dict.fromkeys(names, 2)))
        return None if records is None else len(records) == 2

    candidates = [name for name in _LIMITS if name != instance.conventions["limit_parameter"]]
    found = instance.bisect(candidates, limits_to_two) if len(instance.sample) > 2 else None
    if found:
        instance.limit = instance.conventions["limit_parameter"] = found
        instance.limit_works = True
        instance.sample_from(instance.page({}, FEW))
    elif refused:
        instance.conventions["limit_parameter"] = ""
        instance.conclude("page size", "limit_parameter", "no parameter for it is accepted")


def _look_at_largest(instance: Instance) -> bool:
    """Where pages cannot be made small, only a collection of more than one page shows how the list goes on.

    Returns whether another collection than before says that it goes on.
    """
    before = instance.main
    if not instance.limit_works:
        answers = {name: instance.first(name) for name in instance.paths}
        sizes = {name: (bool(instance.tokens(each.body)), len(instance.records(each) or [])) for name, each in answers.items()}
        instance.main = max(sizes, key=lambda name: sizes[name])
        instance.sample_from(answers[instance.main])
    return instance.main != before and bool(instance.tokens(instance.body))


def _find_way(instance: Instance) -> None:
    if len(instance.sample) > FEW:
        _look_at_largest(instance)
    if len(instance.sample) < 2:
        instance.note("paging", "unknown", f"{instance.main} has too few records to see pages")
    elif not _moves(instance) and not (_look_at_largest(instance) and _moves(instance)):
        _nothing_moves(instance)


def _moves(instance: Instance) -> bool:
    """Whether a way was found to make the list move."""
    instance.ids = [instance.key(record) for record in instance.sample]
    return any(_attempts(instance))


def _attempts(instance: Instance) -> Iterator[bool]:
    """Tries to make the list move: as assumed first, then by a token that the answer holds, then by the rest."""
    assumed = instance.conventions["paging"]
    if assumed in _WAYS:
        yield _WAYS[assumed](instance, [instance.conventions[_PARAMETERS[assumed]]])
    _look_at_less(instance)
    yield _by_next_url(instance)
    for way, by in _WAYS.items():
        if way not in (assumed, "last_record") and (way != "cursor" or _tokens(instance)):
            yield by(instance, [instance.conventions[_PARAMETERS[way]]])
    for way, by in _WAYS.items():
        tried = instance.conventions[_PARAMETERS[way]]
        yield by(instance, [name for name in _NAMES[way] if name != tried])


def _look_at_less(instance: Instance) -> None:
    """A list that fits on one page shows no token: asks for all but one of its records."""
    if not instance.limit or instance.tokens(instance.body) or len(instance.sample) > FEW:
        return
    answer = instance.page({}, len(instance.sample) - 1)
    if len(instance.records(answer) or instance.sample) < len(instance.sample):
        instance.limit_works = True
        instance.sample_from(answer)


def _small_page(instance: Instance, parameters: Mapping[str, Any], size: int = 1) -> Optional[list[Any]]:
    """The keys of a page of `size` records; one record alone shows that the page size is heeded."""
    keys = instance.keys(instance.page(parameters, size))
    instance.limit_works = instance.limit_works or (bool(instance.limit) and keys is not None and len(keys) == 1)
    return keys


def _by_offset(instance: Instance, names: Sequence[str]) -> bool:
    def moves(names: Sequence[str], size: int = 1) -> Optional[bool]:
        keys = _small_page(instance, dict.fromkeys(names, 1), size)
        return None if keys is None else keys[:1] == instance.ids[1:2]

    name = instance.bisect(names, moves)
    # By pages of one record it looks the same.
    if name and moves([name], 2) is False:
        return _by_page(instance, [name])
    return _paged(instance, "offset", name, "by the number of records to skip")


def _by_page(instance: Instance, names: Sequence[str]) -> bool:
    def moves(names: Sequence[str], number: int = 2) -> Optional[bool]:
        keys = _small_page(instance, dict.fromkeys(names, number))
        return None if keys is None else keys[:1] != instance.ids[:1]

    name = instance.bisect(names, moves)
    first = next((number for number in (1, 0) if name and moves([name], number) is False), None)
    if first is None:
        return False
    # Pages do not overlap; what does is an offset that is called a page.
    pages = [_small_page(instance, {str(name): number}, FEW) or [] for number in (first, first + 1)]
    if first == 0 and set(pages[0]) & set(pages[1]):
        return _paged(instance, "offset", name, "by the number of records to skip")
    instance.conventions["first_page"] = first
    return _paged(instance, "page", name, f"by page number, from {first}")


def _by_cursor(instance: Instance, names: Sequence[str]) -> bool:
    shown = [instance.key(record) for record in instance.sample]
    for path, token in _tokens(instance):

        def moves(names: Sequence[str], path: str = path, token: Any = token) -> Optional[bool]:
            answer = instance.page(dict.fromkeys(names, token), len(shown))
            keys = instance.keys(answer)
            # The same token again would lead on once only.
            return None if keys is None else keys[:1] != [] and keys[0] not in shown and at(answer.body, steps(path)) != token

        name = instance.bisect(names, moves)
        if name is not None:
            instance.limit_works = instance.limit_works or (bool(instance.limit) and len(shown) == FEW)
            instance.conventions["cursor_path"] = path
            return _paged(instance, "cursor", name, f'by the token under "{path}"')
    return False


def _tokens(instance: Instance) -> list[tuple[str, Any]]:
    """What may lead on in the body, or in a header, but for addresses."""
    told = [(name, value) for name, value in instance.answer.headers.items() if re.search("next|cursor", name.lower())]
    return [(path, token) for path, token in [*instance.tokens(instance.body), *told] if not bodies.is_address(token)]


def _by_next_url(instance: Instance) -> bool:
    """By an address that an answer gives, in its body or in the header Link."""
    shown = [instance.key(record) for record in instance.sample]
    links = parse_header_links(instance.answer.headers.get("Link", ""))
    addresses = [("Link", link["url"]) for link in links if link.get("rel") == "next"]
    addresses += [(path, value) for path, value in instance.tokens(instance.body) if bodies.is_address(value)]
    for path, value in addresses:
        answer = instance.follow(instance.answer, value)
        keys = instance.keys(answer) if answer else None
        if keys and keys[0] not in shown:
            instance.limit_works = instance.limit_works or (bool(instance.limit) and len(shown) == FEW)
            instance.conventions |= {"paging": "next_url", "next_url_path": path}
            instance.conclude("paging", "paging", f'by the address under "{path}"')
            instance.conclude("next url path", "next_url_path", path)
            return True
    return False


def _by_last_record(instance: Instance, names: Sequence[str]) -> bool:
    """By the key of the last record, sent back."""
    shown = [instance.key(record) for record in instance.sample]
    if not instance.key_field(instance.main):
        return False

    def moves(names: Sequence[str]) -> Optional[bool]:
        keys = instance.keys(instance.page(dict.fromkeys(names, shown[-1]), len(shown)))
        return None if keys is None else keys[:1] != [] and keys[0] not in shown

    return _paged(instance, "last_record", instance.bisect(names, moves), "by the key of the last record")


def _paged(instance: Instance, way: str, name: Optional[str], text: str) -> bool:
    if name is None:
        return False
    instance.conventions |= {"paging": way, _PARAMETERS[way]: name}
    instance.conclude("paging", "paging", text)
    for setting in (_PARAMETERS[way], *_MORE_SETTINGS.get(way, ())):
        instance.conclude(setting.replace("_", " "), setting, f"{instance.conventions[setting]}")
    if way in ("offset", "page"):
        _find_end(instance, name)
    return True


def _find_end(instance: Instance, name: str) -> None:
    """Finds what ends a list beside an empty page."""
    topic, total = "end of a list", instance.total
    beyond = _BEYOND if total is None else total + FEW
    answer = instance.page({name: beyond}, FEW)
    records = instance.records(answer)
    if records == []:
        instance.note(topic, "matches", "an empty page")
    elif records:
        # The last page again, or the first: it does not change however far one goes.
        if instance.keys(instance.page({name: beyond + FEW}, FEW)) != instance.keys(answer):
            instance.note(topic, "fault", "the instance gives records beyond the end of the list, so no read would end")
            return
        instance.conventions["end_of_list"] = "repeated"
        instance.conclude(topic, "end_of_list", "a page that came before")
    elif total is None and answer.status not in (200, 204, 404, 410):
        instance.note(topic, "unknown", f"a page far beyond the end is refused ({answer.status})")
    elif answer.ok or answer.status in (204, 404):
        instance.conventions["end_of_list"] = "not_found"
        instance.conclude(topic, "end_of_list", "no array" if answer.ok else f"{answer.status}")
    else:
        instance.note(topic, "fault", f"beyond it the instance answers with {answer.status}, where an empty page is needed")


def _nothing_moves(instance: Instance) -> None:
    count, total, tokens = len(instance.sample), instance.total, instance.tokens(instance.body)
    if instance.limit_works or (total is not None and total > count):
        told = f'; what it gives under "{tokens[0][0]}" does not lead on' if tokens else ""
        text = (
            "the instance gives the first page whatever is asked: it ignores the paging parameters, or uses names that the "
            f"probe does not know{told}. Set conventions.paging and the parameter's name as whoever runs the instance says"
        )
        instance.note("paging", "fault", text, "conventions.paging")
        return
    counts = [len(instance.records(instance.first(name)) or []) for name in instance.paths]
    if total is None and count > FEW and counts.count(count) > 1 and instance.assumed["paging"] != "none":
        text = (
            f"{counts.count(count)} collections give exactly {count} records, which looks like a first page; nothing "
            "leads on. If that is all they hold, set conventions.paging to none"
        )
        instance.note("paging", "fault", text, "conventions.paging")
        return
    instance.conventions["paging"] = "none"
    instance.conclude("paging", "paging", "none: the whole list comes at once")
    if total is None and count % 10 == 0:
        text = f"nothing says whether these {count} records are all: compare with the number that the instance itself shows"
        instance.note("paging", "unknown", text)


def _find_largest_page(instance: Instance) -> None:
    if not instance.limit_works:
        if instance.limit and len(instance.sample) > FEW:
            instance.note("page size", "note", f'"{instance.limit}" is ignored, which does no harm')
        return
    instance.conclude("page size", "limit_parameter", f'"{instance.limit}" sets it')
    topic, wanted = "largest page", instance.settings["page_size"]
    for size in dict.fromkeys([_LARGEST_PAGE, wanted, *(size for size in (50, 25, 10, 1) if size < wanted)]):
        records = instance.records(instance.page({}, size))
        if records is None:
            continue
        instance.largest_page = records
        if size < wanted:
            instance.report.suggested_config["page_size"] = size
            instance.note(topic, "differs", f"{wanted} records are refused, {size} are given", "page_size")
        elif len(records) < size and (instance.total or 0) > len(records):
            instance.note(topic, "note", f"{len(records)} records; more are cut off without a word, which does no harm")
        else:
            instance.note(topic, "matches", f"{len(records)} records or more")
        return


def _find_order(instance: Instance) -> None:
    keys = [instance.key(record) for record in instance.largest_page or instance.sample]
    if len(keys) < 2 or len({type(key) for key in keys}) > 1:
        return
    if keys == sorted(keys):
        instance.note("order", "matches", "by ascending key")
    else:
        order = "by descending key" if keys == sorted(keys, reverse=True) else "not by key"
        instance.note("order", "note", f"{order}: a record created during a read can make others come twice")


_WAYS: dict[str, Callable[[Instance, Sequence[str]], bool]] = {
    "cursor": _by_cursor,
    "offset": _by_offset,
    "page": _by_page,
    "last_record": _by_last_record,
}
