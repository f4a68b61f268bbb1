"""What a live instance does, found out by a bounded number of GET requests, and the settings that make the connector fit it."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, Optional

from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter import bodies
from source_syfter import config as user_config
from source_syfter.asking import BOUND, Answer, Client, RedirectedError, StopError
from source_syfter.conventions import TIMESTAMPS
from source_syfter.report import Collection, Finding, Report, Status, failure, running_count, show
from source_syfter.secrecy import hide_secrets, presentable
from source_syfter.spec import manifest
from source_syfter.timestamps import parse, to_iso

# Records asked for where a few will do: enough to see a page move by one and by two.
_FEW = 3
_LARGEST_PAGE = 1000
_BEYOND = 100_000
_SECOND = timedelta(seconds=1)

# What is tried where the assumption does not hold, likeliest first. Extending a list costs a request or none.
_PREFIXES = ["api", "api/v1", "v1", "", "api/v2", "v2", "rest", "api/rest", "rest/v1", "api/public", "api/public/v1"]
_DESCRIPTIONS = ["openapi.json", "api/openapi.json", "swagger.json", "api-json", "v3/api-docs"]
_KEY_HEADERS = [
    ("Authorization", "Api-Key "),
    ("X-API-Key", ""),
    ("Authorization", "Bearer "),
    ("Authorization", "Token "),
    ("Authorization", "ApiKey "),
    ("Authorization", "Key "),
    ("Authorization", ""),
    ("Api-Key", ""),
    ("X-Auth-Token", ""),
    ("X-Access-Token", ""),
    ("apikey", ""),
]
_LIMITS = [
    "limit",
    "per_page",
    "page_size",
    "take",
    "first",
    "size",
    "count",
    "top",
    "pageSize",
    "perPage",
    "max_results",
    "$top",
    "page[size]",
    "page[limit]",
]
_OFFSETS = ["offset", "skip", "start", "from", "startAt", "start_index", "$skip", "page[offset]"]
_PAGES = ["page", "page_number", "pageNumber", "p", "page_no", "pageIndex", "page_index", "page[number]"]
_CURSORS = ["cursor", "after", "next", "page_token", "starting_after", "next_cursor", "pageToken", "next_token", "token"]
_CURSORS += ["continuation_token", "continuation", "start_after", "scroll_id", "after_id"]
_SINCES = ["updated_since", "modified_since", "modified_after", "updated_after", "since", "changed_since", "updatedSince"]
_SINCES += ["modifiedSince", "updated_from", "updated_at_gte", "updated_at[gte]", "updated_at__gte", "last_modified_since"]
_IDS = ["id", "_id", "uuid", "guid", "key", "ID", "Id"]

_FUTURE = {"iso8601": "2100-01-01T00:00:00.000Z", "epoch_ms": "4102444800000"}
_PAST = {"iso8601": "2000-01-01T00:00:00.000Z", "epoch_ms": "946684800000"}

# How a form, which drops empty texts, says "empty".
_EMPTY = {
    "path_prefix": "/",
    "records_path": ".",
    "api_key_prefix": "none",
    "limit_parameter": "none",
    "updated_since_parameter": "none",
}

Record = dict[str, Any]


class Probe:
    """Finds out the conventions of one instance, from its answers alone."""

    def __init__(self, config: Mapping[str, Any], client: Client) -> None:
        """`config`: as `config.checked` returns it."""
        self._client = client
        self._config = config
        package = manifest()
        known = package["spec"]["connection_specification"]["properties"]["conventions"]["properties"]
        self._assumed: dict[str, Any] = {
            **{name: shape["default"] for name, shape in known.items()},
            **(config.get("conventions") or {}),
        }
        # What is known by now; starts as what is assumed.
        self._now = dict(self._assumed)
        self._paths = {each["$parameters"]["name"]: each["$parameters"]["collection"] for each in package["streams"]}
        self._known = ["companies", "articles", "custom_property_values"]  # what public sources name
        extra = config.get("additional_collections") or []
        self._paths |= {each["name"]: each["path"].strip("/") for each in extra}
        self._report = Report(config["host"], most_requests=BOUND)
        self._answers: dict[str, Answer] = {}
        self._limit: Optional[str] = self._now["limit_parameter"] or None
        self._limit_works = False
        self._main = ""
        self._base: list[Record] = []
        self._wide: list[Record] = []
        self._body: Any = None

    def run(self) -> Report:
        """Probes; whatever happens, the report says what was found out until then."""
        try:
            self._find_address()
            self._find_records()
            if self._base:
                self._find_id()
                self._find_timestamps()
                self._find_limit()
                self._find_paging()
                self._find_largest_page()
                self._find_order()
                self._find_since()
            self._visit_collections()
        except StopError as stop:
            self._add("connection", "fault", str(stop))
        self._note_limits()
        self._suggest()
        return self._report

    # --- asking -----------------------------------------------------------------------------------------------------------

    def _ask(self, name: str, parameters: Mapping[str, Any]) -> Answer:
        prefix = self._now["path_prefix"].strip("/")
        return self._client.get(f"{prefix}/{self._paths[name]}" if prefix else self._paths[name], parameters)

    def _page(self, parameters: Mapping[str, Any], size: int) -> Answer:
        """A page of the main collection."""
        return self._ask(self._main, {**({self._limit: size} if self._limit else {}), **parameters})

    def _first(self, name: str) -> Answer:
        """The first few records of a collection, asked for once. A refused page size is left out from then on."""
        if name not in self._answers:
            answer = self._ask(name, {self._limit: _FEW} if self._limit else {})
            if self._limit and answer.status in (400, 422):
                plain = self._ask(name, {})
                if plain.ok:
                    self._limit, answer = None, plain
            self._answers[name] = answer
        return self._answers[name]

    def _records(self, answer: Answer) -> Optional[list[Record]]:
        """The records in `answer`; None if it holds none where they should be."""
        if not answer.ok:
            return None
        found = bodies.at(answer.body, self._now["records_path"])
        return found if isinstance(found, list) and all(isinstance(each, dict) for each in found) else None

    def _keys(self, answer: Answer) -> Optional[list[Any]]:
        records = self._records(answer)
        return None if records is None else [self._key(record) for record in records]

    def _key(self, record: Record) -> Any:
        key = record.get(self._now["id_field"])
        return json.dumps(record, sort_keys=True) if key is None else key

    def _effective(self, names: Sequence[str], works: Callable[[Sequence[str]], Optional[bool]]) -> Optional[str]:
        """The one of `names` that has an effect: all at once, then halves; one by one where a server refuses what it does not
        know (`works` says None)."""
        names = list(dict.fromkeys(names))
        effect = works(names) if names else False
        if effect is None and len(names) > 1:
            return next((name for name in names if works([name])), None)
        if not effect:
            return None
        while len(names) > 1:
            half = names[: (len(names) + 1) // 2]
            names = half if works(half) else names[len(half) :]
        return names[0]

    # --- address ----------------------------------------------------------------------------------------------------------

    def _find_address(self) -> None:
        try:
            answer = self._first(self._known[0])
        except RedirectedError as redirected:
            # A gateway may send what it does not know to a page for people, elsewhere.
            answer = self._try_prefixes(redirected)
        if answer.status == 401:
            answer = self._try_keys(answer)
        if answer.missing and all(self._first(name).missing for name in self._known):
            answer = self._try_prefixes()
        if answer.status == 403 and all(self._first(name).status == 403 for name in self._known):
            # Some gateways say so where there is no key that they know.
            answer = self._try_keys(answer)
        _refuse_failures(answer)
        way = "over TLS" if self._config["host"].startswith("https:") else "without encryption"
        self._add("connection", "matches", f"the instance answers, {way}, and takes the credentials")
        if self._uses_key:
            self._settle("API key header", "api_key_header", f"{self._now['api_key_header']}")
            shown = f'"{self._now["api_key_prefix"]}" before the key' if self._now["api_key_prefix"] else "the key alone"
            self._settle("API key prefix", "api_key_prefix", shown)
        self._settle("path prefix", "path_prefix", f"/{self._now['path_prefix']}")

    @property
    def _uses_key(self) -> bool:
        return bool(self._config["credentials"]["auth_type"] == "api_key")

    def _try_keys(self, refused: Answer) -> Answer:
        """Other headers for the API key, on the same host only: the client's guard sees to that."""
        if not self._uses_key:
            return refused
        before = (self._now["api_key_header"], self._now["api_key_prefix"])
        for header, prefix in _KEY_HEADERS:
            if (header, prefix) == before:
                continue
            self._sign(header, prefix)
            answer = self._first(self._known[0])
            # A key that is known may still lack the right to this collection.
            if answer.status not in (401, refused.status):
                return answer
        self._sign(*before)
        return refused

    def _sign(self, header: str, prefix: str) -> None:
        self._now |= {"api_key_header": header, "api_key_prefix": prefix}
        self._client.sign({"api_key_header": header, "api_key_prefix": prefix})
        self._answers.clear()

    def _try_prefixes(self, redirected: Optional[RedirectedError] = None) -> Answer:
        """The answer under the first prefix that leads to the API. `redirected`: where the assumed one led to another host."""
        tried = [self._now["path_prefix"].strip("/")]
        for prefix in self._prefixes():
            if prefix in tried:
                continue
            tried.append(prefix)
            self._now["path_prefix"] = prefix
            self._answers.clear()
            try:
                answer = self._first(self._known[0])
            except RedirectedError:
                continue
            if answer.status == 401:
                answer = self._try_keys(answer)
            if not answer.missing:
                return answer
        raise redirected or StopError(
            f"Nothing of the API was found at {self._config['host']}, under none of the usual path prefixes. Check the host; "
            "behind a gateway, ask for the path that leads to the API and set it as conventions.path_prefix."
        )

    def _prefixes(self) -> Iterator[str]:
        yield from _PREFIXES
        for path in _DESCRIPTIONS:
            with contextlib.suppress(RedirectedError):
                yield from bodies.described(self._client.get(path, {}).body, list(self._paths.values()))

    # --- records ----------------------------------------------------------------------------------------------------------

    def _find_records(self) -> None:
        """Chooses the collection to look at: the first with a few records."""
        best: tuple[int, str, Answer, str] = (-1, "", Answer(0, False, None, ""), "")
        unknown = ""
        for name in self._paths:
            answer = self._first(name)
            path = bodies.envelope(answer.body, self._now["records_path"]) if answer.ok else None
            if answer.ok and path is None:
                unknown = name
            count = len(bodies.at(answer.body, path)) if path is not None else 0
            if path is not None and count > best[0]:
                best = (count, name, answer, path)
            if count >= _FEW:
                break
        count, self._main, answer, path = best
        # An empty array says something only where it is not in its place.
        if count > 0 or (count == 0 and path != self._now["records_path"]):
            self._now["records_path"] = path
            self._settle("records", "records_path", f'under "{path}"' if path else "the body itself is the array")
        if count > 0:
            self._look_at(answer)
        elif unknown:
            self._add(
                "records", "fault", f"no array of records in the answer for {unknown}, at any place that a setting can name"
            )
        elif any(self._first(name).ok for name in self._paths):
            self._add("records", "unknown", "no collection holds a record that may be read, so nothing more can be found out")

    def _look_at(self, answer: Answer) -> None:
        self._base, self._body = self._records(answer) or [], answer.body

    @property
    def _total(self) -> Optional[int]:
        """How many records the list has, if the answer says it in so many words."""
        return bodies.total(self._body, self._now["records_path"], len(self._base))

    def _find_id(self) -> None:
        for name in dict.fromkeys([self._now["id_field"], *_IDS]):
            values = [record.get(name) for record in self._base]
            if all(type(value) in (int, str) for value in values) and len(set(values)) == len(values):
                self._now["id_field"] = name
                self._settle("key of a record", "id_field", f'"{name}", {"a number" if type(values[0]) is int else "text"}')
                return
        self._add(
            "key of a record",
            "fault",
            "no field of the records is a key; set conventions.id_field to its name",
            "conventions.id_field",
        )

    def _find_timestamps(self) -> None:
        values = [record[name] for record in self._base for name in TIMESTAMPS if record.get(name) is not None]
        form, text = bodies.timestamp_form(values)
        if form in ("iso8601", "epoch_ms"):
            self._now["timestamp_format"] = form
            self._settle("timestamps", "timestamp_format", text)
        elif values:
            self._add("timestamps", "fault", f"{text}, which the connector cannot read")
        if not any(record.get("updated_at") for record in self._base):
            self._add("timestamps", "note", "no updated_at in the records: each sync reads everything again")

    # --- paging -----------------------------------------------------------------------------------------------------------

    def _find_limit(self) -> None:
        refused = self._limit is None and bool(self._now["limit_parameter"])
        if self._limit and len(self._base) <= _FEW:
            return
        candidates = [name for name in _LIMITS if name != self._now["limit_parameter"]]
        found = self._effective(candidates, self._limits_to_two) if len(self._base) > 2 else None
        if found:
            self._limit = self._now["limit_parameter"] = found
            self._limit_works = True
            self._look_at(self._page({}, _FEW))
        elif refused:
            self._now["limit_parameter"] = ""
            self._settle("page size", "limit_parameter", "no parameter for it is accepted")

    def _look_at_largest(self) -> bool:
        """Where pages cannot be made small, only a collection of more than one page shows how the list goes on.

        Returns whether another collection than before says that it goes on.
        """
        before = self._main

        def size(name: str) -> tuple[bool, int]:
            answer = self._first(name)
            return bool(self._tokens(answer.body)), len(self._records(answer) or [])

        if not self._limit_works:
            self._main = max(self._paths, key=size)
            self._look_at(self._first(self._main))
        return self._main != before and bool(self._tokens(self._body))

    def _limits_to_two(self, names: Sequence[str]) -> Optional[bool]:
        records = self._records(self._ask(self._main, dict.fromkeys(names, 2)))
        return None if records is None else len(records) == 2

    def _find_paging(self) -> None:
        if len(self._base) > _FEW:
            self._look_at_largest()
        if len(self._base) < 2:
            self._add("paging", "unknown", f"{self._main} has too few records to see pages")
        elif not self._moves() and not (self._look_at_largest() and self._moves()):
            self._nothing_moves()

    def _moves(self) -> bool:
        """Whether a way was found to make the list move."""
        self._ids = [self._key(record) for record in self._base]
        return any(attempt() for attempt in self._attempts())

    def _attempts(self) -> Iterator[Callable[[], bool]]:
        """What may make the list move: the assumption first, a token that the answer holds, then the rest."""
        assumed = self._now["paging"]
        ways: dict[str, Callable[[Sequence[str]], bool]] = {
            "offset": self._by_offset,
            "page": self._by_page,
            "cursor": self._by_cursor,
        }
        lists = {"offset": _OFFSETS, "page": _PAGES, "cursor": _CURSORS}
        if assumed in ways:
            yield lambda: ways[assumed]([self._now[f"{assumed}_parameter"]])
        self._look_at_less()
        for way in ("cursor", "offset", "page"):
            first = self._now[f"{way}_parameter"]
            if way != assumed and not (way == "cursor" and not self._tokens(self._body)):
                yield lambda way=way, first=first: ways[way]([first])  # type: ignore[misc]
        for way in ("cursor", "offset", "page"):
            first = self._now[f"{way}_parameter"]
            yield lambda way=way, first=first: ways[way]([name for name in lists[way] if name != first])  # type: ignore[misc]

    def _look_at_less(self) -> None:
        """A list that fits on one page shows no token: asks for all but one of its records."""
        if not self._limit or self._tokens(self._body) or len(self._base) > _FEW:
            return
        answer = self._page({}, len(self._base) - 1)
        if len(self._records(answer) or self._base) < len(self._base):
            self._limit_works = True
            self._look_at(answer)

    def _by_offset(self, names: Sequence[str]) -> bool:
        def moves(names: Sequence[str], size: int = 1) -> Optional[bool]:
            keys = self._keys(self._page(dict.fromkeys(names, 1), size))
            self._limit_works = self._limit_works or (bool(self._limit) and keys is not None and len(keys) == 1)
            return None if keys is None else keys[:1] == self._ids[1:2]

        name = self._effective(names, moves)
        # By pages of one record it looks the same.
        if name and moves([name], 2) is False:
            return self._by_page([name])
        return self._paged("offset", name, "by the number of records to skip")

    def _by_page(self, names: Sequence[str]) -> bool:
        def moves(names: Sequence[str], number: int = 2) -> Optional[bool]:
            keys = self._keys(self._page(dict.fromkeys(names, number), 1))
            self._limit_works = self._limit_works or (bool(self._limit) and keys is not None and len(keys) == 1)
            return None if keys is None else keys[:1] != self._ids[:1]

        name = self._effective(names, moves)
        if name is None:
            return False
        first = next((number for number in (1, 0) if moves([name], number) is False), None)
        if first is None:
            return False
        self._now["first_page"] = first
        return self._paged("page", name, f"by page number, from {first}")

    def _by_cursor(self, names: Sequence[str]) -> bool:
        shown = [self._key(record) for record in self._base]
        for path, token in self._tokens(self._body):

            def moves(names: Sequence[str], path: str = path, token: Any = token) -> Optional[bool]:
                answer = self._page(dict.fromkeys(names, token), len(shown))
                keys = self._keys(answer)
                # The same token again would lead on once only.
                return None if keys is None else keys[:1] != [] and keys[0] not in shown and bodies.at(answer.body, path) != token

            name = self._effective(names, moves)
            if name is not None:
                self._limit_works = self._limit_works or (bool(self._limit) and len(shown) == _FEW)
                self._now["cursor_path"] = path
                return self._paged("cursor", name, f'by the token under "{path}"')
        return False

    def _tokens(self, body: Any) -> list[tuple[str, Any]]:
        return bodies.tokens(body, self._now["records_path"], self._now["cursor_path"])

    def _paged(self, way: str, name: Optional[str], text: str) -> bool:
        if name is None:
            return False
        self._now |= {"paging": way, f"{way}_parameter": name}
        self._settle("paging", "paging", text)
        for setting in {"offset": ["offset_parameter"], "page": ["page_parameter", "first_page"]}.get(
            way, ["cursor_parameter", "cursor_path"]
        ):
            self._settle(setting.replace("_", " "), setting, f"{self._now[setting]}")
        if way != "cursor":
            self._find_end(way, name)
        return True

    def _find_end(self, way: str, name: str) -> None:
        """Only an empty page ends a list: a server that repeats its last page would be read for ever."""
        total = self._total
        beyond = _BEYOND if total is None else total + _FEW
        answer = self._page({name: beyond}, _FEW)
        records = self._records(answer)
        if records == []:
            self._add("end of a list", "matches", "an empty page")
        elif records:
            self._add(
                "end of a list", "fault", "the instance gives records beyond the end of the list, so a read would never end"
            )
        elif total is None and answer.status not in (200, 204, 404, 410):
            self._add("end of a list", "unknown", f"a page far beyond the end is refused ({answer.status})")
        else:
            said = "without an array" if answer.ok else f"with {answer.status}"
            text = f"the instance answers {said} beyond the end of the list, where the connector needs an empty page"
            self._add("end of a list", "fault", text)

    def _nothing_moves(self) -> None:
        count, total = len(self._base), self._total
        if self._limit_works or (total is not None and total > count):
            told = (
                f'; what it gives under "{self._tokens(self._body)[0][0]}" does not lead on' if self._tokens(self._body) else ""
            )
            text = (
                "the instance gives the first page whatever is asked: it ignores the paging parameters, or uses names that the "
                f"probe does not know{told}. Set conventions.paging and the parameter's name as whoever runs the instance says"
            )
            self._add("paging", "fault", text, "conventions.paging")
            return
        counts = [len(self._records(self._first(name)) or []) for name in self._paths]
        if total is None and count > _FEW and counts.count(count) > 1 and self._assumed["paging"] != "none":
            text = (
                f"{counts.count(count)} collections give exactly {count} records, which looks like a first page; nothing "
                "leads on. If that is all they hold, set conventions.paging to none"
            )
            self._add("paging", "fault", text, "conventions.paging")
            return
        self._now["paging"] = "none"
        self._settle("paging", "paging", "none: the whole list comes at once")
        if total is None and count % 10 == 0:
            text = f"nothing says whether these {count} records are all: compare with the number that the instance itself shows"
            self._add("paging", "unknown", text)

    def _find_largest_page(self) -> None:
        if not self._limit_works:
            if self._limit and len(self._base) > _FEW:
                self._add("page size", "note", f'"{self._limit}" is ignored, which does no harm')
            return
        self._settle("page size", "limit_parameter", f'"{self._limit}" sets it')
        wanted = int(self._config.get("page_size") or 100)
        for size in dict.fromkeys([_LARGEST_PAGE, wanted, *(size for size in (50, 25, 10, 1) if size < wanted)]):
            records = self._records(self._page({}, size))
            if records is not None:
                self._wide = records
                break
        else:
            return
        if size < wanted:
            self._report.suggested_config["page_size"] = size
            self._add("largest page", "differs", f"{wanted} records are refused, {size} are given", "page_size")
        elif len(records) < size and (self._total or 0) > len(records):
            self._add("largest page", "note", f"{len(records)} records; more are cut off without a word, which does no harm")
        else:
            self._add("largest page", "matches", f"{len(records)} records or more")

    def _find_order(self) -> None:
        keys = [self._key(record) for record in self._wide or self._base]
        if len(keys) < 2 or len({type(key) for key in keys}) > 1:
            return
        if keys == sorted(keys):
            self._add("order", "matches", "by ascending key")
        else:
            order = "by descending key" if keys == sorted(keys, reverse=True) else "not by key"
            self._add("order", "note", f"{order}: a record created during a read can make others come twice")

    # --- filter -----------------------------------------------------------------------------------------------------------

    def _find_since(self) -> None:
        """A moment in the future must give nothing, one long ago everything."""
        form = self._now["timestamp_format"]

        def filters(names: Sequence[str]) -> Optional[bool]:
            records = self._records(self._page(dict.fromkeys(names, _FUTURE[form]), 1))
            return None if records is None else not records

        assumed = self._now["updated_since_parameter"]
        effect = filters([assumed]) if assumed else False
        found = assumed if effect else self._effective([name for name in _SINCES if name != assumed], filters)
        if found and self._records(self._page({found: _PAST[form]}, 1)) and not self._misses_changes(found):
            self._now["updated_since_parameter"] = found
            self._settle("changed since", "updated_since_parameter", f'"{found}" gives changes only')
            return
        text = f'"{found}" leaves out records that changed' if found else "no parameter filters"
        if assumed and effect is not False:
            # Refused, or not to be trusted.
            self._now["updated_since_parameter"] = ""
            text = text if found else "refused under every name"
        text += ": each sync asks for everything and keeps what is new"
        if self._now["updated_since_parameter"] == assumed:
            self._add("changed since", "note", text)
        else:
            self._settle("changed since", "updated_since_parameter", text)

    def _misses_changes(self, name: str) -> bool:
        """Whether `name` compares something else, such as the creation: what changed last must come, however old it is."""
        form, rows = self._now["timestamp_format"], self._wide or self._base
        moments = [(parse(row.get("updated_at")), parse(row.get("created_at")), self._key(row)) for row in rows]
        changes = [(changed, key) for changed, created, key in moments if changed and created and changed - created > 2 * _SECOND]
        if not changes:
            return False
        changed, key = max(changes, key=lambda change: change[0])
        since = changed - _SECOND
        asked = to_iso(since) if form == "iso8601" else str(round(since.timestamp() * 1000))
        keys = self._keys(self._page({name: asked}, len(rows)))
        return keys is not None and key not in keys and len(keys) < len(rows)

    # --- collections ------------------------------------------------------------------------------------------------------

    def _visit_collections(self) -> None:
        schemas = manifest_fields()
        for name in self._paths:
            self._report.collections[name] = self._visit(self._first(name), schemas.get(name))
        if not any(collection.status in ("readable", "empty") for collection in self._report.collections.values()):
            self._add("collections", "fault", "not one of them can be read")

    def _visit(self, answer: Answer, known: Optional[set[str]]) -> Collection:
        records = self._records(answer)
        if records is None:
            if answer.status in (401, 403):
                return Collection("denied", f"{answer.status}: ask for the right to read it, or deselect the stream")
            if answer.status == 404:
                return Collection("missing", "404: deselect the stream; at another address it is an additional collection")
            if answer.status >= 500 or answer.status == 429:
                return Collection("failed", f"{answer.status}: the instance fails; try again later, or deselect the stream")
            where = f'under "{self._now["records_path"]}"' if self._now["records_path"] else "as the body itself"
            return Collection("failed", f"{answer.status}: no array of records {where}; deselect the stream")
        fields = {"id" if name == self._now["id_field"] else name for record in records for name in record}
        unknown = sorted(name[:60] for name in fields - known) if known is not None else []
        if not records:
            return Collection("empty")
        lacks_key = any(record.get(self._now["id_field"]) is None for record in records)
        return Collection("readable", "a record has no key" if lacks_key and known is not None else "", unknown)

    # --- report -----------------------------------------------------------------------------------------------------------

    def _add(self, topic: str, status: Status, text: str, setting: str = "") -> None:
        self._report.findings.append(Finding(topic, status, presentable(text), setting))

    def _settle(self, topic: str, name: str, text: str) -> None:
        """Notes that the convention `name` is known, and whether it is as assumed."""
        same = self._now[name] == self._assumed[name]
        self._add(topic, "matches" if same else "differs", text, "" if same else f"conventions.{name}")

    def _note_limits(self) -> None:
        if self._client.limits:
            text = f"the instance tells it in {', '.join(sorted(self._client.limits))}; the connector waits when it is asked to"
            self._add("rate limit", "note", text)

    def _suggest(self) -> None:
        self._report.requests = self._client.count
        changed = {finding.setting.partition(".")[2] for finding in self._report.findings if finding.status == "differs"}
        conventions = {name: self._now[name] for name in self._now if name in changed}
        if conventions:
            shown = {name: _EMPTY.get(name, value) if value == "" else value for name, value in conventions.items()}
            self._report.suggested_config["conventions"] = shown


