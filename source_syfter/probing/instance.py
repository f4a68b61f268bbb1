"""What is known about an instance by now, and how it is asked under that."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Optional
from urllib.parse import urljoin

from source_syfter.components.http import same_origin
from source_syfter.components.listing import Listing
from source_syfter.components.naming import FieldNames, lifted, snake_case
from source_syfter.components.pages import at, steps
from source_syfter.probing import bodies
from source_syfter.probing.client import BOUND, Answer, Client, Keys
from source_syfter.probing.report import Finding, Report, Status
from source_syfter.secrecy import presentable
from source_syfter.settings import Settings, as_typed
from source_syfter.spec import name_of

# Records asked for where a few will do: enough to see a page move by one and by two.
FEW = 3
# How many names are tried one by one where a server refuses what it does not know, and how many go with one request: servers
# read a hundred headers and some kilobytes.
_ONE_BY_ONE, AT_ONCE = 12, 60
# Requests that are kept for what is asked after names were tried.
_KEPT = 8

Record = dict[str, Any]


class Instance:
    """An instance as far as it is known: `conventions` holds what was found out, or is still assumed."""

    def __init__(self, settings: Settings, manifest: Mapping[str, Any], client: Client, schemas: Mapping[str, set[str]]) -> None:
        self.client = client
        self.settings = settings
        self.manifest = manifest
        self.assumed: dict[str, Any] = settings["conventions"]
        self.conventions = dict(self.assumed)
        # Each collection's path below the prefix, by name.
        self.paths = {name_of(each): each["$parameters"]["collection"] for each in manifest["streams"]}
        given = {each["name"]: each for each in [*settings["collections"], *settings["additional_collections"]]}
        self.paths |= {name: each["path"] for name, each in given.items() if each["path"]}
        self.given_paths = dict(self.paths)
        self.given = given
        # What differs at single collections: as given, and as found out.
        self.own: dict[str, dict[str, Any]] = {name: {} for name in self.paths}
        for name, each in given.items():
            self.own[name] |= {key: each[key] for key in ("records_path", "primary_key") if each[key] is not None}
        # The fields that the schema of each stream of the connector knows.
        self.schemas = schemas
        # Those that answer, but with nothing that may be records.
        self.no_records: set[str] = set()
        self.report = Report(settings["host"], most_requests=BOUND)
        # The parameter that is sent for the page size, and whether it was seen to work.
        self.limit: Optional[str] = self.conventions["limit_parameter"] or None
        self.limit_works = False
        # The parameter that leads from page to page.
        self.leads_on: Optional[str] = None
        # The collection that is looked at: its first few records, the answer that holds them, and its largest page.
        self.main = ""
        self.sample: list[Record] = []
        self.answer = Answer(0)
        self.largest_page: list[Record] = []
        # The keys of the first records of the list; where it moves, others come.
        self.ids: list[Any] = []
        self._answers: dict[str, Answer] = {}
        # The instance refuses whatever it does not know, and names one of that at most.
        self.is_strict = False
        # Names of which some value was refused, where others were not.
        self.refused_alone: set[str] = set()
        # The last refusal of a question, as text.
        self._refusal = ""

    def change(self, **conventions: Any) -> None:
        """From now on the instance is asked under these `conventions`; what was answered before is forgotten."""
        self.conventions |= conventions
        self.client.use(self.conventions)
        self._answers.clear()

    def ask(self, name: str, parameters: Mapping[str, Any], more: Optional[Keys] = None) -> Answer:
        """What the collection `name` answers. `more`: keys sent beside."""
        path = "/".join(filter(None, [self.conventions["path_prefix"], self.paths[name]]))
        answer = self.client.get(path, parameters, self.conventions["method"], more)
        answer.collection = name
        if not answer.ok:
            self._refusal = json.dumps(answer.body)
        return answer

    def follow(self, answer: Answer, address: str) -> Optional[Answer]:
        """The answer at an address that `answer` gave; None for one of another origin, where nothing is sent."""
        target = urljoin(answer.url, address)
        if not same_origin(answer.url, target):
            return None
        found = self.client.get(target, {}, self.conventions["method"])
        found.collection = answer.collection
        return found

    def size(self, count: int) -> dict[str, Any]:
        """The parameter that asks for pages of `count` records, as far as one is known."""
        return {self.limit: count} if self.limit else {}

    def page(self, parameters: Mapping[str, Any], size: int) -> Answer:
        """A page of the main collection."""
        return self.ask(self.main, {**self.size(size), **parameters})

    def first(self, name: str) -> Answer:
        """The first few records of a collection, asked for once. A refused page size is left out from then on."""
        if name not in self._answers:
            answer = self.ask(name, self.size(FEW))
            if self.limit and answer.status in (400, 422):
                plain = self.ask(name, {})
                if plain.ok:
                    self.limit, answer = None, plain
            self._answers[name] = answer
        return self._answers[name]

    def records(self, answer: Answer) -> Optional[list[Record]]:
        """The records in `answer`; None if it holds none where they should be."""
        if not answer.ok or answer.collection in self.no_records:
            return None
        found = at(answer.body, steps(self.records_path(answer.collection)))
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            return None
        path = steps(self.conventions["fields_path"] or "")
        return [lifted(each, path) for each in found] if path else found

    def known(self, name: str, fields: Iterable[str]) -> int:
        """How many `fields` of a collection are in its schema, in whatever case; one where it has none."""
        schema = self.schemas.get(name)
        return 1 if schema is None else len({snake_case(each) for each in fields} & schema)

    def records_path(self, name: str) -> str:
        """Where the records of a collection lie."""
        return str(self.own.get(name, {}).get("records_path", self.conventions["records_path"]))

    def names(self, name: str) -> FieldNames:
        """The names that the fields of a collection get under what is known by now."""
        own = {**self.given.get(name, {}), **self.own.get(name, {})}
        return Listing.of(name, own, self.conventions, name not in self.schemas).names

    def rename(self, name: str, field: str, new: str) -> None:
        """Suggests another name for a field of a collection."""
        fields = self.own[name].setdefault("fields", list(self.given.get(name, {}).get("fields") or []))
        fields.append({"name": field, "as": new})
        self.note(f"{name}: a field's name", "differs", f'"{field}" has no column of its own: call it "{new}"', "collections")

    def key_field(self, name: str) -> str:
        """The records' own name for the key of a collection; empty if they have none."""
        key = str(self.own.get(name, {}).get("primary_key", self.conventions["id_field"]))
        return "" if key == "none" else key

    def sent_key(self, name: str, records: Optional[Sequence[Record]] = None) -> str:
        """The key of a collection as its `records` write it: a case that `field_names` undoes needs no setting of its own."""
        key, known = self.key_field(name), self.sample[:1] if records is None else records[:1]
        snake = self.conventions["field_names"] == "snake_case" and key
        return next((sent for record in known if snake and key not in record for sent in record if snake_case(sent) == key), key)

    def keys(self, answer: Answer) -> Optional[list[Any]]:
        """The keys of the records in `answer`, in order; None if it holds none where they should be."""
        records = self.records(answer)
        return None if records is None else [self.key(record) for record in records]

    def key(self, record: Record) -> Any:
        """What tells `record` from others: its key, or else all of it."""
        key = record.get(self.sent_key(self.main))
        return json.dumps(record, sort_keys=True) if key is None else key

    def free(self, names: Iterable[str]) -> list[str]:
        """Those of `names` that no parameter has of which the meaning is known."""
        taken = {self.limit, self.leads_on, self.conventions["api_key_parameter"]}
        return [name for name in names if name not in taken]

    def bisect(
        self, names: Sequence[str], works: Callable[[Sequence[str]], Optional[bool]], at_once: int = AT_ONCE
    ) -> Optional[str]:
        """The one of `names` that has an effect: `at_once`, then halves. `works` says None where the server refuses."""
        names = list(dict.fromkeys(names))
        for start in range(0, len(names), at_once):
            some = names[start : start + at_once]
            if self.client.left < _KEPT:
                return None
            effect = None if self.is_strict and len(some) > 1 else works(some)
            if effect:
                return self._the_one(some, works)
            if effect is None and len(some) > 1:
                found = self._among_refused(some, works)
                if found or self.is_strict:
                    return found
        return None

    def _among_refused(self, names: Sequence[str], works: Callable[[Sequence[str]], Optional[bool]]) -> Optional[str]:
        """The same for `names` that were refused together: of what the refusal does not name, of the half that is not refused, or
        one by one.
        """
        if self.client.left < _KEPT:
            return None
        named = [name for name in names if re.search(rf"(?<![\w$.\[\]-]){re.escape(name)}(?![\w\[\]-])", self._refusal)]
        tried = [name for name in names if name not in named]
        if len(named) < 2 and not self.is_strict:
            # One of them alone may have been refused, for its value.
            halves = [names[: len(names) // 2], names[len(names) // 2 :]]
            effects = [works(half) for half in halves]
            if True in effects:
                return self._the_one(halves[effects.index(True)], works)
            if None not in effects:
                return None
            if False in effects:
                rest = halves[effects.index(None)]
                if len(rest) > 1:
                    return self._among_refused(rest, works)
                self.refused_alone.update(rest)
                return None
            self.is_strict = True
        most = max(_ONE_BY_ONE, (self.client.left - _KEPT) // 4)
        tried = (list(names) if self.is_strict else tried)[:most]
        return next((name for name in tried if self.client.left > _KEPT and works([name])), None)

    def _the_one(self, names: Sequence[str], works: Callable[[Sequence[str]], Optional[bool]]) -> str:
        while len(names) > 1:
            half = names[: (len(names) + 1) // 2]
            names = half if works(half) else names[len(half) :]
        return names[0]

    def sample_from(self, answer: Answer) -> None:
        """Takes the records of `answer` for the sample."""
        self.sample, self.answer = self.records(answer) or [], answer

    @property
    def total(self) -> Optional[int]:
        """How many records the list has, if the answer says it in so many words."""
        return self.total_in(self.answer)[1]

    def total_in(self, answer: Answer) -> tuple[str, Optional[int]]:
        """Where `answer` says how many records the list has, and that number."""
        known, least = self.conventions["total_path"], len(self.records(answer) or [])
        return bodies.total(answer.body, answer.headers, self.records_path(answer.collection), known, least)

    def tokens(self, body: Any) -> list[tuple[str, Any]]:
        """What in `body` may lead to the next page, with its path; the likeliest first."""
        known = self.conventions["next_url_path" if self.conventions["paging"] == "next_url" else "cursor_path"]
        return bodies.tokens(body, self.records_path(self.main), known)

    def differs(self, name: str, setting: str, value: str, is_new: bool = True) -> None:
        """Reports what differs at one collection; `is_new`: and is not set already."""
        self.own[name][setting] = value
        text = f'"{as_typed(setting, value, "collections[]")}"'
        self.note(
            f"{name}: {setting.replace('_', ' ')}", "differs" if is_new else "matches", text, "collections" if is_new else ""
        )

    def note(self, topic: str, status: Status, text: str, setting: str = "") -> None:
        """Reports a finding; `setting`: the one that stands for it."""
        self.report.findings.append(Finding(topic, status, presentable(text), setting))

    def conclude(self, topic: str, name: str, text: str) -> None:
        """Reports that the convention `name` is known, and whether it is as assumed."""
        same = self.conventions[name] == self.assumed[name]
        self.note(topic, "matches" if same else "differs", text, "" if same else f"conventions.{name}")
