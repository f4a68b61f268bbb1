"""What is known about an instance by now, and how it is asked under that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional
from urllib.parse import urljoin

from source_syfter.components.http import same_origin
from source_syfter.components.naming import FieldNames, lifted
from source_syfter.components.pages import at, steps
from source_syfter.probing import bodies
from source_syfter.probing.client import BOUND, Answer, Client
from source_syfter.probing.report import Finding, Report, Status
from source_syfter.secrecy import presentable
from source_syfter.settings import Settings, as_typed
from source_syfter.spec import name_of

# Records asked for where a few will do: enough to see a page move by one and by two.
FEW = 3

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
        # What differs at single collections: as given, and as found out.
        self.own: dict[str, dict[str, Any]] = {name: {} for name in self.paths}
        for name, each in given.items():
            self.own[name] |= {key: each[key] for key in ("records_path", "primary_key") if each[key] is not None}
        # The fields that the schema of each stream of the connector knows.
        self.schemas = schemas
        self.report = Report(settings["host"], most_requests=BOUND)
        # The parameter that is sent for the page size, and whether it was seen to work.
        self.limit: Optional[str] = self.conventions["limit_parameter"] or None
        self.limit_works = False
        # The collection that is looked at: its first few records, the body that holds them, and its largest page.
        self.main = ""
        self.sample: list[Record] = []
        self.body: Any = None
        self.answer = Answer(0)
        self.largest_page: list[Record] = []
        # The keys of the first records of the list; where it moves, others come.
        self.ids: list[Any] = []
        self._answers: dict[str, Answer] = {}

    def change(self, **conventions: Any) -> None:
        """From now on the instance is asked under these `conventions`; what was answered before is forgotten."""
        self.conventions |= conventions
        self.client.use(self.conventions)
        self._answers.clear()

    def ask(self, name: str, parameters: Mapping[str, Any]) -> Answer:
        """What the collection `name` answers."""
        path = "/".join(filter(None, [self.conventions["path_prefix"], self.paths[name]]))
        answer = self.client.get(path, parameters, self.conventions["method"])
        answer.collection = name
        return answer

    def follow(self, answer: Answer, address: str) -> Optional[Answer]:
        """The answer at an address that `answer` gave; None for one of another origin, where nothing is sent."""
        target = urljoin(answer.url, address)
        if not same_origin(answer.url, target):
            return None
        found = self.client.get(target, {})
        found.collection = answer.collection
        return found

    def page(self, parameters: Mapping[str, Any], size: int) -> Answer:
        """A page of the main collection."""
        return self.ask(self.main, {**({self.limit: size} if self.limit else {}), **parameters})

    def first(self, name: str) -> Answer:
        """The first few records of a collection, asked for once. A refused page size is left out from then on."""
        if name not in self._answers:
            answer = self.ask(name, {self.limit: FEW} if self.limit else {})
            if self.limit and answer.status in (400, 422):
                plain = self.ask(name, {})
                if plain.ok:
                    self.limit, answer = None, plain
            self._answers[name] = answer
        return self._answers[name]

    def records(self, answer: Answer) -> Optional[list[Record]]:
        """The records in `answer`; None if it holds none where they should be."""
        if not answer.ok:
            return None
        found = at(answer.body, steps(self.records_path(answer.collection)))
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            return None
        path = steps(self.conventions["fields_path"] or "")
        return [lifted(each, path) for each in found] if path else found

    def records_path(self, name: str) -> str:
        """Where the records of a collection lie."""
        return str(self.own.get(name, {}).get("records_path", self.conventions["records_path"]))

    def names(self, name: str) -> FieldNames:
        """The names that the fields of a collection get under what is known by now."""
        conventions = self.conventions
        known = {
            "id": self.key_field(name),
            "created_at": conventions["created_at_field"],
            "updated_at": conventions["updated_at_field"],
        }
        renames = {sent: own for own, sent in known.items() if sent and sent != own}
        return FieldNames(renames, conventions["field_names"] == "snake_case")

    def key_field(self, name: str) -> str:
        """The records' own name for the key of a collection; empty if they have none."""
        key = str(self.own.get(name, {}).get("primary_key", self.conventions["id_field"]))
        return "" if key == "none" else key

    def keys(self, answer: Answer) -> Optional[list[Any]]:
        """The keys of the records in `answer`, in order; None if it holds none where they should be."""
        records = self.records(answer)
        return None if records is None else [self.key(record) for record in records]

    def key(self, record: Record) -> Any:
        """What tells `record` from others: its key, or else all of it."""
        key = record.get(self.key_field(self.main))
        return json.dumps(record, sort_keys=True) if key is None else key

    def bisect(self, names: Sequence[str], works: Callable[[Sequence[str]], Optional[bool]]) -> Optional[str]:
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

    def sample_from(self, answer: Answer) -> None:
        """Takes the records of `answer` for the sample."""
        self.sample, self.body, self.answer = self.records(answer) or [], answer.body, answer

    @property
    def total(self) -> Optional[int]:
        """How many records the list has, if the answer says it in so many words."""
        return bodies.total(self.body, self.records_path(self.main), len(self.sample))

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
