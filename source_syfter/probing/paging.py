"""How the instance divides a list: the page size, what leads on, the end, the largest page, the order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Optional

from source_syfter.probing import bodies, guesses
from source_syfter.probing.known import FEW, Known

_LARGEST_PAGE = 1000
_BEYOND = 100_000


def find_paging(known: Known) -> None:
    """Finds how a list is read from its beginning to its end."""
    _find_limit(known)
    _find_way(known)
    _find_largest_page(known)
    _find_order(known)


def _find_limit(known: Known) -> None:
    refused = known.limit is None and bool(known.now["limit_parameter"])
    if known.limit and len(known.base) <= FEW:
        return

    def limits_to_two(names: Sequence[str]) -> Optional[bool]:
        records = known.records(known.ask(known.main, dict.fromkeys(names, 2)))
        return None if records is None else len(records) == 2

    candidates = [name for name in guesses.LIMITS if name != known.now["limit_parameter"]]
    found = known.effective(candidates, limits_to_two) if len(known.base) > 2 else None
    if found:
        known.limit = known.now["limit_parameter"] = found
        known.limit_works = True
        known.look_at(known.page({}, FEW))
    elif refused:
        known.now["limit_parameter"] = ""
        known.settle("page size", "limit_parameter", "no parameter for it is accepted")


def _look_at_largest(known: Known) -> bool:
    """Where pages cannot be made small, only a collection of more than one page shows how the list goes on.

    Returns whether another collection than before says that it goes on.
    """
    before = known.main

    def size(name: str) -> tuple[bool, int]:
        answer = known.first(name)
        return bool(known.tokens(answer.body)), len(known.records(answer) or [])

    if not known.limit_works:
        known.main = max(known.paths, key=size)
        known.look_at(known.first(known.main))
    return known.main != before and bool(known.tokens(known.body))


def _find_way(known: Known) -> None:
    if len(known.base) > FEW:
        _look_at_largest(known)
    if len(known.base) < 2:
        known.add("paging", "unknown", f"{known.main} has too few records to see pages")
    elif not _moves(known) and not (_look_at_largest(known) and _moves(known)):
        _nothing_moves(known)


def _moves(known: Known) -> bool:
    """Whether a way was found to make the list move."""
    known.ids = [known.key(record) for record in known.base]
    return any(_attempts(known))


def _attempts(known: Known) -> Iterator[bool]:
    """Tries to make the list move: as assumed first, then by a token that the answer holds, then by the rest."""
    assumed = known.now["paging"]
    if assumed in _WAYS:
        yield _WAYS[assumed](known, [known.now[f"{assumed}_parameter"]])
    _look_at_less(known)
    for way, by in _WAYS.items():
        if way != assumed and (way != "cursor" or known.tokens(known.body)):
            yield by(known, [known.now[f"{way}_parameter"]])
    for way, by in _WAYS.items():
        tried = known.now[f"{way}_parameter"]
        yield by(known, [name for name in _NAMES[way] if name != tried])


def _look_at_less(known: Known) -> None:
    """A list that fits on one page shows no token: asks for all but one of its records."""
    if not known.limit or known.tokens(known.body) or len(known.base) > FEW:
        return
    answer = known.page({}, len(known.base) - 1)
    if len(known.records(answer) or known.base) < len(known.base):
        known.limit_works = True
        known.look_at(answer)


def _small_page(known: Known, parameters: Mapping[str, Any], size: int = 1) -> Optional[list[Any]]:
    """The keys of a page of `size` records; one record alone shows that the page size is heeded."""
    keys = known.keys(known.page(parameters, size))
    known.limit_works = known.limit_works or (bool(known.limit) and keys is not None and len(keys) == 1)
    return keys


def _by_offset(known: Known, names: Sequence[str]) -> bool:
    def moves(names: Sequence[str], size: int = 1) -> Optional[bool]:
        keys = _small_page(known, dict.fromkeys(names, 1), size)
        return None if keys is None else keys[:1] == known.ids[1:2]

    name = known.effective(names, moves)
    # By pages of one record it looks the same.
    if name and moves([name], 2) is False:
        return _by_page(known, [name])
    return _paged(known, "offset", name, "by the number of records to skip")


def _by_page(known: Known, names: Sequence[str]) -> bool:
    def moves(names: Sequence[str], number: int = 2) -> Optional[bool]:
        keys = _small_page(known, dict.fromkeys(names, number))
        return None if keys is None else keys[:1] != known.ids[:1]

    name = known.effective(names, moves)
    if name is None:
        return False
    first = next((number for number in (1, 0) if moves([name], number) is False), None)
    if first is None:
        return False
    known.now["first_page"] = first
    return _paged(known, "page", name, f"by page number, from {first}")


def _by_cursor(known: Known, names: Sequence[str]) -> bool:
    shown = [known.key(record) for record in known.base]
    for path, token in known.tokens(known.body):

        def moves(names: Sequence[str], path: str = path, token: Any = token) -> Optional[bool]:
            answer = known.page(dict.fromkeys(names, token), len(shown))
            keys = known.keys(answer)
            # The same token again would lead on once only.
            return None if keys is None else keys[:1] != [] and keys[0] not in shown and bodies.at(answer.body, path) != token

        name = known.effective(names, moves)
        if name is not None:
            known.limit_works = known.limit_works or (bool(known.limit) and len(shown) == FEW)
            known.now["cursor_path"] = path
            return _paged(known, "cursor", name, f'by the token under "{path}"')
    return False


def _paged(known: Known, way: str, name: Optional[str], text: str) -> bool:
    if name is None:
        return False
    known.now |= {"paging": way, f"{way}_parameter": name}
    known.settle("paging", "paging", text)
    for setting in {"offset": ["offset_parameter"], "page": ["page_parameter", "first_page"]}.get(
        way, ["cursor_parameter", "cursor_path"]
    ):
        known.settle(setting.replace("_", " "), setting, f"{known.now[setting]}")
    if way != "cursor":
        _find_end(known, way, name)
    return True


def _find_end(known: Known, way: str, name: str) -> None:
    """Only an empty page ends a list: a server that repeats its last page would be read for ever."""
    total = known.total
    beyond = _BEYOND if total is None else total + FEW
    answer = known.page({name: beyond}, FEW)
    records = known.records(answer)
    if records == []:
        known.add("end of a list", "matches", "an empty page")
    elif records:
        known.add("end of a list", "fault", "the instance gives records beyond the end of the list, so a read would never end")
    elif total is None and answer.status not in (200, 204, 404, 410):
        known.add("end of a list", "unknown", f"a page far beyond the end is refused ({answer.status})")
    else:
        said = "without an array" if answer.ok else f"with {answer.status}"
        text = f"the instance answers {said} beyond the end of the list, where the connector needs an empty page"
        known.add("end of a list", "fault", text)


def _nothing_moves(known: Known) -> None:
    count, total = len(known.base), known.total
    if known.limit_works or (total is not None and total > count):
        told = f'; what it gives under "{known.tokens(known.body)[0][0]}" does not lead on' if known.tokens(known.body) else ""
        text = (
            "the instance gives the first page whatever is asked: it ignores the paging parameters, or uses names that the "
            f"probe does not know{told}. Set conventions.paging and the parameter's name as whoever runs the instance says"
        )
        known.add("paging", "fault", text, "conventions.paging")
        return
    counts = [len(known.records(known.first(name)) or []) for name in known.paths]
    if total is None and count > FEW and counts.count(count) > 1 and known.assumed["paging"] != "none":
        text = (
            f"{counts.count(count)} collections give exactly {count} records, which looks like a first page; nothing "
            "leads on. If that is all they hold, set conventions.paging to none"
        )
        known.add("paging", "fault", text, "conventions.paging")
        return
    known.now["paging"] = "none"
    known.settle("paging", "paging", "none: the whole list comes at once")
    if total is None and count % 10 == 0:
        text = f"nothing says whether these {count} records are all: compare with the number that the instance itself shows"
        known.add("paging", "unknown", text)


def _find_largest_page(known: Known) -> None:
    if not known.limit_works:
        if known.limit and len(known.base) > FEW:
            known.add("page size", "note", f'"{known.limit}" is ignored, which does no harm')
        return
    known.settle("page size", "limit_parameter", f'"{known.limit}" sets it')
    wanted = int(known.config.get("page_size") or 100)
    for size in dict.fromkeys([_LARGEST_PAGE, wanted, *(size for size in (50, 25, 10, 1) if size < wanted)]):
        records = known.records(known.page({}, size))
        if records is not None:
            known.wide = records
            break
    else:
        return
    if size < wanted:
        known.report.suggested_config["page_size"] = size
        known.add("largest page", "differs", f"{wanted} records are refused, {size} are given", "page_size")
    elif len(records) < size and (known.total or 0) > len(records):
        known.add("largest page", "note", f"{len(records)} records; more are cut off without a word, which does no harm")
    else:
        known.add("largest page", "matches", f"{len(records)} records or more")


def _find_order(known: Known) -> None:
    keys = [known.key(record) for record in known.wide or known.base]
    if len(keys) < 2 or len({type(key) for key in keys}) > 1:
        return
    if keys == sorted(keys):
        known.add("order", "matches", "by ascending key")
    else:
        order = "by descending key" if keys == sorted(keys, reverse=True) else "not by key"
        known.add("order", "note", f"{order}: a record created during a read can make others come twice")


_WAYS: dict[str, Callable[[Known, Sequence[str]], bool]] = {"cursor": _by_cursor, "offset": _by_offset, "page": _by_page}
_NAMES = {"cursor": guesses.CURSORS, "offset": guesses.OFFSETS, "page": guesses.PAGES}
