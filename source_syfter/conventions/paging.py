"""Paging: the page size, what leads to the next page, and where a list ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any, Optional

from source_syfter import problems
from source_syfter.components.pages import at, steps
from source_syfter.components.paginators import looks_like_a_page, next_link
from source_syfter.conventions.edits import Assumption, Component, expanded, item, leads_somewhere, reference, replace
from source_syfter.probing import bodies, names
from source_syfter.probing.client import Answer
from source_syfter.probing.instance import AT_ONCE, FEW, Instance
from source_syfter.settings import Settings

# What the probe tries.
_NAMES = {
    "cursor": names.TOKENS,
    "offset": names.OFFSETS,
    "last_record": names.LAST_KEYS,
    "page": names.PAGES,
}
# What a way to page has beside its parameter.
_MORE_SETTINGS = {"cursor": ["cursor_path"], "page": ["first_page"]}
# The parameter that leads on, by the way to page, and those beside it.
_PARAMETERS = {
    **{way: f"{way}_parameter" for way in ("offset", "page", "cursor")},
    "last_record": "cursor_parameter",
}
_OTHERS = ("updated_since_parameter", "api_key_parameter")
_LARGEST_PAGE = 1000
# Empty pages in a row, each with a token, that end a list.
_MOST_EMPTY = 3
_BEYOND = 100_000
# What some servers give where nobody says how much, if two lists have it.
_RARE_PAGES = {*range(5, 100, 5), 12, 102, 120, 125, 128, 150, 256, 400, 512}


ASSUMED = [
    Assumption(
        "paging",
        "`offset`, counted in records from 0",
        "A",
        "",
        (
            "conventions.paging",
            "conventions.offset_parameter",
            "conventions.page_parameter",
            "conventions.first_page",
            "conventions.cursor_parameter",
            "conventions.cursor_path",
            "conventions.next_url_path",
            "conventions.last_record_field",
        ),
    ),
    Assumption(
        "page size",
        "`limit`, 100 by default and 1000 at most; an instance may give fewer in silence",
        "A",
        "",
        ("conventions.limit_parameter", "page_size"),
    ),
    Assumption("end of a list", "an empty page, and nothing else", "A", "", ("conventions.end_of_list",)),
    Assumption("length of a list", "`total`; it is not needed", "A", "", ("conventions.total_path",)),
    Assumption("order", "ascending `id`; nothing depends on it", "A", "", ()),
]


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


def read_pages(manifest: Component, settings: Settings) -> None:
    """Has every stream ask for its pages by the requester of this connector, around the one that it has."""
    definitions = manifest["definitions"]
    name = _PARAMETERS.get(settings["conventions"]["paging"])
    position = settings["conventions"][name] if name in ("offset_parameter", "page_parameter") else ""
    for stream in [definitions["base_stream"], *(each for each in manifest["streams"] if "retriever" in each)]:
        requester = expanded(definitions, stream["retriever"], "requester")
        once = {**deepcopy(requester), "error_handler": definitions["silent_error_handler"]}
        own = {"requester": requester, "once": once, "position_parameter": position}
        stream["retriever"]["requester"] = {**definitions["list_requester"], **own}


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
    _find_cut_arrays(instance)
    _find_total(instance)
    _find_largest_page(instance)
    _find_order(instance)


def _find_limit(instance: Instance) -> None:
    # With keys, it was about those.
    instance.is_strict = False
    refused = instance.limit is None and bool(instance.conventions["limit_parameter"])
    if instance.limit and len(instance.sample) <= FEW:
        return

    def limits_to_two(names: Sequence[str]) -> Optional[bool]:
        records = instance.records(instance.ask(instance.main, dict.fromkeys(names, 2)))
        return None if records is None else len(records) == 2

    candidates = [name for name in instance.free(names.LIMITS) if name != instance.conventions["limit_parameter"]]
    found = instance.bisect(candidates, limits_to_two) if len(instance.sample) > 2 else None
    if found:
        instance.limit = instance.conventions["limit_parameter"] = found
        instance.limit_works = True
        instance.sample_from(instance.page({}, FEW))
    elif refused:
        instance.conventions["limit_parameter"] = ""
        instance.conclude("page size", "limit_parameter", "no parameter for it is accepted")


def _longest(instance: Instance, least: tuple[bool, int]) -> list[str]:
    """The collections whose first page is worth `least` or more, best first: whether it says that there is more, and its records.

    Where pages cannot be made small, only a collection of more than one page shows how the list goes on.
    """
    answers = {} if instance.limit_works else {name: instance.first(name) for name in instance.paths}
    worth = {name: _worth(instance, answer) for name, answer in answers.items()}
    return sorted((name for name in worth if worth[name] >= least), key=lambda name: worth[name], reverse=True)


def _worth(instance: Instance, answer: Answer) -> tuple[bool, int]:
    count = len(instance.records(answer) or [])
    leads_on = bool(_tokens_of(instance, answer) or _next_addresses(instance, answer)) or bodies.says_more(answer.body)
    return leads_on or (instance.total_in(answer)[1] or 0) > count, count


def _look_at(instance: Instance, name: str) -> bool:
    instance.main = name
    instance.sample_from(instance.first(name))
    return True


def _find_way(instance: Instance) -> None:
    if len(instance.sample) > FEW:
        _look_at(instance, next(iter(_longest(instance, (False, 1))), instance.main))
    if len(instance.sample) < 2:
        instance.note("paging", "unknown", f"{instance.main} has too few records to see pages")
        return
    if _moves(instance):
        return
    # One that looks the same may be longer.
    least = max((False, FEW + 1), _worth(instance, instance.first(instance.main)))
    others = [name for name in _longest(instance, least) if name != instance.main]
    if not (others and _look_at(instance, others[-1]) and _moves(instance)):
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
    # The likely names of each way first.
    for part in (slice(AT_ONCE), slice(AT_ONCE, None)):
        for way, by in _WAYS.items():
            # The last record was not tried by the parameter of tokens.
            tried = instance.conventions[_PARAMETERS[way]] if way != "last_record" else ""
            yield by(instance, [name for name in instance.free(_NAMES[way]) if name != tried][part])
        if instance.is_strict:
            return


def _look_at_less(instance: Instance) -> None:
    """A list that fits on one page shows no token: asks for all but one of its records."""
    if not instance.limit or instance.tokens(instance.answer.body) or len(instance.sample) > FEW:
        return
    answer = instance.page({}, len(instance.sample) - 1)
    if len(instance.records(answer) or instance.sample) < len(instance.sample):
        instance.limit_works = True
        instance.sample_from(answer)


def _small_page(instance: Instance, parameters: Mapping[str, Any], size: int = 1) -> Optional[list[Any]]:
    """The keys of a page of `size` records."""
    return _seen_small(instance, instance.page(parameters, size))


def _seen_small(instance: Instance, answer: Answer) -> Optional[list[Any]]:
    """The keys in `answer`; one record alone shows that the page size is heeded."""
    keys = instance.keys(answer)
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
        answer = instance.page(dict.fromkeys(names, number), 1)
        keys = _seen_small(instance, answer)
        # Where pages are counted from 0, it may lie beyond the end.
        return (answer.is_no_page or None) if keys is None else keys[:1] != instance.ids[:1]

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

        name = instance.bisect([*_named_by(path), *names], moves)
        if name is not None:
            instance.limit_works = instance.limit_works or (bool(instance.limit) and len(shown) == FEW)
            instance.conventions["cursor_path"] = path
            _paged(instance, "cursor", name, f'by the token under "{path}"')
            _find_end_of_tokens(instance)
            return True
    return False


def _named_by(path: str) -> list[str]:
    """The parameters that a token's own name tells of: next_start says start."""
    name = steps(path)[-1]
    return [name, re.sub(r"^next[_-]?", "", name, flags=re.IGNORECASE)] if re.match("next.", name, re.IGNORECASE) else [name]


