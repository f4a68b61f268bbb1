"""A tap on Meltano's SDK, incremental by `updated_at`."""

# singer-sdk is in the environment of the benchmarks alone.
# mypy: disable-error-code="import-not-found, misc, no-any-return"

from __future__ import annotations

import sys
from typing import Any

from singer_sdk import RESTStream, Tap
from singer_sdk import typing as th
from singer_sdk.authenticators import APIKeyAuthenticator
from singer_sdk.pagination import BaseOffsetPaginator

SCHEMA = th.PropertiesList(
    th.Property("id", th.IntegerType),
    th.Property("created_at", th.DateTimeType),
    th.Property("updated_at", th.DateTimeType),
    th.Property("title", th.StringType),
    th.Property("url", th.StringType),
    th.Property("body", th.StringType),
    th.Property("publisher", th.StringType),
    th.Property("published_at", th.DateTimeType),
    th.Property("company_ids", th.ArrayType(th.IntegerType)),
    th.Property("metadata", th.ObjectType(additional_properties=True)),
).to_dict()


class Pages(BaseOffsetPaginator):
    def has_more(self, response: Any) -> bool:
        return bool(response.json()["data"])


class Collection(RESTStream):
    records_jsonpath = "$.data[*]"
    primary_keys = ("id",)
    replication_key = "updated_at"
    schema = SCHEMA

    @property
    def url_base(self) -> str:
        return self.config["host"] + "/api"

    @property
    def path(self) -> str:
        return f"/{self.name}"

    @property
    def authenticator(self) -> APIKeyAuthenticator:
        return APIKeyAuthenticator(key="Authorization", value="Api-Key benchmark", location="header")

    def get_new_paginator(self) -> Pages:
        return Pages(start_value=0, page_size=int(self.config["limit"]))

    def get_url_params(self, context: Any, next_page_token: Any) -> dict[str, Any]:
        return {"limit": self.config["limit"], "offset": next_page_token or 0}


class Benchmark(Tap):
    name = "tap-benchmark"
    config_jsonschema = th.PropertiesList(
        th.Property("host", th.StringType), th.Property("limit", th.StringType), th.Property("streams", th.StringType)
    ).to_dict()

    def discover_streams(self) -> list[Collection]:
        return [Collection(tap=self, name=name) for name in self.config["streams"].split(",")]


def main(host: str, limit: str, *streams: str) -> None:
    Benchmark(config={"host": host, "limit": limit, "streams": ",".join(streams)}).sync_all()


if __name__ == "__main__":
    main(*sys.argv[1:])
