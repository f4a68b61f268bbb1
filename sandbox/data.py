"""The records of the instance before anybody changes them, each computed from (seed, collection, position) when asked for.

Nothing is stored, so millions of companies cost no memory. That works because the shape repeats: what hangs off a company
(which sources, years, people, articles, values) is laid out once for a block of `BLOCK` companies and repeated for every
block, and `updated_at` is laid out once for a block of `Schedule.SIZE` records. So position -> record, and
"how many were updated since", are arithmetic.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from hashlib import blake2b
from itertools import accumulate
from random import Random
from typing import Any, NamedTuple

from sandbox.models import COLLECTIONS
from sandbox.timestamps import DAY, iso, parse

Json = dict[str, Any]

BLOCK = 60
BASE_START = parse("2026-01-01")
BASE_END = parse("2026-07-01")
"""All base records were updated in [BASE_START, BASE_END)."""

FIRST_ID = {
    "companies": 1001,
    "company_overviews": 20001,
    "company_financials": 300001,
    "company_employees": 40001,
    "articles": 5001,
    "custom_property_definitions": 11,
    "custom_property_values": 700001,
    "datasource_priorities": 1,
    "datasource_preferences": 801,
}

SOURCES = ("registry", "accounts_feed", "web_crawl", "deal_desk")
YEARS = tuple(range(2019, 2026))

DEFINITIONS = (
    ("Investment thesis", "string", "companies"),
    ("Fit score", "number", "companies"),
    ("Last contacted", "datetime", "companies"),
    ("In pipeline", "boolean", "companies"),
    ("External reference", "string", "companies"),
    ("Sentiment", "string", "articles"),
    ("Relevance", "number", "articles"),
    ("Event date", "datetime", "articles"),
    ("Mentions a deal", "boolean", "articles"),
)

PRIORITIES = (
    ("company_financials", "*", "registry", 1),
    ("company_financials", "*", "accounts_feed", 2),
    ("company_financials", "revenue", "accounts_feed", 1),
    ("company_financials", "revenue", "registry", 2),
    ("company_overviews", "*", "registry", 1),
    ("company_overviews", "*", "web_crawl", 2),
    ("company_overviews", "description", "web_crawl", 1),
    ("company_overviews", "description", "deal_desk", 1),
    ("company_overviews", "website", "deal_desk", None),
    ("company_employees", "*", "deal_desk", 1),
    ("company_employees", "*", "web_crawl", 2),
    ("company_employees", "*", "registry", 3),
)

AWKWARD = (
    "1e5",
    "00",
    "{{ x }}",
    "2.10",
    "  blanks around  ",
    'He said "yes", didn\'t he?',
    "🚀 naïve Zoë €1m",
    "line one\nline two\tand \\ a backslash",
    "null",
    "9007199254740993",
)
"""Strings that a careless reader damages. They stand in custom property values and in some legal names; not in `tidy` data."""


def _words(text: str) -> list[str]:
    return text.split()


_HEADS = _words(
    "Alder Ashcombe Barrow Beacon Birch Blythe Bramley Brightwell Calder Carrick Castle Cedar Chalk Clifton Cobalt Copper "
    "Corran Crest Dale Denholm Dover Dunmore Eastgate Eldon Elm Fairway Falcon Fenwick Forth Foxley Garnet Glen Granite "
    "Hadley Harbour Hartley Hawthorn Heron Holme Iris Ivel Kelham Kestrel Kingsway Lark Laurel Linden Lomond Marlow "
    "Meridian Mersey Milburn Northam Oakfield Orchard Otter Pennine Quarry Ridge Rowan Severn Sherwood Slate Solent "
    "Stirling Sterling Tamar Thorne Tyne Vale Wharf Whitby Willow Wren"
)
_SECTORS = (
    ("Analytics", "data analytics software for regulated lenders"),
    ("Care", "domiciliary care across the Midlands"),
    ("Components", "precision components for rail and aerospace"),
    ("Dental", "a group of dental practices"),
    ("Energy Services", "meter installation and energy services"),
    ("Facilities", "facilities management for schools and hospitals"),
    ("Foods", "chilled and ambient food manufacturing"),
    ("Freight", "pallet and parcel distribution"),
    ("Insurance Brokers", "commercial insurance broking"),
    ("Learning", "apprenticeships and vocational training"),
    ("Legal", "volume conveyancing and legal services"),
    ("Payments", "card payments for independent retailers"),
    ("Pet Health", "veterinary clinics and pet health plans"),
    ("Recruitment", "technical and clinical recruitment"),
    ("Security Systems", "fire and security systems"),
    ("Software", "practice management software for accountants"),
    ("Testing", "materials testing and certification"),
    ("Water", "leak detection and water efficiency"),
)
_PEOPLE = _words(
    "Aisha Alistair Amara Bethan Callum Catriona Chloe Dafydd Declan Eilidh Elin Femi Fiona Gareth Grace Hamish Harpreet "
    "Imogen Isla Jasmine Kwame Leila Mairi Nadia Niamh Oliver Owen Priya Rhys Rohan Rory Saoirse Sian Tariq Tomasz Yasmin"
)
_SURNAMES = _words(
    "Abbott Adeyemi Bhatt Campbell Carter Davies Doyle Evans Fraser Gallagher Griffiths Hughes Iqbal Jenkins Kaur Kowalski "
    "Lewis MacLeod Mensah Morgan Murray Nowak O'Brien Okafor Patel Price Quinn Reid Roberts Shah Sinclair Sutton Thomas "
    "Walsh Wood Younis"
)
_TITLES = (
    "Chief Executive Officer",
    "Chief Financial Officer",
    "Managing Director",
    "Finance Director",
    "Operations Director",
    "Chair",
    "Non-Executive Director",
    "Head of Sales",
    "Chief Technology Officer",
    "Company Secretary",
)
_STATUSES = ("Active", "Active", "Active", "Dormant", "In administration", "Unknown")
_TYPES = ("Private", "Private", "Private", "Public", "Partnership", "Unknown")
_COUNTRIES = ("England", "England", "Scotland", "Wales", "Northern Ireland", "Ireland", "Netherlands")
_PUBLISHERS = ("The Mercian Ledger", "Dealroom Courier", "Northern Business Post", "Thames Trade Wire")
_EVENTS = (
    ("{name} opens second site in {place}", "The company said that the new site creates {n} jobs."),
    ("{name} names new chief executive", "The appointment takes effect at the end of the quarter, after {n} months of search."),
    ("{name} completes acquisition", "The deal, for an undisclosed sum, adds {n} people to the group."),
    ("Investors circle {name}", "At least {n} parties are said to have asked for information."),
    ("{name} reports record year", "Orders rose {n}% on the year before."),
)
_PLACES = ("Leeds", "Cardiff", "Glasgow", "Belfast", "Bristol", "Newcastle", "Derby", "Exeter")
_THESES = ("Buy and build", "Founder exit", "Regional consolidation", "Recurring revenue", "Carve-out")


class Schedule:
    """When each record of a collection was updated: the time of its place in the block plus one millisecond per block.

    Times in a collection are distinct (up to billions of records), look random in id order, and can be counted.
    """

    SIZE = 1024

    def __init__(self, seed: int, collection: str) -> None:
        random = Random(f"{seed}:schedule:{collection}")
        step = (BASE_END - BASE_START) // self.SIZE
        self.times = [BASE_START + place * step + random.randrange(step // 2) for place in range(self.SIZE)]
        random.shuffle(self.times)

    def at(self, position: int) -> int:
        """When the record at this position was updated, in milliseconds."""
        block, place = divmod(position, self.SIZE)
        return self.times[place] + block


class Matches:
    """The positions below `count` that were updated at or after `since` (None: all of them), countable without a scan.

    A place of the block matches from the first block on, from some later block on (a time just before `since`, which the
    millisecond per block carries over it), or never.
    """

    def __init__(self, schedule: Schedule, count: int, since: int | None) -> None:
        self.count = count
        blocks = -(-count // Schedule.SIZE)
        late = [(since - time if since is not None else 0, place) for place, time in enumerate(schedule.times)]
        self._always = [place for wait, place in late if wait <= 0]
        self._later = [(wait, place) for wait, place in late if 0 < wait < blocks]

    def _places(self, block: int) -> list[int]:
        if not self._later:
            return self._always
        return sorted(self._always + [place for wait, place in self._later if wait <= block])

    def before(self, position: int) -> int:
        """How many matches lie before this position."""
        block, place = divmod(min(max(position, 0), self.count), Schedule.SIZE)
        full = block * len(self._always) + sum(max(0, block - wait) for wait, _ in self._later)
        return full + bisect_left(self._places(block), place)

    def starting(self, position: int) -> Iterator[int]:
        """The matches from this position on, ascending."""
        block, place = divmod(max(position, 0), Schedule.SIZE)
        while block * Schedule.SIZE < self.count:
            places = self._places(block)
            if not places and not self._later:
                return
            for match in places[bisect_left(places, place) :]:
                if block * Schedule.SIZE + match >= self.count:
                    return
                yield block * Schedule.SIZE + match
            block, place = block + 1, 0


class Layout:
    """What hangs off each company of a block: for each collection, one tuple of slots per company."""

    def __init__(self, seed: int) -> None:
        random = Random(f"{seed}:layout")
        self.slots: dict[str, list[tuple[Any, ...]]] = {}
        self._ends: dict[str, list[int]] = {}
        rows = [self._company(random, number) for number in range(BLOCK)]
        for collection in rows[0]:
            self.slots[collection] = [slot[collection] for slot in rows]
            self._ends[collection] = list(accumulate(len(slots) for slots in self.slots[collection]))

    @staticmethod
    def _company(random: Random, number: int) -> dict[str, tuple[Any, ...]]:
        sources = random.sample(SOURCES, random.choice((1, 2, 2, 3, 3, 4)))
        filers = [source for source in SOURCES[:3] if source in sources]
        # registry publishes nearly every year, the others have holes
        years = [(s, y) for s in filers for y in YEARS if random.random() < (0.9 if s == "registry" else 0.65)]
        people = [(s, n) for s in sources if s != "accounts_feed" for n in range(random.randint(0, 4))]
        articles = tuple(range(random.choice((0, 1, 2, 2, 3, 4))))
        values: list[tuple[str, int, int, str]] = []  # owner, number of the article, definition, source
        for index, (_, _, document) in enumerate(DEFINITIONS):
            owners = (0,) if document == "companies" else articles
            values += [
                (document, owner, index, source) for owner in owners for source in ("ml", "analyst") if random.random() < 0.35
            ]
        if number < len(AWKWARD) and ("companies", 0, 4, "crm_import") not in values:
            values.append(("companies", 0, 4, "crm_import"))
        preferences: list[tuple[str, str, str]] = []
        if number % 4 == 0:
            preferences.append(("company_financials", random.choice(("revenue", "profit")), random.choice(SOURCES[:3])))
        if number % 10 == 3:
            preferences.append((random.choice(("company_overviews", "company_employees")), "*", random.choice(SOURCES)))
        return {
            "company_overviews": tuple(sources),
            "company_financials": tuple(years),
            "company_employees": tuple(people),
            "articles": articles,
            "custom_property_values": tuple(values),
            "datasource_preferences": tuple(preferences),
        }

    def before(self, collection: str, company: int) -> int:
        """How many records of a collection belong to the companies before this one: also its first record's position."""
        blocks, place = divmod(company, BLOCK)
        ends = self._ends[collection]
        return blocks * ends[-1] + (ends[place - 1] if place else 0)

    def find(self, collection: str, position: int) -> tuple[int, Any]:
        """The company (by position) and the slot of the record at this position."""
        ends = self._ends[collection]
        blocks, rest = divmod(position, ends[-1])
        place = bisect_right(ends, rest)
        slots = self.slots[collection][place]
        return blocks * BLOCK + place, slots[rest - ends[place] + len(slots)]


