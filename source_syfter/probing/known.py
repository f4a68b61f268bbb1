"""What is known about an instance by now, and how it is asked under that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional

from source_syfter.probing import bodies
from source_syfter.probing.asking import BOUND, Answer, Client
from source_syfter.probing.report import Finding, Report, Status
from source_syfter.secrecy import presentable
from source_syfter.spec import manifest

# Records asked for where a few will do: enough to see a page move by one and by two.
FEW = 3

Record = dict[str, Any]


class Known:
    """An instance as far as it is known: `now` holds its conventions, as found out or still as assumed."""

    def __init__(self, config: Mapping[str, Any], client: Client) -> None:
        """`config`: as `config.checked` returns it."""
        self.client = client
        self.config = config
        package = manifest()
        conventions = package["spec"]["connection_specification"]["properties"]["conventions"]["properties"]
        self.assumed: dict[str, Any] = {
            **{name: shape["default"] for name, shape in conventions.items()},
            **(config.get("conventions") or {}),
        }
        self.now = dict(self.assumed)
        # Each collection's path below the prefix, by name.
        self.paths = {each["$parameters"]["name"]: each["$parameters"]["collection"] for each in package["streams"]}
        extra = config.get("additional_collections") or []
        self.paths |= {each["name"]: each["path"].strip("/") for each in extra}
        self.report = Report(config["host"], most_requests=BOUND)
        # The parameter that is sent for the page size, and whether it was seen to work.
        self.limit: Optional[str] = self.now["limit_parameter"] or None
        self.limit_works = False
        # The collection that is looked at: its first few records, the body that holds them, and its largest page.
        self.main = ""
        self.base: list[Record] = []
        self.body: Any = None
        self.wide: list[Record] = []
        # The keys of the first records of the list; where it moves, others come.
        self.ids: list[Any] = []
        self._answers: dict[str, Answer] = {}

    def forget(self) -> None:
        """Forgets what was answered: from now on it is asked for elsewhere, or signed otherwise."""
        self._answers.clear()

    def ask(self, name: str, parameters: Mapping[str, Any]) -> Answer:
        """What the collection `name` answers."""
        prefix = self.now["path_prefix"].strip("/")
        return self.client.get(f"{prefix}/{self.paths[name]}" if prefix else self.paths[name], parameters)

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
        found = bodies.at(answer.body, self.now["records_path"])
        return found if isinstance(found, list) and all(isinstance(each, dict) for each in found) else None

    def keys(self, answer: Answer) -> Optional[list[Any]]:
        """The keys of the records in `answer`, in order; None if it holds none where they should be."""
        records = self.records(answer)
        return None if records is None else [self.key(record) for record in records]

    def key(self, record: Record) -> Any:
        """What tells `record` from others: its key, or else all of it."""
        key = record.get(self.now["id_field"])
        return json.dumps(record, sort_keys=True) if key is None else key

    def effective(self, names: Sequence[str], works: Callable[[Sequence[str]], Optional[bool]]) -> Optional[str]:
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

    def look_at(self, answer: Answer) -> None:
        """Takes the records of `answer` for what is looked at."""
        self.base, self.body = self.records(answer) or [], answer.body

    @property
    def total(self) -> Optional[int]:
        """How many records the list has, if the answer says it in so many words."""
        return bodies.total(self.body, self.now["records_path"], len(self.base))

    def tokens(self, body: Any) -> list[tuple[str, Any]]:
        """What in `body` may lead to the next page, with its path; the likeliest first."""
        return bodies.tokens(body, self.now["records_path"], self.now["cursor_path"])

    def add(self, topic: str, status: Status, text: str, setting: str = "") -> None:
        """Reports a finding."""
        self.report.findings.append(Finding(topic, status, presentable(text), setting))

    def settle(self, topic: str, name: str, text: str) -> None:
        """Reports that the convention `name` is known, and whether it is as assumed."""
        same = self.now[name] == self.assumed[name]
        self.add(topic, "matches" if same else "differs", text, "" if same else f"conventions.{name}")
