"""The list conventions of real APIs as instances of the sandbox: see integration_tests/styles/."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sandbox import COLLECTIONS, Variant
from sandbox.naming import singular, written

Json = dict[str, Any]
FILE = Path(__file__).resolve().parents[1] / "integration_tests" / "styles" / "public.json"
STYLES: dict[str, Json] = {style["id"]: style for style in json.loads(FILE.read_text(encoding="utf-8"))}

_AUTH = {
    "bearer": "bearer",
    "basic": "basic",
    "oauth_client": "oauth2_client_credentials",
    "oauth_refresh": "oauth2_refresh_token",
}
_CLOCKS = {"%Y-%m-%d %H:%M:%S": "sql", "%Y-%m-%dT%H:%M:%SZ": "seconds", "%Y-%m-%dT%H:%M:%S%z": "utc_offset"}
_SINCE = {
    "%Y-%m-%dT%H:%M:%S.%fZ": "iso8601",
    "%Y-%m-%dT%H:%M:%SZ": "iso8601_seconds",
    "%Y-%m-%d": "date",
    "%s": "epoch_s",
    "%ms": "epoch_ms",
}


def inexpressible(style: Mapping[str, Any]) -> str | None:
    """What of a style no setting of the connector can say; None if all can be said."""
    paging, records = style["paging"], style["records"]
    for hinders, why in (
        (style["body"] != "json", "a body that is not JSON"),
        (style["method"].get("parameters") == "query", "POST with its parameters in the query"),
        (style["paths"].get("single"), "one address for all collections"),
        (paging["kind"] == "other", "paging of its own"),
        (paging.get("into") in ("header", "path"), f"the page in the {paging.get('into')}"),
        (records["style"] == "other" or records.get("others", {}).get("style") == "grouped", "records of no fixed place"),
    ):
        if hinders:
            return why
    return None


def auth_of(style: Mapping[str, Any]) -> str:
    """The scheme of the credentials; a sign-in of its own is served with an API key in its usual place."""
    return _AUTH.get(style["auth"]["kind"], "api_key")


def variant_of(style: Mapping[str, Any]) -> Variant:
    """The instance that serves Syfter's data in a style that can be expressed."""
    auth, paths, times, key = style["auth"], style["paths"], style["times"], style["key"]
    case = style["case"] or "snake"
    given: Json = {
        "path_prefix": paths["base"],
        "path_case": paths["case"] or "kebab",
        "path_singular": not paths["plural"],
        "path_suffix": paths["suffix"] + ("/" if paths.get("slash") else ""),
        "method": style["method"]["verb"],
        "records_paths": {name: _records_path(style, place, name) for place, name in enumerate(COLLECTIONS)},
        "fields_path": style["records"].get("inner") or style["records"].get("wrapped"),
        "field_case": case,
        "field_names": "as_sent" if case == "snake" else "snake_case",
        "keyless": key["style"] == "missing",
        "own_keys": key["style"] == "own name",
        "text_ids": key.get("type") in ("text", "uuid"),
        "headers": tuple((name, f"value-of-{place}-4711") for place, name in enumerate(auth.get("more_headers", []))),
        "has_total": False,
        **_paging(style["paging"]),
        **_times(times, case),
    }
    if auth["kind"] == "header":
        given |= {"api_key_header": auth["header"], "api_key_prefix": auth["prefix"]}
    if auth["kind"] == "query":
        given["api_key_parameter"] = auth["parameter"]
    if key["style"] == "constant":
        given["id_field"] = key["name"]
    return Variant(style["id"], "as a public API", **given)


def _records_path(style: Mapping[str, Any], place: int, name: str) -> str:
    records, others = style["records"], style["records"].get("others")
    # Where nothing is known of the others, they lie where the most do.
    if others and others["style"] != "other" and place >= round(len(COLLECTIONS) * (1 - others["share"])):
        records = others
    if records["style"] == "bare":
        return ""
    if records["style"] == "constant":
        return ".".join(records["path"])
    own = singular(name) if records["form"] == "singular" else name
    own = written(f"{own}_list" if records["form"] == "list" else own, style["case"] or "snake")
    return ".".join([*records["before"], own, *records["after"]])