class Place(NamedTuple):
    """Where a record stands: in its collection, at a company (by position), and in what the layout has for that company."""

    position: int
    company: int
    slot: Any


class BaseData:
    """The nine collections of a fresh instance. `salt` asks for another version of a record, as of a later day.

    `tidy` data is for people: the same records without what only tests need, which is awkward texts, zeros among
    figures, and sources that change their currency from year to year.
    """

    def __init__(self, companies: int, seed: int, tidy: bool = False) -> None:
        self.companies = companies
        self.tidy = tidy
        self.layout = Layout(seed)
        self.schedules = {collection: Schedule(seed, collection) for collection in COLLECTIONS}
        self._hashers = {kind: blake2b(f"{seed}:{kind}".encode(), digest_size=16) for kind in (*COLLECTIONS, "figures")}
        self._builders = {collection: getattr(self, f"_{collection}") for collection in COLLECTIONS}

    def count(self, collection: str) -> int:
        """How many records a collection has."""
        if collection == "companies":
            return self.companies
        if collection == "custom_property_definitions":
            return len(DEFINITIONS)
        if collection == "datasource_priorities":
            return len(PRIORITIES)
        return self.layout.before(collection, self.companies)

    def matches(self, collection: str, since: int | None) -> Matches:
        """The positions updated at or after `since`."""
        return Matches(self.schedules[collection], self.count(collection), since)

    def record(self, collection: str, position: int, salt: int = 0, company: int | None = None) -> Json:
        """The record at a position (which may lie beyond the count, for rows that are added later), for another `company`
        (by position) if one is given."""
        digits = self._digits(collection, position, salt)
        updated = self.schedules[collection].at(position)
        created = updated - _age(digits)
        owner, slot = self.layout.find(collection, position) if collection in self.layout.slots else (position, None)
        place = Place(position, owner if company is None else company, slot)
        return {
            "id": FIRST_ID[collection] + position,
            **self._builders[collection](place, digits),
            "created_at": iso(created),
            "updated_at": iso(updated),
        }

    def _digits(self, kind: str, position: int, salt: int = 0) -> int:
        """128 random bits for a record; a builder takes its choices from them one by one."""
        hasher = self._hashers[kind].copy()
        hasher.update(b"%d:%d" % (position, salt))
        return int.from_bytes(hasher.digest(), "big")

    # -- one builder per collection -------------------------------------------------------------------------------------

    @staticmethod
    def company_name(company: int) -> tuple[str, str]:
        """Name of a company and what it does. Distinct for as long as the words last, then with a number."""
        words = len(_HEADS) * len(_SECTORS)
        again, place = divmod(company, words)
        sector, what = _SECTORS[place % len(_SECTORS)]
        head = _HEADS[(place * 31 + place // len(_HEADS)) % len(_HEADS)]
        return f"{head} {sector}" + (f" {again + 1}" if again else ""), what

    def _companies(self, place: Place, digits: int) -> Json:
        name, what = self.company_name(place.position)
        site = f"www.{name.lower().replace(' ', '-')}.example"
        number, rest = divmod(place.position % BLOCK, 5)
        awkward = rest == 2 and number < len(AWKWARD) and not self.tidy
        ever = (True, False, None)[digits % 3]
        return {
            "name": name,
            "legal_name": AWKWARD[number] if awkward else _legal(name, digits),
            "description": f"{name} provides {what}." if digits % 11 else None,
            "website": f"https://{site}" if digits % 13 else None,
            "logo_url": f"https://logos.example/{site[4:]}.png" if digits % 5 else None,
            "trading_status": _STATUSES[digits // 64 % len(_STATUSES)],
            "company_type": _TYPES[digits // 512 % len(_TYPES)],
            "headquarters": _COUNTRIES[digits // 4096 % len(_COUNTRIES)] if digits % 17 else None,
            "has_ever_been_recommended": ever,
            "recommendation_is_active": bool(digits // 32768 % 2) if ever else ever,
        }

    def _company_overviews(self, place: Place, digits: int) -> Json:
        company, source = place.company, place.slot
        name, what = self.company_name(company)
        site, legal = name.lower().replace(" ", "-"), _legal(name, digits)
        blurb = {
            "registry": None,
            "accounts_feed": f"{what.capitalize()}.",
            "web_crawl": f"{name}: {what}, trusted since {1960 + digits // 99 % 60}",
            "deal_desk": f"{name} provides {what}." if digits % 4 else "",
        }[source]
        return {
            "company_id": FIRST_ID["companies"] + company,
            "source": source,
            "legal_name": legal.upper() if source == "registry" else legal if digits % 3 else None,
            "trading_status": _STATUSES[digits // 64 % len(_STATUSES)] if digits % 7 else None,
            "company_type": _TYPES[digits // 512 % len(_TYPES)] if digits % 5 else None,
            "headquarters": _COUNTRIES[digits // 4096 % len(_COUNTRIES)] if digits % 11 else None,
            "description": blurb,
            "website": None if source in SOURCES[:2] else f"https://{'www.' if digits % 2 else ''}{site}.example",
        }

    def _company_financials(self, place: Place, digits: int) -> Json:
        company, (source, year) = place.company, place.slot
        figures = self._digits("figures", company)
        # the company's own size, growth and margin: what the sources then disagree on
        revenue = (figures % 900 + 100) * 10 ** (4 + figures // 1024 % 3)
        revenue = int(revenue * (1 + (figures // 4096 % 30 - 8) / 100) ** (year - YEARS[0]))
        margin = figures // 131072 % 35 - 10
        profit = revenue * (margin or 4 * self.tidy) // 100
        if source == "registry":
            amounts: tuple[float | None, float | None] = (revenue, profit)
        elif source == "accounts_feed":
            amounts = (round(revenue, -3), round(profit, -3))
        else:
            drift = 0.85 + digits % 301 / 1000
            amounts = (round(revenue * drift, 2), round(profit * drift, 2))
        holes = digits // 512 % 24
        currencies = figures if self.tidy else digits  # a source keeps to one currency for a company, or does not
        return {
            "company_id": FIRST_ID["companies"] + company,
            "source": source,
            "year": year,
            "revenue": None if holes in (0, 1) else 0 if holes == 2 and not self.tidy else amounts[0],
            "profit": None if holes in (1, 3, 4) else amounts[1],
            "currency": "GBP"
            if source != "web_crawl" or currencies // 16384 % 3
            else ("EUR", "USD", None)[currencies // 65536 % 3],
        }

    def _company_employees(self, place: Place, digits: int) -> Json:
        company, (source, number) = place.company, place.slot
        # the same people for every source, by company and number; sources disagree on titles and on spelling
        person = self._digits("figures", company, number + 1)
        name = f"{_PEOPLE[person % len(_PEOPLE)]} {_SURNAMES[person // 64 % len(_SURNAMES)]}"
        return {
            "company_id": FIRST_ID["companies"] + company,
            "source": source,
            "name": name.upper() if source == "registry" else name,
            "job_title": None if digits % 9 == 0 else _TITLES[(person if digits % 3 else digits) // 4096 % len(_TITLES)],
        }

    def _articles(self, place: Place, digits: int) -> Json:
        position, company, _ = place
        name, _ = self.company_name(company)
        title, body = _EVENTS[digits % len(_EVENTS)]
        title = title.format(name=name, place=_PLACES[digits // 8 % len(_PLACES)])
        others = [digits // 128 % self.companies] if digits // 64 % 4 == 0 and self.companies else []
        companies = sorted({FIRST_ID["companies"] + other for other in (company, *others)})
        created = self.schedules["articles"].at(position) - _age(digits)
        return {
            "title": title,
            "url": f"https://news.example/{iso(created)[:10]}/{FIRST_ID['articles'] + position}",
            "body": None if digits // 1024 % 8 == 0 else f"{title}. {body.format(n=digits // 8192 % 90 + 3)}",
            "publisher": _PUBLISHERS[digits // 16 % len(_PUBLISHERS)] if digits // 256 % 9 else None,
            "published_at": iso(created - digits // 4096 % DAY) if digits // 512 % 12 else None,
            "company_ids": None if digits // 2048 % 20 == 0 else [] if digits // 2048 % 20 == 1 else companies,
        }

    def _custom_property_definitions(self, place: Place, digits: int) -> Json:
        position = place.position
        name, kind, document = DEFINITIONS[position % len(DEFINITIONS)]
        if position >= len(DEFINITIONS):
            name = f"{name} {position // len(DEFINITIONS) + 1}"
        return {"name": name, "type": kind, "document_type": document}

    def _custom_property_values(self, place: Place, digits: int) -> Json:
        company, (document, number, definition, source) = place.company, place.slot
        name, kind, _ = DEFINITIONS[definition]
        awkward = source == "crm_import" and not self.tidy
        value: str | float | bool | None
        if name == "External reference":
            value = AWKWARD[company % BLOCK % len(AWKWARD)] if awkward else f"REF-{digits % 10**6:06d}"
        elif kind == "string":
            words = _THESES if document == "companies" else ("positive", "neutral", "negative", "mixed")
            value = words[digits % len(words)]
        elif kind == "number":
            value = (digits % 101, round(digits % 10001 / 100, 2))[digits // 16384 % 2]
        elif kind == "datetime":
            value = parse("2024-01-01") + digits % (900 * DAY)
        else:
            value = bool(digits % 2)
        machine = source == "ml" and digits // 131072 % 6
        metadata = {
            "ml_file_id": 9001 + digits // 1048576 % 500,
            "page_number": digits // 2**30 % 80,
            "confidence": None if digits // 2**38 % 10 == 0 else digits // 2**42 % 1001 / 1000,
        }
        article = self.layout.before("articles", company) + number
        return {
            "custom_property_definition_id": FIRST_ID["custom_property_definitions"] + definition,
            "company_id": FIRST_ID["companies"] + company if document == "companies" else None,
            "article_id": FIRST_ID["articles"] + article if document == "articles" else None,
            "value": None if digits // 2**54 % 15 == 0 and source != "crm_import" else value,
            "source": source,
            "metadata": metadata if machine else None,
        }

    def _datasource_priorities(self, place: Place, digits: int) -> Json:
        position = place.position
        table, column, source, priority = PRIORITIES[position % len(PRIORITIES)]
        if position >= len(PRIORITIES):  # a rule added later: a source that no rule named before
            table, column, source, priority = table, column, f"{source}_{position // len(PRIORITIES) + 1}", 9
        return {"table_name": table, "column_name": column, "source": source, "priority": priority}

    def _datasource_preferences(self, place: Place, digits: int) -> Json:
        company, (table, column, source) = place.company, place.slot
        return {
            "company_id": FIRST_ID["companies"] + company,
            "table_name": table,
            "column_name": column,
            "source": source,
        }


def _legal(name: str, digits: int) -> str:
    return f"{name} {('Limited', 'Ltd', 'Holdings Limited', 'LLP', 'PLC')[digits // 7 % 5]}"


def _age(digits: int) -> int:
    """Milliseconds from creation to last update, taken from the high bits, which the builders leave alone."""
    return (digits >> 80) % (400 * DAY)