def _tokens(instance: Instance) -> list[tuple[str, Any]]:
    """What may lead on in the body, or in a header, but for addresses."""
    return _tokens_of(instance, instance.answer)


def _tokens_of(instance: Instance, answer: Answer) -> list[tuple[str, Any]]:
    told = [(name, value) for name, value in answer.headers.items() if re.search("next|cursor", name.lower())]
    return [(path, token) for path, token in [*instance.tokens(answer.body), *told] if not bodies.is_address(token)]


def _by_next_url(instance: Instance) -> bool:
    """By an address that an answer gives, in its body or in the header Link."""
    shown = [instance.key(record) for record in instance.sample]
    for path, value in _next_addresses(instance, instance.answer):
        answer = instance.follow(instance.answer, value)
        keys = instance.keys(answer) if answer else None
        if keys and keys[0] not in shown:
            instance.limit_works = instance.limit_works or (bool(instance.limit) and len(shown) == FEW)
            instance.conventions |= {"paging": "next_url", "next_url_path": path}
            instance.conclude("paging", "paging", f'by the address under "{path}"')
            instance.conclude("next url path", "next_url_path", path)
            _find_end_of_tokens(instance)
            return True
    return False


def _next_addresses(instance: Instance, answer: Answer) -> list[tuple[str, str]]:
    # As the connector reads it.
    link = next_link(answer.headers.get("Link", ""))
    addresses = [] if link is None else [("Link", link)]
    return addresses + [(path, value) for path, value in instance.tokens(answer.body) if bodies.is_address(value)]


