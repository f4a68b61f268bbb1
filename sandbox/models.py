"""The records of the API as pydantic models: what the OpenAPI document publishes. Responses are not run through them.

Each field carries its evidence mark as `x-evidence`: E named by a public source, I implied by one, A assumed.
`x-evidence-key: A` is added where the concept is evidenced and the JSON key is not.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field


def _field(evidence: str, description: str, **more: Any) -> Any:
    """A field that can be null or absent. `EA`: the concept is evidenced, its key is assumed."""
    marks: dict[str, Any] = {"x-evidence": evidence[0]}
    if evidence == "EA":
        marks["x-evidence-key"] = "A"
    return Field(None, description=description, json_schema_extra=marks, **more)


class Record(BaseModel):
    """What every record has."""

    model_config = ConfigDict(extra="allow")

    id: int = Field(description="Primary key.", json_schema_extra={"x-evidence": "A"})
    created_at: datetime = Field(description="When the record was created (UTC).", json_schema_extra={"x-evidence": "A"})
    updated_at: datetime = Field(description="When the record last changed (UTC).", json_schema_extra={"x-evidence": "A"})


class Company(Record):
    """A company, the hub of the model."""

    name: str | None = _field("EA", "Name under which the company trades.")
    legal_name: str | None = _field("EA", "Registered name.")
    description: str | None = _field("EA", "One-line description.")
    website: str | None = _field("EA", "Address of the website.")
    logo_url: str | None = _field("EA", "Address of the logo.")
    trading_status: str | None = _field("EA", "Whether the company trades, for example Active or Unknown.")
    company_type: str | None = _field("EA", "Legal or ownership type, for example Private.")
    headquarters: str | None = _field("EA", "Country of the headquarters.")
    has_ever_been_recommended: bool | None = _field("EA", "Whether Syfter has ever recommended the company.")
    recommendation_is_active: bool | None = _field("EA", "Whether a recommendation is active now.")


class CompanyOverview(Record):
    """What one source says about one company."""

    company_id: int | None = _field("E", "The company.")
    source: str | None = _field("E", "The data source of this row.")
    legal_name: str | None = _field("I", "Registered name, by this source.")
    trading_status: str | None = _field("I", "Trading status, by this source.")
    company_type: str | None = _field("I", "Legal or ownership type, by this source.")
    headquarters: str | None = _field("I", "Country of the headquarters, by this source.")
    description: str | None = _field("I", "One-line description, by this source.")
    website: str | None = _field("I", "Address of the website, by this source.")


class CompanyFinancial(Record):
    """One source's figures on one company and year."""

    company_id: int | None = _field("E", "The company.")
    source: str | None = _field("E", "The data source of this row.")
    year: int | None = _field("EA", "Financial year.")
    revenue: float | None = _field("E", "Revenue of the year.")
    profit: float | None = _field("E", "Profit of the year; negative for a loss.")
    currency: str | None = _field("A", "ISO 4217 code of the figures.")


class CompanyEmployee(Record):
    """One person at one company, by one source."""

    company_id: int | None = _field("E", "The company.")
    source: str | None = _field("E", "The data source of this row.")
    name: str | None = _field("I", "Name of the person.")
    job_title: str | None = _field("I", "Job title of the person.")


class Article(Record):
    """A news article."""

    title: str | None = _field("A", "Headline.")
    url: str | None = _field("A", "Address of the article.")
    body: str | None = _field("A", "Text of the article.")
    publisher: str | None = _field("A", "Name of the publisher.")
    published_at: datetime | None = _field("A", "When the article was published (UTC).")
    company_ids: list[int] | None = _field("A", "The companies that the article is about.")


class CustomPropertyDefinition(Record):
    """A property that the organisation defined for its companies or articles."""

    name: str | None = _field("EA", "Display name.")
    type: Literal["string", "number", "datetime", "boolean"] | None = _field("EA", "Type of the values.")
    document_type: Literal["companies", "articles"] | None = _field("EA", "What the property belongs to.")


class Metadata(BaseModel):
    """Where a machine-read value was found."""

    model_config = ConfigDict(extra="allow")

    ml_file_id: int | None = _field("E", "The file that the value was read from.")
    page_number: int | None = _field("E", "The page of that file.")
    confidence: float | None = _field("E", "Confidence of the reading, 0 to 1.", ge=0, le=1)


class CustomPropertyValue(Record):
    """The value of a custom property on one company or one article."""

    custom_property_definition_id: int | None = _field("E", "The definition.")
    company_id: int | None = _field("E", "The company, if the value belongs to one.")
    article_id: int | None = _field("E", "The article, if the value belongs to one.")
    value: str | float | bool | None = _field("E", "The value; a datetime is epoch milliseconds.")
    source: str | None = _field("E", "What produced the value, in snake_case.")
    metadata: Metadata | None = _field("E", "Where a machine-read value was found.")


class DatasourcePriority(Record):
    """A rule of the organisation: how a source ranks for a table and column."""

    table_name: str | None = _field("E", "The table that the rule is for.")
    column_name: str | None = _field("E", "The column, or `*` for all of them.")
    source: str | None = _field("E", "The source that is ranked.")
    priority: int | None = _field("E", "Rank; the lower number wins.")


class DatasourcePreference(Record):
    """A rule for one company: which source to take first for a table and column."""

    company_id: int | None = _field("E", "The company that the rule is for.")
    table_name: str | None = _field("E", "The table that the rule is for.")
    column_name: str | None = _field("E", "The column, or `*` for all of them.")
    source: str | None = _field("E", "The source to take first.")


T = TypeVar("T", bound=Record)


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    data: list[T] = Field(description="The records, by ascending id. Only an empty page ends a list.")
    total: int = Field(description="How many records the whole list has.")


class Error(BaseModel):
    """Why a request failed."""

    message: str = Field(description="The reason, in words.")


class Token(BaseModel):
    """An access token of the OAuth 2.0 client credentials grant."""

    access_token: str
    token_type: str
    expires_in: int | None = None


MODELS: dict[str, type[Record]] = {
    "companies": Company,
    "company_overviews": CompanyOverview,
    "company_financials": CompanyFinancial,
    "company_employees": CompanyEmployee,
    "articles": Article,
    "custom_property_definitions": CustomPropertyDefinition,
    "custom_property_values": CustomPropertyValue,
    "datasource_priorities": DatasourcePriority,
    "datasource_preferences": DatasourcePreference,
}
COLLECTIONS = tuple(MODELS)
"""The nine collections by stream name. A path has hyphens instead of underscores."""
