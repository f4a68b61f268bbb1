"""Schedules: Octavia's three kinds to the two that the public API knows, and the rules of its cron expressions."""

from __future__ import annotations

import re
from typing import Any

from airbyte_config_tool.findings import FieldPath, ToolError

Json = dict[str, Any]
_QUARTZ_FIELD = re.compile(r"[0-9A-Z*?/,#LW-]+")
_DAY_OF_MONTH, _DAY_OF_WEEK = 3, 5


class ScheduleError(ToolError):
    """A schedule that cannot be sent. `path` is the field below `configuration`."""

    def __init__(self, path: FieldPath, message: str, fix: str) -> None:
        super().__init__(message)
        self.path, self.message, self.fix = path, message, fix


def basic_to_cron(units: int, time_unit: str) -> tuple[str, bool]:
    """Quartz cron for "every N units", in UTC, and whether it keeps that rhythm exactly.

    Cron counts from midnight and from the first of the month, so a rhythm that does not divide the day or the month starts
    anew there. Raises ScheduleError for less than an hour, which Airbyte refuses.
    """
    path: FieldPath = ("schedule_data", "basic_schedule")
    if units < 1:
        raise ScheduleError((*path, "units"), f"units is {units}", "give a whole number from 1")
    if time_unit == "minutes":
        if units < 60:
            raise ScheduleError((*path, "units"), f"every {units} minutes is too often", "the shortest schedule is one hour")
        hours, exact = max(1, round(units / 60)), units % 60 == 0
        cron, whole = basic_to_cron(hours, "hours")
        return cron, exact and whole
    if time_unit == "hours":
        if units % 24 == 0:
            return basic_to_cron(units // 24, "days")
        if units > 24:
            return basic_to_cron(round(units / 24), "days")[0], False
        return ("0 0 * * * ?" if units == 1 else f"0 0 0/{units} * * ?"), 24 % units == 0
    if time_unit == "days":
        if units > 31:
            return basic_to_cron(round(units / 30), "months")[0], False
        return ("0 0 0 * * ?" if units == 1 else f"0 0 0 1/{units} * ?"), units == 1
    if time_unit == "weeks":
        return ("0 0 0 ? * SUN", True) if units == 1 else (basic_to_cron(7 * units, "days")[0], False)
    if time_unit == "months":
        if units > 12:
            raise ScheduleError((*path, "units"), f"every {units} months cannot be written as cron", "give 12 months at most")
        return ("0 0 0 1 * ?" if units == 1 else f"0 0 0 1 1/{units} ?"), 12 % units == 0
    raise ScheduleError(
        (*path, "time_unit"), f"time_unit {time_unit!r} is unknown", "one of: minutes, hours, days, weeks, months"
    )


def basic_timing(schedule: Json) -> tuple[int, str] | None:
    """Number and unit of a basic schedule as the API shows it ("Every 3 HOURS"); None for any other."""
    match = re.fullmatch(r"Every (\d+) (\w+)", str(schedule.get("basicTiming") or ""))
    return (int(match[1]), match[2].lower()) if match and schedule.get("scheduleType") == "basic" else None


def from_api(schedule: Json) -> Json:
    """The fields of a connection for a schedule as the API shows it; a cron's zone stands behind its expression."""
    basic = basic_timing(schedule)
    if basic:
        return {"schedule_type": "basic", "schedule_data": {"basic_schedule": {"time_unit": basic[1], "units": basic[0]}}}
    if schedule.get("scheduleType") == "cron":
        expression, zone = re.fullmatch(r"(.*?)\s*([A-Za-z_]+(?:/[\w+-]+)+|UTC|GMT)?", str(schedule["cronExpression"])).groups()  # type: ignore[union-attr]
        return {
            "schedule_type": "cron",
            "schedule_data": {"cron": {"cron_expression": expression, "cron_time_zone": zone or "UTC"}},
        }
    return {"schedule_type": "manual"}


def to_api(configuration: Json) -> Json:
    """The public API's `schedule` for a connection's configuration. Raises ScheduleError."""
    data = configuration.get("schedule_data") or {}
    kind = configuration.get("schedule_type") or ("manual" if not data else "cron" if "cron" in data else "basic")
    if kind == "manual":
        return {"scheduleType": "manual"}
    if kind == "basic":
        basic = data.get("basic_schedule") or {}
        units = basic.get("units")
        if not isinstance(units, int) or isinstance(units, bool):
            raise ScheduleError(
                ("schedule_data", "basic_schedule", "units"), "units is not a whole number", "give a number from 1"
            )
        return {"scheduleType": "cron", "cronExpression": basic_to_cron(units, str(basic.get("time_unit")))[0]}
    if kind == "cron":
        cron = data.get("cron") or {}
        expression = str(cron.get("cron_expression") or "").strip()
        fault = cron_fault(expression)
        if fault:
            raise ScheduleError(("schedule_data", "cron", "cron_expression"), *fault)
        return {"scheduleType": "cron", "cronExpression": " ".join(filter(None, (normal_cron(expression), zone(configuration))))}
    raise ScheduleError(("schedule_type",), f"schedule_type {kind!r} is unknown", "one of: manual, cron")


def zone(configuration: Json) -> str | None:
    """The zone of a cron when it is not UTC. The public API cannot set one, only leave one as it is."""
    named = ((configuration.get("schedule_data") or {}).get("cron") or {}).get("cron_time_zone")
    return None if named in (None, "", "UTC", "Etc/UTC", "GMT") or configuration.get("schedule_type") != "cron" else str(named)


def zone_fault(named: str) -> tuple[str, str]:
    """What is wrong with a zone that would have to be set, and the remedy."""
    message = f"the public API runs every schedule in UTC and would shift this one from {named}"
    return message, "write the hours in UTC and the zone as UTC"


def normal_cron(expression: str) -> str:
    """An expression without the zone that the server appends, and with single spaces."""
    return " ".join(expression.removesuffix("UTC").split())


def cron_fault(expression: str) -> tuple[str, str] | None:
    """What Airbyte would refuse in a Quartz expression, and the remedy; None when nothing."""
    fields = normal_cron(expression).split(" ")
    if len(fields) == 5 and "" not in fields:
        return (
            "this is a Unix cron of five fields",
            "Quartz starts with the seconds and has a `?` for one of the two day fields: 0 0 6 * * ?",
        )
    if len(fields) not in (6, 7):
        return "a Quartz expression has 6 or 7 fields", "for example every day at six: 0 0 6 * * ?"
    bad = [f for f in fields if not _QUARTZ_FIELD.fullmatch(f.upper())]
    if bad:
        return f"{bad[0]!r} is not a Quartz field", "for example every day at six: 0 0 6 * * ?"
    if not fields[0].isdigit() or (len(fields) == 7 and not fields[1].isdigit()):
        return (
            "seconds (and minutes, with 7 fields) must be plain numbers: the shortest schedule is an hour",
            "hourly is: 0 0 * * * ?",
        )
    if (fields[_DAY_OF_MONTH] == "?") == (fields[_DAY_OF_WEEK] == "?"):
        return "exactly one of day-of-month and day-of-week must be `?`", "for example every day at six: 0 0 6 * * ?"
    return None
