"""Names of fields in the probe: those that get no column of their own, and those that mean what the connector calls otherwise."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from source_syfter.components.naming import own_columns, singular, snake_case
from source_syfter.conventions.streams import inline_schema
from source_syfter.fieldtypes import fits
from source_syfter.probing.instance import Instance, Record
from source_syfter.probing.report import Proposal

# What others call a field that the connector knows.
_ALSO_CALLED: dict[str, set[str]] = {
    "name": {"company_name", "display_name", "full_name", "organisation_name", "organization_name", "title", "label"},
    "legal_name": {"registered_name", "official_name", "company_legal_name", "registration_name"},
    "description": {"about", "summary", "overview", "short_description", "bio", "profile"},
    "website": {"domain", "url", "web", "homepage", "home_page", "website_url", "web_address", "web_site", "site"},
    "logo_url": {"logo", "logo_link", "logo_image", "image_url", "icon_url"},
    "trading_status": {"status", "company_status", "operating_status"},
    "company_type": {"type", "kind", "entity_type", "legal_form", "ownership"},
    "headquarters": {"hq", "hq_country", "hq_location", "country", "headquarter", "head_office", "location"},
    "revenue": {"turnover", "sales", "total_revenue", "net_sales", "income"},
    "profit": {"net_income", "net_profit", "earnings", "profit_loss", "net_result"},
    "currency": {"currency_code", "ccy", "reporting_currency"},
    "year": {"fiscal_year", "financial_year", "period", "reporting_year"},
    "company_id": {"organisation_id", "organization_id", "firm_id", "company"},
    "source": {"data_source", "datasource", "origin", "provider", "source_name"},
    "job_title": {"title", "position", "role", "job", "job_position"},
    "title": {"headline", "subject", "name"},
    "url": {"link", "href", "article_url", "permalink", "web_url"},
    "body": {"content", "text", "article", "full_text"},
    "publisher": {"outlet", "site_name", "publication", "media", "source"},
    "published_at": {"published", "publish_date", "published_on", "date", "publication_date", "publish_time"},
    "company_ids": {"companies", "organisation_ids", "organization_ids"},
    "document_type": {"applies_to", "entity", "object_type"},
    "type": {"data_type", "value_type", "kind", "field_type"},
    "value": {"val", "property_value", "data"},
    "metadata": {"meta", "details", "extra"},
    "table_name": {"table"},
    "column_name": {"column", "field", "field_name"},
    "priority": {"rank", "precedence", "position"},
}
_ADDRESSES = {"website", "url", "logo_url"}
_LIKE_AN_ADDRESS = re.compile(r"(https?://)?[^\s/@]+\.[^\s/@]+(/\S*)?", re.IGNORECASE)


def probe(instance: Instance) -> None:
    """Suggests a new name for each field that would share a column, and proposes those that a person may accept."""
    for name in instance.paths:
        records = instance.records(instance.first(name)) or []
        names = instance.names(name)
        fields = {field: field for record in records for field in record}
        sent = {field: emitted for emitted, field in names.applied(fields).items()}
        clashing = own_columns(sent.values())
        for field, emitted in sent.items():
            if emitted in clashing:
                instance.rename(name, field, clashing[emitted])
        if name in instance.schemas:
            _propose(instance, name, records, {field: emitted for field, emitted in sent.items() if emitted not in clashing})
    if not instance.settings["discover_fields"]:
        lacking = [name for name in instance.paths if _lacks_columns(instance, name)]
        if lacking:
            text = f"{', '.join(lacking)} have fields that get a column of the right type only if they are looked at"
            instance.note("fields", "differs", text, "discover_fields")
            instance.report.suggested_config["discover_fields"] = True


def _lacks_columns(instance: Instance, name: str) -> bool:
    names, records = instance.names(name), instance.records(instance.first(name)) or []
    declared = inline_schema(name)["schema"]["properties"] if name in instance.schemas else {}
    rows = (names.applied(record) for record in records)
    return any(field not in declared or not fits(value, declared[field]) for row in rows for field, value in row.items())


def _propose(instance: Instance, name: str, records: list[Record], sent: Mapping[str, str]) -> None:
    """Proposes a new name where one declared field, which the records lack, is likely to be meant by one field alone."""
    declared: dict[str, Any] = inline_schema(name)["schema"]["properties"]
    lacking = declared.keys() - {*sent.values()}
    stem = snake_case(singular(name))
    meant: dict[str, list[str]] = {}
    for field, emitted in sent.items():
        values = [record[field] for record in records if record.get(field) is not None]
        likely = [other for other in lacking if emitted not in declared and _is_meant(emitted, other, stem)]
        fitting = [other for other in likely if values and all(_could_be(value, other, declared[other]) for value in values)]
        if len(fitting) == 1:
            meant.setdefault(fitting[0], []).append(field)
    for other, fields in sorted(meant.items()):
        # The closest name, where several are likely; nothing where that is not sure.
        closest = [field for field in fields if len(fields) == 1 or _words(sent[field], stem) == other]
        if len(closest) == 1:
            instance.report.proposals.append(Proposal(name, closest[0], other))


def _words(name: str, stem: str) -> str:
    """A field's name in snake_case, without the name of the thing that it belongs to."""
    return snake_case(name).removeprefix(f"{stem}_")


def _is_meant(name: str, declared: str, stem: str) -> bool:
    words = snake_case(name)
    return words in _ALSO_CALLED.get(declared, ()) or declared.replace("_", "") in (_words(name, stem), words.replace("_", ""))


def _could_be(value: Any, declared: str, schema: Mapping[str, Any]) -> bool:
    if declared in _ADDRESSES:
        return isinstance(value, str) and bool(_LIKE_AN_ADDRESS.fullmatch(value.strip()))
    return fits(value, schema)


def accepted(proposals: Collection[Proposal], names: Collection[str]) -> tuple[list[Proposal], list[str]]:
    """The proposals that `names` name, each by its field or by collection and field, and the names that name none."""
    found = [each for each in proposals if {each.field, f"{each.collection}.{each.field}"} & {*names}]
    known = {name for each in found for name in (each.field, f"{each.collection}.{each.field}")}
    return found, [name for name in names if name not in known]
