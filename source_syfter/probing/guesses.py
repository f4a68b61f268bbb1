"""What the probe tries where an assumption does not hold, likeliest first. Extending a list costs a request or none."""

PREFIXES = ["api", "api/v1", "v1", "", "api/v2", "v2", "rest", "api/rest", "rest/v1", "api/public", "api/public/v1"]
DESCRIPTIONS = ["openapi.json", "api/openapi.json", "swagger.json", "api-json", "v3/api-docs"]
KEY_HEADERS = [
    ("Authorization", "Api-Key "),
    ("X-API-Key", ""),
    ("Authorization", "Bearer "),
    ("Authorization", "Token "),
    ("Authorization", "ApiKey "),
    ("Authorization", "Key "),
    ("Authorization", ""),
    ("Api-Key", ""),
    ("X-Auth-Token", ""),
    ("X-Access-Token", ""),
    ("apikey", ""),
]
LIMITS = [
    "limit",
    "per_page",
    "page_size",
    "take",
    "first",
    "size",
    "count",
    "top",
    "pageSize",
    "perPage",
    "max_results",
    "$top",
    "page[size]",
    "page[limit]",
]
OFFSETS = ["offset", "skip", "start", "from", "startAt", "start_index", "$skip", "page[offset]"]
PAGES = ["page", "page_number", "pageNumber", "p", "page_no", "pageIndex", "page_index", "page[number]"]
CURSORS = ["cursor", "after", "next", "page_token", "starting_after", "next_cursor", "pageToken", "next_token", "token"]
CURSORS += ["continuation_token", "continuation", "start_after", "scroll_id", "after_id"]
SINCES = ["updated_since", "modified_since", "modified_after", "updated_after", "since", "changed_since", "updatedSince"]
SINCES += ["modifiedSince", "updated_from", "updated_at_gte", "updated_at[gte]", "updated_at__gte", "last_modified_since"]
IDS = ["id", "_id", "uuid", "guid", "key", "ID", "Id"]
