"""What is known about an instance by now, and how it is asked under that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from source_syfter.components.pages import at, steps
from source_syfter.probing import bodies
from source_syfter.probing.client import BOUND, Answer, Client
from source_syfter.probing.report import Finding, Report, Status
from source_syfter.secrecy import presentable
from source_syfter.settings import Settings
from source_syfter.spec import name_of

# Records asked for where a few will do: enough to see a page move by one and by two.
FEW = 3

Record = dict[str, Any]


class Instance:
    """An instance as far as it is known: `conventions` holds what was found out, or is still assumed."""

    def __init__(self, settings: Settings, manifest: Mapping[str, Any], client: Client) -> None:
        self.client = client
        self.settings = settings
        self.manifest = manifest
        self.assumed: dict[str, Any] = settings["conventions"]
        self.conventions = dict(self.assumed)
        # Each collection's path below the prefix, by name.
        self.paths = {name_of(each): each["$parameters"]["collection"] for each in manifest["streams"]}
        self.paths |= {each["name"]: each["path"] for each in settings["additional_collections"]}
        self.report = Report(settings["host"], most_requests=BOUND)
        # The parameter that is sent for the page size, and whether it was seen to work.
        self.limit: Optional[str] = self.conventions["limit_parameter"] or None
        self.limit_works = False
        # The collection that is looked at: its first few records, the body that holds them, and its largest page.
        self.main = ""
        self.sample: list[Record] = []
        self.body: Any = None
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
        prefix = self.conventions["path_prefix"]
        return self.client.get("/".join(filter(None, [prefix, self.paths[name]])), parameters)

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
        found = at(answer.body, steps(self.conventions["records_path"]))
        return found if isinstance(found, list) and all(isinstance(each, dict) for each in found) else None

    def keys(self, answer: Answer) -> Optional[list[Any]]:
        """The keys of the records in `answer`, in order; None if it holds none where they should be."""
        records = self.records(answer)
        return None if records is None else [self.key(record) for record in records]

    def key(self, record: Record) -> Any:
        """What tells `record` from others: its key, or else all of it."""
        key = record.get(self.conventions["id_field"])
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
        self.sample, self.body = self.records(answer) or [], answer.body

    @property
    def total(self) -> Optional[int]:
        """How many records the list has, if the answer says it in so many words."""
        return bodies.total(self.body, self.conventions["records_path"], len(self.sample))

    def tokens(self, body: Any) -> list[tuple[str, Any]]:
        """What in `body` may lead to the next page, with its path; the likeliest first."""
        return bodies.tokens(body, self.conventions["records_path"], self.conventions["cursor_path"])

    def note(self, topic: str, status: Status, text: str, setting: str = "") -> None:
        """Reports a finding; `setting`: the one that stands for it."""
        self.report.findings.append(Finding(topic, status, presentable(text), setting))

    def conclude(self, topic: str, name: str, text: str) -> None:
        """Reports that the convention `name` is known, and whether it is as assumed."""
        same = self.conventions[name] == self.assumed[name]
        self.note(topic, "matches" if same else "differs", text, "" if same else f"conventions.{name}")
