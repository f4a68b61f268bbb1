"""Numbers arrive with the digits that were sent, and records of any depth; what one record does ends no other stream."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException
from hypothesis import given
from hypothesis import strategies as st

from source_syfter import exact
from source_syfter.entrypoint import Entrypoint
from source_syfter.source import SourceSyfter
from testing.instance import Answer, Instance, config
from testing.reading import configured_catalog, read

NUMBERS = [
    "99999999999999.98",
    "99999999999999.99",
    "12345678901234567890.12",
    "0.1234567890123456789",
    "1.50",
    "100.00",
    "1e5",
    "1E+05",
    "1e-400",
    "1e400",
    "-1E400",
    "9007199254740993.0",
    str(2**53 + 1),
    str(2**63),
    str(2**64),
    str(2**70),
    str(-(2**70)),
    "9" * 300,
    "1" + "0" * 5000,
    "-0.0",
]


def lines(instance: Instance, *streams: str) -> list[str]:
    """The lines that the executable writes for the records of `streams`."""
    catalog = configured_catalog(streams)
    entrypoint = Entrypoint(SourceSyfter(config=config(), catalog=catalog))
    written: list[bytes] = []
    try:
        for block in entrypoint._blocks(entrypoint.source.messages(entrypoint.logger, catalog)):
            written.append(block)
    except AirbyteTracedException:
        pass
    return [line for line in b"".join(written).decode().split("\n") if '"RECORD"' in line[:40]]


def one(instance: Instance, raw: str, stream: str = "articles") -> None:
    """The instance has one record in `stream`, with `raw` in the middle of it."""
    body = f'{{"data":[{{"id":1,"odd":{raw},"name":"x"}}]}}'
    instance.always_answers(stream, lambda asked: Answer({"data": []} if "offset" in asked.query else body.encode()))


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("shape", ["{}", "[[{}]]", '{{"inner":{{"number":{}}}}}'])
def test_numbers_arrive_with_the_digits_that_were_sent(instance: Instance, number: str, shape: str) -> None:
    raw = shape.format(number)
    one(instance, raw)

    (line,) = lines(instance, "articles")

    assert f'"data":{{"id":1,"odd":{raw},"name":"x"}}' in line


@pytest.mark.parametrize("number", NUMBERS)
def test_a_read_in_python_gives_numbers_of_python(instance: Instance, number: str) -> None:
    one(instance, f'{{"inner":[{number}]}}')

    (record,) = read(config(), "articles").records["articles"]

    (found,) = record["odd"]["inner"]
    assert type(found) in (int, float)
    assert found == pytest.approx(float(number))
    json.dumps(record)


NUMERALS = st.from_regex(r"-?(0|[1-9][0-9]{0,25})(\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?", fullmatch=True).filter(
    lambda text: text != "-0"
)
DOCUMENTS = st.recursive(
    NUMERALS | st.sampled_from(["null", "true", '""', '"\\ud83d\\ude00"', "{}", "[]"]) | st.text(max_size=9).map(json.dumps),
    lambda inner: (
        st.lists(inner, min_size=1, max_size=4).map(lambda items: f"[{','.join(items)}]")
        | st.dictionaries(st.text(max_size=5).map(json.dumps), inner, min_size=1, max_size=4).map(
            lambda items: f"{{{','.join(f'{name}:{value}' for name, value in items.items())}}}"
        )
    ),
)


@given(text=DOCUMENTS)
def test_a_document_comes_out_as_it_came_in(text: str) -> None:
    def read_with_decimals(document: str | bytes) -> Any:
        return json.loads(document, parse_float=lambda digits: ("float", digits), parse_int=lambda digits: ("int", digits))

    try:
        loaded = exact.loads(text.encode())
    except UnicodeEncodeError:
        return

    written = exact.dumps(loaded)

    halves = (
        json.dumps(read_with_decimals(text), ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )
    assert json.dumps(read_with_decimals(written), ensure_ascii=False) == halves
    assert Decimal(str(json.loads(exact.dumps(1.0)))) == 1


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_usual_numbers_are_plain(number: float) -> None:
    """They cost nothing more."""
    found = exact.loads(repr(number).encode())

    assert found == number
    assert type(found) is (exact.Sent if "e" in repr(number) else float)


@pytest.mark.parametrize(
    "raw", [b"NaN", b"[Infinity]", b"-Infinity", b"[1", b"", b"\xff", b"01", b"1.", b".5", b"+1", b"'a'", b"[1,]", b"1 2"]
)
def test_what_is_no_json_is_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        exact.loads(raw)


@pytest.mark.parametrize("raw", [b'"\\ud83d"', b'"a\\ude00b"', b'"\\ude00\\ud83d"', b'"\\uD83Dx"'])
def test_half_a_pair_becomes_a_mark(raw: bytes) -> None:
    assert exact.dumps(exact.loads(raw)).decode() == raw.decode().replace("\\uD83D", "\\ud83d").replace("\\ud83d", "�").replace(
        "\\ude00", "�"
    )


def test_an_escaped_backslash_before_a_u_stays() -> None:
    assert exact.loads(b'["\\\\ud83d", "\\ud83d"]') == ["\\ud83d", "�"]


@pytest.mark.parametrize("depth", [200, 254, 255, 260, 500, 800])
@pytest.mark.parametrize(("before", "after"), [("[", "]"), ('{"a":', "}")])
def test_a_deep_record_arrives(instance: Instance, depth: int, before: str, after: str) -> None:
    raw = before * depth + "1" + after * depth
    one(instance, raw)

    (line,) = lines(instance, "articles")

    assert f'"odd":{raw},' in line


@pytest.mark.parametrize("depth", [1000, 1100, 5000, 100_000])
def test_a_record_of_any_depth_ends_no_other_stream(instance: Instance, depth: int) -> None:
    """It arrives, or it is its stream's error."""
    one(instance, "[" * depth + "]" * depth)

    outcome = read(config(), "articles", "companies", "company_overviews")

    assert outcome.completed("companies")
    assert outcome.completed("company_overviews")
    if not outcome.completed("articles"):
        assert "[not-json]" in outcome.message_of("articles")
        assert outcome.kind_of("articles") == "config_error"
    assert len(lines(instance, "articles", "companies")) in (3, 4)


def test_digests_of_records_without_a_key_hold_any_number_and_depth(instance: Instance) -> None:
    rows = f'{{"odd":{"[" * 300}{2**70}{"]" * 300},"b":1.50}},{{"odd":2}}'
    instance.always_answers(
        "articles", lambda asked: Answer('{"data":[]}' if "offset" in asked.query else f'{{"data":[{rows}]}}')
    )

    outcome = read(config(collections=[{"name": "articles", "primary_key": "none"}]), "articles")

    assert outcome.completed("articles"), outcome.text
    assert len(outcome.records["articles"]) == 2


def test_what_is_written_sorted_is_sorted_in_any_depth() -> None:
    deep: Any = {"b": 2**70, "a": {"d": 1, "c": 2}}

    assert exact.dumps(deep, orjson.OPT_SORT_KEYS) == b'{"a":{"c":2,"d":1},"b":%d}' % 2**70
