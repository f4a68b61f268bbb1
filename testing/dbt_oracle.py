"""Test oracle of the dbt package: datasource prioritisation, word for word from the contract, without SQL.

Deliberately naive: it walks the candidate list of one company, table and column and looks for a value, nothing is shared.
"""

from __future__ import annotations

import random
from typing import Any

Record = dict[str, Any]

FINANCIALS = ["revenue", "profit"]
OVERVIEWS = ["legal_name", "trading_status", "company_type", "headquarters", "description", "website"]
KEYS = {"company_financials": ["year"], "company_overviews": [], "company_employees": []}
COLUMNS = {"company_financials": FINANCIALS, "company_overviews": OVERVIEWS, "company_employees": ["*"]}


class Oracle:
    def __init__(self, tables: dict[str, list[Record]]) -> None:
        self.tables = tables
        parts = ("table_name", "column_name", "source")
        self.priorities = [r for r in tables["datasource_priorities"] if all(r[part] for part in parts)]
        self.preferences = [r for r in tables["datasource_preferences"] if all(r[part] for part in ("company_id", *parts))]

    def candidates(self, company: int, table: str, column: str) -> list[str]:
        ranked: list[str] = []
        for name in [column] if column == "*" else [column, "*"]:
            chosen = [r for r in self.preferences if r["company_id"] == company]
            chosen = [r for r in chosen if (r["table_name"], r["column_name"]) == (table, name)]
            ranked += [rule["source"] for rule in sorted(chosen, key=lambda rule: rule["id"])]
        for name in [column] if column == "*" else [column, "*"]:
            general = [rule for rule in self.priorities if (rule["table_name"], rule["column_name"]) == (table, name)]
            general.sort(key=lambda r: (r["priority"] is None, r["priority"] or 0, r["source"]))
            ranked += [rule["source"] for rule in general]
        return list(dict.fromkeys(ranked))

    def usable(self, table: str) -> list[Record]:
        return [r for r in self.tables[table] if None not in (r["company_id"], r["source"], *(r[part] for part in KEYS[table]))]

    def standing(self, table: str) -> dict[tuple[Any, ...], dict[str, Record]]:
        """Company and key -> source -> the row that stands for it."""
        groups: dict[tuple[Any, ...], dict[str, Record]] = {}
        for row in sorted(self.usable(table), key=lambda row: (row["updated_at"] or "", row["id"])):
            groups.setdefault((row["company_id"], *(row[part] for part in KEYS[table])), {})[row["source"]] = row
        return groups

    def resolved(self, table: str, carried: tuple[str, ...] = ()) -> list[Record]:
        found = []
        for key, by_source in self.standing(table).items():
            record: Record = {"company_id": key[0], **dict(zip(KEYS[table], key[1:], strict=True))}
            hits = 0
            for column in COLUMNS[table]:
                for source in self.candidates(key[0], table, column):
                    row = by_source.get(source)
                    if row is not None and row[column] is not None:
                        record |= {column: row[column], f"{column}_source": source}
                        record |= {f"{column}_{extra}": row[extra] for extra in carried}
                        hits += 1
                        break
            if hits:
                found.append(record)
        return found

    def listed(self, table: str) -> list[Record]:
        found = []
        for company in {row["company_id"] for row in self.usable(table)}:
            for source in self.candidates(company, table, "*"):
                chosen = [row for row in self.usable(table) if (row["company_id"], row["source"]) == (company, source)]
                if chosen:
                    found += [{"company_employee_id": row["id"], "company_id": company, "source": source} for row in chosen]
                    break
        return found

    def reason(self, company: int, table: str, column: str) -> str:
        rules = [r for r in self.priorities if r["table_name"] == table]
        rules += [r for r in self.preferences if r["table_name"] == table and r["company_id"] == company]
        if not rules:
            return "no_rule_for_table"
        if not any(rule["column_name"] in (column, "*") for rule in rules):
            return "no_rule_for_column"
        return "no_value_from_a_ruled_source"

    def unresolved(self) -> list[Record]:
        found: list[Record] = []
        for table, columns in COLUMNS.items():
            if columns == ["*"]:
                resolved = {(row["company_id"],): {"*_source": row["source"]} for row in self.listed(table)}
            else:
                resolved = {(row["company_id"], *(row[part] for part in KEYS[table])): row for row in self.resolved(table)}
            for (company, *key), by_source in self.standing(table).items():
                for column in columns:
                    having = [source for source, row in by_source.items() if column == "*" or row[column] is not None]
                    if not having or f"{column}_source" in resolved.get((company, *key), {}):
                        continue
                    place = {"table_name": table, "column_name": column, "company_id": company}
                    place |= {"row_key": "-".join(map(str, key)) or None, "source_count": len(having)}
                    found.append({**place, "reason": self.reason(company, table, column)})
        return found

    def ignored(self) -> list[Record]:
        found: list[Record] = []
        for table in COLUMNS:
            for row in self.tables[table]:
                gaps = [("row_without_company", row["company_id"]), ("row_without_source", row["source"])]
                gaps += [("row_without_key", row[part]) for part in KEYS[table]]
                reason = next((reason for reason, value in gaps if value is None), None)
                if reason is not None:
                    record = {"table_name": table, "company_id": row["company_id"], "record_id": row["id"]}
                    found.append({**record, "reason": reason})
        for table, counted in [("datasource_priorities", self.priorities), ("datasource_preferences", self.preferences)]:
            for rule in self.tables[table]:
                if rule not in counted:
                    record = {"table_name": table, "company_id": rule.get("company_id"), "record_id": rule["id"]}
                    found.append({**record, "reason": "incomplete_rule"})
        return found