def _by_last_record(instance: Instance, names: Sequence[str]) -> bool:
    """By the key of the last record, sent back."""
    shown = [instance.key(record) for record in instance.sample]
    if not instance.sent_key(instance.main):
        return False

    def moves(names: Sequence[str]) -> Optional[bool]:
        keys = instance.keys(instance.page(dict.fromkeys(names, shown[-1]), len(shown)))
        return None if keys is None else keys[:1] != [] and keys[0] not in shown

    key, name = instance.sent_key(instance.main), instance.bisect(names, moves)
    if name and key != instance.key_field(instance.main):
        # The value goes back as sent, and so does not know the case that the connector gives to names.
        instance.conventions["last_record_field"] = key
        instance.conclude("field of the last record", "last_record_field", f'"{key}"')
    return _paged(instance, "last_record", name, "by the key of the last record")


def _paged(instance: Instance, way: str, name: Optional[str], text: str) -> bool:
    if name is None:
        return False
    instance.conventions |= {"paging": way, _PARAMETERS[way]: name}
    instance.leads_on = name
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
    if records == [] and (other := _other_shape(instance)):
        # A list in another envelope may end otherwise.
        ended = instance.ask(other, {**instance.size(FEW), name: beyond})
        if instance.records(ended) is None and ended.is_no_page:
            answer, records = ended, None
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
        _find_end_nearby(instance, name, f"a page far beyond the end is refused ({answer.status})")
    else:
        _conclude_no_page(instance, answer)


def _find_end_nearby(instance: Instance, name: str, beyond: str) -> None:
    """Finds what lies behind a list of one page, where `beyond` is what lies far behind any: too far, perhaps."""
    topic = "end of a list"
    if instance.conventions["paging"] != "page":
        # A read by offset meets the last record again, and asks for nothing behind it.
        instance.note(topic, "unknown", beyond)
        return
    second = {**instance.size(instance.settings["page_size"]), name: instance.conventions["first_page"] + 1}
    for each in [each for each in instance.paths if instance.records(instance.first(each))]:
        answer = instance.ask(each, second)
        records = instance.records(answer)
        if records == []:
            instance.note(topic, "matches", "an empty page")
            return
        if records is None:
            _conclude_no_page(instance, answer)
            return
    instance.conventions["end_of_list"] = "short"
    instance.conclude(topic, "end_of_list", f"a page with fewer records than the first; {beyond}")


def _other_shape(instance: Instance) -> Optional[str]:
    """A collection whose records lie in an object, if those of the main one are the body, and the other way round."""
    is_bare = not instance.records_path(instance.main)
    filled = [name for name in instance.paths if instance.records(instance.first(name))]
    return next((name for name in filled if (not instance.records_path(name)) != is_bare), None)


def _conclude_no_page(instance: Instance, answer: Answer) -> None:
    topic = "end of a list"
    if answer.is_no_page:
        instance.conventions["end_of_list"] = "not_found"
        instance.conclude(topic, "end_of_list", "no array" if answer.ok else f"{answer.status}")
    else:
        instance.note(topic, "fault", f"beyond it the instance answers with {answer.status}, where an empty page is needed")


