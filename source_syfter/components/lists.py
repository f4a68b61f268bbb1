"""How a list is read whole, whatever others do to it meanwhile: what of a page is new, and what to ask for next.

No HTTP: the extractor hands in pages, the pagination strategy takes out tokens, and the requester asks for them.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import gt
from typing import Any, Optional

import orjson

from source_syfter import exact, problems
from source_syfter.components.audit import Audit
from source_syfter.components.positions import Pace, Position, continues, hashed, known_of
from source_syfter.problems import SyfterError

LOGGER = logging.getLogger("airbyte")

Record = Mapping[str, Any]
Mark = Hashable

# How often the rest of a list may come again: a record that changes enters the list of changes, and what follows moves on by one.
_REPEATS = 2
# Pages to ask for ahead where the instance does not say how long the list is: as many may lie beyond its end.
_UNKNOWN = 2
# Pages to look for the end of an earlier attempt, before and behind where it was.
_FARTHEST = 20
# Letters of a token that a state may hold.
_LONGEST_TOKEN = 200
# Pages to step back, one after the other, before the list is read from its beginning.
_MOST_BACK = 10
# Signs that a list has no stable order, each of which may be due to others: pages that came in another order than before, between
# two that begin with their anchors; reads from the beginning; pages in a row that bring nothing new.
_MOST_DISORDER, _MOST_RESTARTS, _MOST_IDLE = 1, 9, 12
# Records that others may insert between two requests.
_MOST_INSERTED = 40


class Place(int):
    """A number of records to skip, or of a page. Unlike a plain one, the CDK takes zero for a token, too."""

    def __bool__(self) -> bool:
        return True


# The token that leads to the beginning of the list: `PageRequester` resets the pagination.
BEGINNING = "the beginning"


@dataclass
class Page:
    """What an answer holds. `records`: under their new names; `keys`: None where there is none; `last`: as sent."""

    records: Sequence[Record]
    keys: list[Any]
    total: Optional[int] = None
    body: Any = None
    last: Mapping[str, Any] = field(default_factory=dict)
    versions: Sequence[Any] = ()
    """The cursor of each record, as `keys_of` has it: whether others changed it meanwhile. Empty where there is no cursor."""
    is_ahead: bool = False
    """Whether it was asked for before its turn."""
    fresh: int = 0
    """How many of the records are new."""

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def marks(self) -> list[Mark]:
        """What tells the records apart: their keys; where there is none, a digest."""
        if None not in self.keys:
            return self.keys
        return [_digest(record) if key is None else key for record, key in zip(self.records, self.keys, strict=True)]


def keys_of(records: Sequence[Mapping[str, Any]], name: str) -> list[Any]:
    """The field `name` of each record, its key for example, as something that can be compared; None if it has none."""
    keys = [record.get(name) for record in records]
    if set(map(type, keys)) <= {int, str}:
        return keys
    return [key if key is None or type(key) in (int, str) else exact.dumps(key) for key in keys]


def unchanged(marks: Sequence[Mark], versions: Sequence[Any]) -> list[Any]:
    """Marks of records with the `versions` they have: in a list in the order of changes, one that others changed has moved."""
    return list(zip(marks, versions, strict=True)) if versions else list(marks)


def _digest(record: Mapping[str, Any]) -> bytes:
    text = exact.dumps(record, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    return hashlib.blake2b(text, digest_size=8).digest()


class ListRead:
    """A list of which each page says what leads to the next one, or which is one page."""

    def __init__(self, stream: str, end_of_list: str = "empty") -> None:
        self._stream = stream
        self._repeated_ends, self._short_ends = end_of_list == "repeated", end_of_list == "short"
        # It holds what has changed only, so that no total says how much that is.
        self.is_of_changes = False
        # The token of the page that is asked for may stand for none: then it leads to the beginning.
        self.may_be_beginning = False
        self.audit = Audit()
        # Pages so far, and records of the first one.
        self.pages = 0
        self.first_count = 0
        self._marks: list[Mark] = []
        self._versions: Sequence[Any] = ()
        self._seen: set[int] = set()
        self._repeats = self._circling = 0
        self._looked = self._restarted = False
        # Records that came again, but not on the next page: they moved on, and what stood behind them moved up.
        self._moved_up = 0
        # The page is asked for once more.
        self._again = False
        self._pace = Pace()
        # Where an earlier attempt ended, until a page shows that this one continues it, and how far from there was looked.
        self._resuming: Optional[Position] = None
        self._search = 0
        # It goes on where an earlier attempt ended; it did, and that led nowhere.
        self.is_resumed = self.is_anew = False

    def begin(self) -> None:
        """From the beginning, for the first time or once more. What was counted stays counted."""
        self._seen.clear()

    def enter(self, place: Any) -> None:
        """Goes on at `place`, wherever the page before ended."""

    def resume(self, position: Position) -> Optional[Any]:
        """Goes on at `position`: the token to ask for; None where such a list cannot be entered in its middle."""
        return None

    @property
    def position(self) -> Optional[Position]:
        """Where the list can be entered again; None where it cannot."""
        return None

    def upcoming(self, place: int, count: int) -> list[int]:
        """Up to `count` pages that may be asked for before their turn, which follow the one at `place`."""
        return []

    @property
    def is_searching(self) -> bool:
        """Whether it looks for where an earlier attempt ended."""
        return self._resuming is not None

    @property
    def is_settled(self) -> bool:
        """Whether the last page stands where it should: no other one is needed to know what it left out."""
        return not self.is_searching and self.pages > 0

    def is_position_due(self) -> bool:
        """Whether it is time to write down the position."""
        return self._resuming is None and not self._again and self.pages > 0 and self._pace.is_due(self.pages, self.audit.rows)

    def _entered(self, position: Position) -> None:
        self._resuming = position
        self.audit = Audit(position.found, position.total)

    def take(self, page: Page) -> Sequence[Record]:
        """The records of `page` that are new. Raises a config error for a page that came before."""
        self.pages += 1
        if self.pages == 1:
            self.first_count = len(page)
        before = self._marks
        fresh, keys = self._continued(page, self._resuming) if self._resuming else self._fresh(page)
        self._again = False
        again = self.audit.add(keys, page.total)
        self._moved_up += max(0, again - len({*before} & {*keys})) if again else 0
        page.fresh = len(fresh)
        return fresh

    def _continued(self, page: Page, position: Position) -> tuple[Sequence[Record], list[Any]]:
        """What is new in a page with which an earlier attempt may be continued."""
        unread = self._unread(page, position)
        if unread is None:
            self._look_elsewhere(page, position)
            return [], []
        self._resuming = None
        self._go_on(page)
        return unread

    def _go_on(self, page: Page) -> None:
        """Takes note of a page that continues an earlier attempt."""
        ListRead._fresh(self, page)

    def _look_elsewhere(self, page: Page, position: Position) -> None:
        """Chooses where to look next, after a page that does not continue the earlier attempt."""
        self.read_anew()

    @property
    def _last_marks(self) -> tuple[str, ...]:
        """What a position keeps of the page that was read last."""
        return known_of(unchanged(self._marks, self._versions))

    @staticmethod
    def _unread(page: Page, position: Position) -> Optional[tuple[Sequence[Record], list[Any]]]:
        """What stands on a page behind the first record that is known to an earlier attempt, but for those that are.

        None where the page does not continue that attempt.
        """
        hashes = [hashed(each) for each in unchanged(page.marks, page.versions)]
        if not continues(hashes, position.known, any(version is not None for version in page.versions)):
            return None
        first = next(place for place, each in enumerate(hashes) if each in position.known)
        places = [place for place in range(first, len(hashes)) if hashes[place] not in position.known]
        return [page.records[place] for place in places], [page.keys[place] for place in places]

    def _nearby(self, position: Position, step: int, first: int) -> int:
        """The next place to look at, before and behind `position` by turns: others deleted or inserted what stood before.

        The `first` one, and the list is read anew, where it was looked for far enough.
        """
        self._search += 1
        if self._search > _FARTHEST:
            self.read_anew()
            return first
        far = step * ((self._search + 1) // 2)
        return max(first, position.place - far) if self._search % 2 else int(position.place) + far

    def read_anew(self) -> None:
        """Reads the list from its beginning, in place of where an earlier attempt ended."""
        LOGGER.info(f"{self._stream}: where an earlier attempt ended was not found again, so it is read from its beginning.")
        self._resuming, self.audit, self._marks, self._versions = None, Audit(), [], ()
        self.pages, self._pace = 0, Pace()
        self.is_resumed, self.is_anew = False, True
        # The CDK begins a list twice at the most.
        self._restarted = True

    def holds_anchor_only(self, page: Page) -> bool:
        """Whether the only record of `page` is the last one of the page before."""
        return len(page) == 1 and page.marks == self._marks[-1:]

    def _fresh(self, page: Page) -> tuple[Sequence[Record], list[Any]]:
        marks, before = page.marks, self._marks
        if marks:
            self._marks, self._versions = marks, page.versions
        if self._again:
            return _unknown(page, marks, set(before))
        if marks and self._is_repeated(page, marks, before):
            return [], []
        return page.records, page.keys

    def _is_repeated(self, page: Page, marks: list[Mark], before: list[Mark]) -> bool:
        """Whether the page before came again and ends the list. Raises a config error where it does not."""
        if self._repeated_ends and marks == before:
            # In its order; any other that came before is no end.
            return True
        # Keys in any order: a server that does not sort may shuffle the page that it repeats. Records without one may be equal.
        digest = hash(frozenset(marks))
        is_seen = digest in self._seen and (marks == before or None not in page.keys)
        if is_seen and self.may_be_beginning:
            return True
        if is_seen and marks == before and len(marks) > 1:
            raise self._repeated(marks)
        self._repeats = self._repeats + 1 if is_seen else 0
        # Records without a key may be equal, but hardly page after page.
        self._circling = self._circling + 1 if digest in self._seen and len(marks) > 1 else 0
        self._seen.add(digest)
        if self._circling > _MOST_IDLE:
            raise self._repeated(marks)
        # In place of a whole page it hides another one, which would be lost.
        if self._repeats > (_REPEATS if len(marks) < max(self.first_count, 2) else 0):
            raise self._repeated(marks)
        return False

    def _repeated(self, marks: Sequence[Mark]) -> SyfterError:
        return problems.REPEATED_PAGE(stream=self._stream, count=len(marks))

    def rest(self, token: Any) -> Optional[Any]:
        """What leads to the rest of a list that ended after `token` and lacks records; None if it lacks none that is known of.

        The end is asked for once more, and where others changed the list, or an earlier attempt counted a part of it, it is read
        once more. Raises a transient error where that does not help.
        """
        if self.is_of_changes or not self.audit.is_short:
            return None
        if not self._looked:
            self._looked = True
            if token is not None:
                self._again = True
                return token
        if self.is_resumed:
            self.read_anew()
            return BEGINNING
        if not self._restarted and (token is None or self.audit.is_disturbed or self._moved_up):
            self._restarted = self._again = True
            return BEGINNING
        raise problems.INCOMPLETE_LIST(stream=self._stream, count=self.audit.found, total=self.audit.least)


class OffsetRead(ListRead):
    """A list that is read by offset. Each page begins with the last record of the page before, its anchor.

    Pages are intervals of a list in a stable order, so two that share a record leave no gap, whatever others insert, delete or
    move, and in whatever order they were served. A page without its anchor has moved: earlier ones are asked for until one
    begins within the page that was read last.
    """

    def __init__(self, stream: str, end_of_list: str = "empty") -> None:
        super().__init__(stream, end_of_list)
        # Of the page that is asked for, of the one after it, and of the end of the page that was read last.
        self.place = 0
        self.following: Optional[int] = None
        self._end = 0
        # The longest page.
        self._length = 0
        self._total: Optional[int] = None
        self._is_anchored, self._is_proven, self._on_trial = True, False, False
        # Records without a key are equal, so none of them can be an anchor.
        self._are_alike = False
        # Behind a first page came an empty one, without an anchor: what is at the offset 1 tells whether that is the end.
        self._is_looking = self._has_looked = False
        self._back = self._idle = self._same = self._disorder = self._restarts = 0

    def begin(self) -> None:
        super().begin()
        self._marks, self._versions, self.place, self._back = [], (), 0, 0

    def resume(self, position: Position) -> Optional[Place]:
        if type(position.place) is not int or position.place < 0 or not position.known:
            return None
        self._entered(position)
        self.place, self._is_anchored = position.place, not position.is_plain
        return Place(self.place)

    @property
    def position(self) -> Optional[Position]:
        if not self._marks or self.following is None or self._on_trial or self._back:
            return None
        # A list without anchors is entered at the page that was read last.
        place = self.following if self._is_anchored else self.place
        return Position(place, self._last_marks, self.audit.found, self.audit.least, not self._is_anchored)

    def _go_on(self, page: Page) -> None:
        self._accept(page, page.marks)

    def _look_elsewhere(self, page: Page, position: Position) -> None:
        self._length = max(self._length, len(page))
        self.following = self._nearby(position, max(self._length - 1, 1), first=0)

    def enter(self, place: Any) -> None:
        self._marks, self._versions, self.place = [], (), place

    def upcoming(self, place: int, count: int) -> list[int]:
        if not (self._is_anchored and self._is_proven) or self._on_trial or self._back or self._resuming:
            return []
        step, end = self._length - 1, self.audit.least
        if end is None:
            # Nobody knows where the list ends.
            count, end = min(count, _UNKNOWN), place + (_UNKNOWN + 1) * step
        return [place + step * turn for turn in range(1, count + 1) if place + step * turn < end]

    @property
    def is_settled(self) -> bool:
        return super().is_settled and not (self._back or self._on_trial or self._is_looking)

    def refused(self) -> Optional[int]:
        """The offset to ask for in place of one within a page, which was refused; None if it is no wonder."""
        if not self._is_anchored or self._is_proven or self._on_trial or not self._marks:
            return None
        self._on_trial, self.place = True, self._end
        return self.place

    def _fresh(self, page: Page) -> tuple[Sequence[Record], list[Any]]:
        marks, before = page.marks, self._marks
        if not before:
            return self._accept(page, marks)
        if self._on_trial or not self._is_anchored:
            return self._plain(page, marks, before)
        if self._is_looking:
            self._is_looking = False
            if not marks:
                # Whether it counts in pages or gives all at once, there is no more.
                self.following = None
                return [], []
        elif not marks and not (self._is_proven or self._back or self._has_looked) and self.place > 1:
            self._is_looking = self._has_looked = True
            self.following = 1
            return [], []
        self._same = self._same + 1 if len(marks) > 1 and marks == before and not self._back else 0
        if self._same and not self._is_proven:
            # The instance counts in pages, or it ignores the offset.
            self._on_trial, self.following = True, self._end
            return [], []
        # A short page comes again where others insert as many records before it.
        if self._same and (marks[0] == marks[-1] or self._same * (len(marks) - 1) > _MOST_INSERTED):
            if not self._repeated_ends:
                raise self._repeated(marks)
            self.following = None
            return [], []
        # A total of fewer than this page shows is none of the whole list.
        is_total = page.total is not None and page.total >= self.place + len(marks)
        fell = is_total and self._total is not None and page.total is not None and page.total < self._total
        self._total = page.total
        # Where others deleted what stood before it, an anchor that moved to the end hides what it has left behind.
        if marks[:1] == before[-1:] and not (fell and len(marks) < self._length):
            if len(marks) == 1:
                self.following = None
                return [], []
            self._is_proven, self._back, self._disorder = True, 0, 0
            self._accept(page, marks)
            return page.records[1:], page.keys[1:]
        if len(marks) > 1 and not (self._is_proven or self._back) and frozenset(marks) == frozenset(before):
            # The instance counts in pages, or it ignores the offset.
            self._on_trial, self.following = True, self._end
            return [], []
        return self._moved(page, marks, before)

    def _accept(self, page: Page, marks: list[Mark]) -> tuple[Sequence[Record], list[Any]]:
        self._marks, self._versions = marks, page.versions
        self._end = self.place + len(marks)
        self._length = max(self._length, len(marks))
        if self._length == 1 and self._is_anchored:
            # It would hold nothing but its anchor.
            self._on_trial = True
        if self._is_anchored and None in page.keys and len({*marks}) < len(marks):
            self._is_anchored, self._on_trial, self._are_alike = False, False, True
            text = "it has equal records without a key, so one may be missed where others delete records meanwhile."
            LOGGER.warning(f"{self._stream}: {text}")
        if not marks:
            self.following = None
        elif self._is_anchored:
            self.following = self._end - (not self._on_trial)
        elif self._are_alike:
            self.following = self._end
        else:
            # Where pages begin at multiples of their length only, so does the one behind a short page.
            self.following = self.place + self._length
        return page.records, page.keys

    def _plain(self, page: Page, marks: list[Mark], before: list[Mark]) -> tuple[Sequence[Record], list[Any]]:
        """A page that was asked for without an anchor."""
        is_same = marks == before if self._are_alike else frozenset(marks) == frozenset(before)
        self._repeats = self._repeats + 1 if is_same else 0
        if not marks or (is_same and (self._again or self._repeated_ends or (self._on_trial and len(marks) == 1))):
            self.following = None
            return [], []
        if is_same and self._repeats > (0 if 1 < len(marks) >= self._length else _REPEATS):
            raise self._repeated(marks)
        if self._on_trial:
            self._on_trial = False
            if marks[0] in before or (self._length == 1 and len(marks) > 1) or self._is_proven:
                return self._moved(page, marks, before) if self._length > 1 else self._accept(page, marks)
            self._is_anchored = False
            text = "pages hold one record" if self._length == 1 else "pages begin at multiples of their length only"
            LOGGER.warning(f"{self._stream}: {text}, so a record may be missed where others delete records meanwhile.")
        return self._accept(page, marks)

    def _moved(self, page: Page, marks: list[Mark], before: list[Mark]) -> tuple[Sequence[Record], list[Any]]:
        """A page that does not begin with its anchor."""
        known = set(before)
        order = {each: place for place, each in enumerate(unchanged(before, self._versions))}
        there = unchanged(marks, page.versions)
        shared = [order[each] for each in there if each in order]
        # The first of them alone may have moved; two in their order, which nobody changed, have not.
        if there and there[0] in order and max(shared) > shared[0]:
            # What others move stands out of its order; where there is none, most does.
            self._disorder += 4 * sum(map(gt, shared, shared[1:])) > len(shared)
        elif self.place > 0:
            self._back += 1
            back = self.place - (self._length - 1)
            self.following = back if back > 0 and self._back < _MOST_BACK else 0
            return [], []
        else:
            # From the beginning.
            self._restarts += 1
        self._back = 0
        fresh, keys = _unknown(page, marks, known)
        self._idle = 0 if fresh else self._idle + 1
        if self._disorder > _MOST_DISORDER or self._restarts > _MOST_RESTARTS or self._idle > _MOST_IDLE:
            raise problems.UNSTABLE_ORDER(stream=self._stream)
        self._accept(page, marks)
        return fresh, keys


class KeysetRead(ListRead):
    """A list of which each page begins behind the last record of the page before, as its token says.

    `token`: the one that led to the page that was read last.
    """

    token: Any = None

    def _fresh(self, page: Page) -> tuple[Sequence[Record], list[Any]]:
        marks = page.marks
        if marks and not self._again and {*marks} < {*self._marks}:
            # The newest ones, for example: they do not come behind the last record.
            raise self._repeated(marks)
        return super()._fresh(page)

    def resume(self, position: Position) -> Optional[Any]:
        if not position.place or not position.known:
            # The CDK takes it for no token.
            return None
        self._entered(position)
        return position.place

    @property
    def position(self) -> Optional[Position]:
        # A state has numbers of Python, which would be another place in the list.
        is_lost = self.token is None or isinstance(self.token, exact.Sent) or len(str(self.token)) > _LONGEST_TOKEN
        return None if is_lost else Position(self.token, self._last_marks, self.audit.found, self.audit.least)


class PageRead(ListRead):
    """A list that is read by page number. Where the total changes between two answers, the page before is read again."""

    def __init__(self, stream: str, first: int, end_of_list: str = "empty") -> None:
        super().__init__(stream, end_of_list)
        self._first = self.place = first
        self.following: Optional[int] = None
        # The total that was told last, and by which page.
        self._total: Optional[int] = None
        self._told_by = first
        # The page that was read last.
        self._shown = first
        self._is_aside = self._is_end_checked = self._is_ending = False
        # How often the list was read once more as records had moved, and how many were found before.
        self._passes = self._found_before = 0
        # The page to go on with, while earlier ones are read again, down to the one that told the total before; what is known of
        # the last two, and of the one before.
        self._then: Optional[int] = None
        self._known: set[Mark] = set()
        self._before: set[Any] = set()
        self._since = first

    def begin(self) -> None:
        super().begin()
        self.place, self._total, self._then = self._first, None, None

    def resume(self, position: Position) -> Optional[Place]:
        if type(position.place) is not int or not position.known:
            return None
        self._entered(position)
        self.place = position.place
        return Place(self.place)

    @property
    def position(self) -> Optional[Position]:
        if not self._marks or self.following is None or self._then is not None:
            return None
        return Position(self._shown, self._last_marks, self.audit.found, self.audit.least)

    def _go_on(self, page: Page) -> None:
        super()._go_on(page)
        self.following = self.place + 1
        self._note(page.total)

    def _look_elsewhere(self, page: Page, position: Position) -> None:
        self.following = self._nearby(position, 1, self._first)

    def enter(self, place: Any) -> None:
        self.place, self._total = place, None

    def _fresh(self, page: Page) -> tuple[Sequence[Record], list[Any]]:
        marks, before, versions, total = page.marks, self._marks, self._versions, self._total
        if self._then is not None:
            return self._checked(page, marks)
        if page.is_ahead and (page.total != total or not self._is_told):
            # Others changed the list: in its turn the page may be another one.
            self.following, self._is_aside = self.place, True
            return [], []
        self._is_aside = False
        found, told_by = super()._fresh(page), self._told_by
        self._note(page.total)
        self.following = self.place + 1 if found[1] or (self._again and marks) else None
        least = page.total
        is_end = not found[1] or (self._short_ends and len(marks) < self.first_count)
        if is_end and least is None and not self._is_end_checked:
            # An end that does not tell the total, before as many were found, may hide that it fell.
            least, self._is_end_checked = self.audit.found + len(found[1]), True
        if total is not None and least is not None and least < total and self.place > self._first:
            # What others deleted moved the rest up, beyond what was read.
            self._then, self.following = self.place + bool(marks), self.place - 1
            self._is_ending = is_end and bool(marks)
            self._since, self._before, self._known = told_by, {*unchanged(before, versions)}, {*before, *marks}
        return found

    @property
    def is_settled(self) -> bool:
        return super().is_settled and self._then is None and not self._is_aside

    def rest(self, token: Any) -> Optional[Any]:
        missing = super().rest(token)
        return self._rest_of_moved() if missing is None else missing

    def _rest_of_moved(self) -> Optional[Any]:
        """What leads to what was missed where records moved; None if none is known to."""
        # Once more, until nothing comes that is new: a total, if there is one, counts what others added or deleted meanwhile.
        found, self._found_before = self.audit.found - self._found_before, self.audit.found
        if self._passes > _REPEATS or not (found if self._passes else self._moved_up):
            return None
        self._passes += 1
        if self.is_resumed:
            self.read_anew()
        self.begin()
        return Place(self._first)

    def _note(self, total: Optional[int]) -> None:
        self._shown = self.place
        if total is not None:
            self._total, self._told_by = total, self.place

    @property
    def _is_told(self) -> bool:
        """Whether the page that was read last told the total."""
        return self._total is not None and self._told_by == self._shown

    def upcoming(self, place: int, count: int) -> list[int]:
        if self._total is None or not self._is_told or self._then is not None or self._resuming or self.is_of_changes:
            # Pages that are under way together meet the list in any order: without a total, nobody sees what moved, nor in a list
            # of changes what came again.
            return []
        last = self._first + (self._total - 1) // max(self.first_count, 1)
        return list(range(place + 1, min(place + count, last) + 1))

    def _checked(self, page: Page, marks: list[Mark]) -> tuple[Sequence[Record], list[Any]]:
        found = _unknown(page, marks, self._known)
        # The page that was read before has to be in it: one of its records alone may have moved.
        there = unchanged(marks, page.versions)
        shared = [each for each in there if each in self._before]
        is_joint = bool(shared) and (there[0] == shared[0] or len(shared) > 1)
        if self.place > self._first and (self.place > self._since or not is_joint):
            self.following = self.place - 1
        else:
            self.following, self._then = None if self._is_ending else self._then, None
        self._known.update(marks)
        return found


def _unknown(page: Page, marks: Sequence[Mark], known: set[Mark]) -> tuple[Sequence[Record], list[Any]]:
    """The records of `page` that are not `known`, and their keys."""
    places = [place for place, mark in enumerate(marks) if mark not in known]
    return [page.records[place] for place in places], [page.keys[place] for place in places]