def random_tables(seed: int, companies: int = 40) -> dict[str, list[Record]]:
    """Data with everything that the contract has a word on: ties, nulls, repeats, other spellings, rules of other tables."""
    dice = random.Random(seed)
    sources = ["alpha", "beta", "gamma", "Alpha", "zeta ", "Zeta"]
    # In some data sets a table has no priorities at all, or none on *.
    without_priorities = dice.choice([*COLUMNS, None])
    without_star = dice.choice([*COLUMNS, None])

    def maybe(value: Any, odds: float = 0.05) -> Any:
        return None if dice.random() < odds else value

    def moment() -> str | None:
        moment: str | None = maybe(f"2026-0{dice.randint(1, 2)}-01 00:00:00.00{dice.randint(0, 2)}", 0.1)
        return moment

    tables: dict[str, list[Record]] = {name: [] for name in (*COLUMNS, "datasource_priorities", "datasource_preferences")}

    def add(table: str, **fields: Any) -> None:
        tables[table].append({"id": 1000 - len(tables[table]) if dice.random() < 0.5 else 1001 + len(tables[table]), **fields})

    for company in range(1, companies + 1):
        for _ in range(dice.randint(0, 14)):
            add(
                "company_financials", updated_at=moment(), company_id=maybe(company), source=maybe(dice.choice(sources)),
                year=maybe(dice.randint(2020, 2022)), currency=maybe(dice.choice(["GBP", "EUR"]), 0.2),
                revenue=maybe(dice.choice([0, dice.randint(1, 10**6), dice.randint(1, 10**6) / 4]), 0.3),
                profit=maybe(dice.randint(-1000, 1000), 0.3),
            )  # fmt: skip
        for _ in range(dice.randint(0, 7)):
            texts = {column: maybe(f"{column} {dice.randint(1, 999)}", 0.4) for column in OVERVIEWS}
            add("company_overviews", updated_at=moment(), company_id=maybe(company), source=maybe(dice.choice(sources)), **texts)
        for _ in range(dice.randint(0, 5)):
            add("company_employees", updated_at=moment(), company_id=maybe(company), source=maybe(dice.choice(sources)), name="N")
        for _ in range(dice.choice([0, 0, 1, 4])):
            table = dice.choice([*COLUMNS, "other_table", "Company_Financials"])
            column = maybe(dice.choice(["*", *COLUMNS.get(table, ["*"]), "Revenue"]))
            rule = {"table_name": maybe(table), "column_name": column, "source": maybe(dice.choice(sources))}
            add("datasource_preferences", company_id=maybe(company), **rule)
    for table, columns in COLUMNS.items():
        for _ in range(0 if table == without_priorities else 8):
            column = maybe(dice.choice([*columns, "Profit"] if table == without_star else [*columns, "*", "*", "Profit"]))
            rule = {"table_name": maybe(table), "column_name": column, "source": maybe(dice.choice(sources))}
            add("datasource_priorities", priority=maybe(dice.randint(-1, 3), 0.2), **rule)
    return tables