def _find_end_of_tokens(instance: Instance) -> None:
    """Finds what ends a list of which the last page has a token, too. A list of less than a page shows it."""
    pages = {name: rows for name in instance.paths if (rows := instance.records(instance.first(name)))}
    name = min(pages, key=lambda name: len(pages[name]))
    last, rows, size = instance.first(name), pages[name], FEW
    if len(rows) >= len(instance.sample):
        # Or a list that a page of the usual size holds.
        size = instance.settings["page_size"]
        last = instance.ask(name, instance.size(size))
        rows = instance.records(last) or []
    token = _token_in(instance, last)
    if token is None or not rows or (size > FEW and len(rows) >= size):
        return
    answer = _after(instance, last, token, size)
    records = instance.records(answer) if answer else []
    topic = "end of a list"
    if answer is not None and records is None:
        _conclude_no_page(instance, answer)
    elif answer is not None and records == [] and not _goes_on(instance, answer, size):
        instance.conventions["end_of_list"] = "short"
        instance.conclude(topic, "end_of_list", "a page with fewer records than the first; tokens come for ever")
    elif records == rows:
        instance.conventions["end_of_list"] = "repeated"
        instance.conclude(topic, "end_of_list", "a page that came before")


def _goes_on(instance: Instance, answer: Answer, size: int) -> bool:
    """Whether the empty page in `answer` ends the list by itself, or has records behind it: it may be filtered after paging."""
    for _ in range(_MOST_EMPTY):
        token = _token_in(instance, answer)
        if token is None:
            return True
        behind = _after(instance, answer, token, size)
        if behind is None or instance.records(behind) != []:
            return True
        answer = behind
    return False


def _token_in(instance: Instance, answer: Answer) -> Any:
    """What leads on in `answer`, in the way that was found."""
    if instance.conventions["paging"] == "next_url":
        found, path = _next_addresses(instance, answer), instance.conventions["next_url_path"]
    else:
        found, path = _tokens_of(instance, answer), instance.conventions["cursor_path"]
    return next((value for place, value in found if place == path), None)


def _after(instance: Instance, answer: Answer, token: Any, size: int) -> Optional[Answer]:
    """The page of `size` that `token`, found in `answer`, leads to."""
    if instance.conventions["paging"] == "next_url":
        return instance.follow(answer, token)
    return instance.ask(answer.collection, {**instance.size(size), instance.conventions["cursor_parameter"]: token})


def _nothing_moves(instance: Instance) -> None:
    count, total, tokens = len(instance.sample), instance.total, instance.tokens(instance.answer.body)
    if (
        instance.limit_works
        or (total is not None and total > count)
        or (total is None and bodies.says_more(instance.answer.body))
    ):
        told = f'; what it gives under "{tokens[0][0]}" does not lead on' if tokens else ""
        text = (
            "the instance gives the first page whatever is asked: it ignores the paging parameters, or uses names that the "
            f"probe does not know{told}. Set conventions.paging and the parameter's name as whoever runs the instance says"
        )
        instance.note("paging", "fault", text, "conventions.paging")
        return
    counts = [len(instance.records(instance.first(name)) or []) for name in instance.paths]
    others = _RARE_PAGES if counts.count(count) > 1 else ()
    if total is None and looks_like_a_page(count, None, others) and instance.assumed["paging"] != "none":
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


def _find_cut_arrays(instance: Instance) -> None:
    """Reports collections that are plain arrays, with no place for the token by which the others go on."""
    conventions, size = instance.conventions, instance.settings["page_size"]
    path = {"cursor": conventions["cursor_path"], "next_url": conventions["next_url_path"]}.get(conventions["paging"])
    if path is None or path in instance.answer.headers:
        return
    plain = [name for name in instance.paths if not instance.records_path(name) and instance.records(instance.first(name))]
    page = instance.page({}, size) if plain else instance.answer
    # Of a list that goes on.
    pages = {len(instance.records(page) or [])} if _token_in(instance, page) is not None else ()
    for name in plain:
        count = len(instance.records(instance.ask(name, instance.size(size))) or [])
        if looks_like_a_page(count, size, pages):
            text = f"{count} records in a plain array, which looks like a first page and has no place for what leads on elsewhere"
            instance.note(f"{name}: paging", "fault", text, "conventions.paging")


def _find_total(instance: Instance) -> None:
    """Finds where an answer says how many records the list has: the same number whatever the size of the page."""
    path, total = instance.total_in(instance.answer)
    if not path or path == instance.conventions["total_path"]:
        return
    if instance.limit_works and instance.total_in(instance.page({}, FEW - 1)) != (path, total):
        return
    instance.conventions["total_path"] = path
    instance.conclude("length of a list", "total_path", f'"{path}"')


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