def _paging(paging: Mapping[str, Any]) -> Json:
    kind, parameter = paging["kind"], paging.get("parameter")
    found: Json = {"limit_parameter": paging.get("size_parameter") or "limit"}
    if not paging.get("size_parameter"):
        found["fixed_page"] = min(paging.get("size") or 20, 100)
    elif paging.get("size"):
        found["page_cap"] = paging["size"]
    if kind == "none":
        return {"paging": "none"}
    if kind == "page":
        return {**found, "paging": "page", "page_parameter": parameter, "first_page": paging["first"]}
    if kind == "offset":
        return {**found, "paging": "offset", "offset_parameter": parameter}
    if kind == "token":
        return {**found, "paging": "cursor", "cursor_parameter": parameter, "cursor_path": paging["path"]}
    if kind == "last record":
        return {**found, "paging": "last_record", "cursor_parameter": parameter, "last_record_field": paging["field"]}
    path = "Link" if kind == "link header" else paging["path"]
    return {**found, "paging": "next_url", "next_url_path": path}


def _times(times: Mapping[str, Any], case: str) -> Json:
    form, since = times["format"], times["since"]
    found: Json = {
        "created_at_field": times["made"] or written("created_at", case),
        "updated_at_field": times["changed"] or "",
        "updated_since_parameter": "",
        "timestamp_format": {"%s": "epoch_s", "%ms": "epoch_ms"}.get(form, "iso8601"),
        "clock": _CLOCKS.get(form, "milliseconds"),
    }
    if times["changed"] and since and since["of"] == "changed" and "around" not in since and since["format"] in _SINCE:
        sent = _SINCE[since["format"]]
        found["updated_since_parameter"] = since["parameter"]
        if sent != found["timestamp_format"]:
            found["updated_since_format"] = sent
    return found


EXPRESSIBLE = [name for name, style in STYLES.items() if inexpressible(style) is None]
# Headers that no probe can guess, since a vendor's name is in them.
NAMED_AFTER_A_VENDOR = {"X-Postmark-Server-Token", "X-acme-Key"}
_ENDS: list[Json] = [{}, {"end_of_list": "repeated"}]
_ENDS += [{"end_of_list": "not_found", "missing_as": way} for way in ("404", "204", "body")]


def mixed(rng: random.Random) -> tuple[Json, Variant]:
    """A style put together from those that can be expressed, and its instance, with habits that no style tells of."""
    while True:
        style = {part: rng.choice([STYLES[name] for name in EXPRESSIBLE])[part] for part in STYLES["style-001"] if part != "id"}
        style |= {"id": "mixed", "paths": {"base": "api", "case": "kebab", "plural": True, "suffix": ""}}
        records, paging, key = style["records"], style["paging"], style["key"]
        bare = "bare" in (records["style"], records.get("others", {}).get("style"))
        if bare and paging["kind"] in ("token", "next url"):
            continue  # nowhere for the token
        if paging["kind"] == "last record" and key["style"] != "constant":
            continue  # no field to go on from
        if inexpressible(style) or style["auth"].get("header") in NAMED_AFTER_A_VENDOR:
            continue
        if paging["kind"] == "last record":
            style["paging"] = {**paging, "field": key["name"]}
        habits: Json = {
            "newest_first": paging["kind"] != "last record" and rng.random() < 0.3,
            "strict": rng.random() < 0.15,
            "omits_nulls": rng.random() < 0.2,
            "has_total": rng.random() < 0.4,
            **(rng.choice(_ENDS) if paging["kind"] in ("page", "offset") else {}),
            **({"fixed_page": rng.choice([7, 20, 50])} if rng.random() < 0.1 else {}),
            **({"page_cap": rng.choice([7, 20, 50])} if rng.random() < 0.1 else {}),
        }
        return style, replace(variant_of(style), **habits)