def _refuse_failures(answer: Answer) -> None:
    """Raises StopError if `answer` says that nothing can be found out."""
    if answer.status == 401:
        text = (
            'The instance refuses the credentials (401). Check "Authentication": the key or token may be mistyped, expired or '
            "revoked; an administrator of the instance can issue a new one."
        )
        raise StopError(f"{text} {answer.said}".strip())
    if answer.status >= 500 or answer.status == 429:
        raise StopError(f"The instance fails with status {answer.status}. Try again later. {answer.said}".strip())


def manifest_fields() -> dict[str, set[str]]:
    """The fields that the schema of each stream knows."""
    folder = files("source_syfter").joinpath("schemas")
    return {
        entry.name.removesuffix(".json"): set(json.loads(entry.read_bytes())["properties"])
        for entry in folder.iterdir()
        if entry.name.endswith(".json")
    }


# --- command ----------------------------------------------------------------------------------------------------------------


def probe(config: Mapping[str, Any], on_request: Callable[[int, str], None] = lambda count, path: None) -> Report:
    """Probes the instance of `config`, a configuration as the user typed it.

    `on_request` is told the number and the path of each request. Raises a config error for a configuration that is not valid.
    """
    hide_secrets(config)
    clean = user_config.checked(config, manifest()["spec"]["connection_specification"])
    return Probe(clean, Client(clean, on_request)).run()


def main(args: Sequence[str]) -> int:
    """The command `source-syfter probe`; `args`: its options. Returns the exit code: see `Report.exit_code`."""
    parser = argparse.ArgumentParser(
        prog="source-syfter probe",
        description=f"Finds out what differs on your instance, with at most {BOUND} GET requests and without changing anything.",
        epilog="Exit code: 0 the connector reads with this configuration; 2 it reads with the suggested one; 1 neither.",
    )
    parser.add_argument("--config", type=Path, required=True, help="a configuration as JSON: host and credentials are enough")
    parser.add_argument("--json", action="store_true", help="print the report as JSON; suggested_config is to be merged as it is")
    try:
        options = parser.parse_args(args)
    except SystemExit as stop:
        # The parser's 2 means something else here.
        return 1 if stop.code else 0
    try:
        with running_count(BOUND) as on_request:
            report = probe(user_config.from_file(options.config), on_request)
    except AirbyteTracedException as error:
        failure(presentable(error.message or ""))
        return 1
    if options.json:
        print(json.dumps(report.as_json(), indent=2))
    else:
        show(report)
    return report.exit_code
