"""How APIs call the parameters of a list: the likeliest names first, then usual words in every way of writing them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_SPELLINGS: list[Callable[[list[str]], str]] = [
    "_".join,
    lambda words: words[0] + "".join(map(str.capitalize, words[1:])),
    "-".join,
    lambda words: "".join(map(str.capitalize, words)),
]


def spelled(text: str) -> Iterator[str]:
    """Each name of `text` (words of a name are joined by `_`) in snake case, then each in camel case, and so on."""
    for spelling in _SPELLINGS:
        yield from (spelling(name.split("_")) for name in text.split())


def named(likely: str, usual: str = "") -> list[str]:
    """The names of a text: those that are `likely`, and, where there are `usual` ones, those and the likely in every spelling."""
    words = " ".join(name for name in likely.split() if re.fullmatch(r"[a-z]+(_[a-z]+)+", name)) if usual else ""
    return list(dict.fromkeys([*likely.split(), *spelled(f"{words} {usual}")]))


LIMITS = named(
    """
    limit per_page page_size take first size count top pageSize perPage max_results max maxResults numRecords ps
    items_per_page $top page[size] page[limit] rows results per-page perpage pagesize PageSize Limit _limit $limit batch_size
    batchSize num n length itemsPerPage results_per_page resultsPerPage page_limit pageLimit max_records maxRecords number
    record_count hitsPerPage pagination[limit] pagination[size] amount sysparm_limit max_items _size _count _pageSize
    _per_page limits per show lim psize page_len maxResultCount limitTo $count :limit nb l pp pagination[pageSize]
    pagination[perPage] pagination[per_page] pagination[page_size] paging[per_page]
    """,
    """
    page_size per_page records_per_page rows_per_page entries_per_page objects_per_page results_limit max_size max_count
    max_rows max_keys max_entries max_page_size page_count page_length num_results num_items num_rows number_of_items
    number_of_results number_of_records number_of_rows result_count result_size result_limit record_limit record_size
    row_count row_limit item_count count_per_page fetch_size chunk_size size_limit limit_size list_size query_limit
    filter_limit options_limit paging_limit paging_size pagination_limit
    """,
)
TOKENS = named(
    """
    cursor after next page_token starting_after next_cursor pageToken next_token token from continuation_token continuation
    start_after scroll_id after_id nextPageToken next_page_token page_cursor pageCursor page[cursor] page[after] start
    startAfter nextToken NextToken continuationToken paging_token pagination_token bookmark next_page nextPage position
    after_cursor afterCursor page offset seek iterator start_cursor startCursor last_id lastId marker $skiptoken skiptoken
    pagination[cursor] since page_id pageId scrollId _cursor $cursor cursormark page[next] page[token] paging[cursor]
    paging[after] pagination[after] skip_token pagination[token] last_key lastToken last_token
    """,
    """
    next_cursor cursor_mark cursor_id start_token starting_token starting_at exclusive_start_key last_evaluated_key
    next_page_id next_page_cursor next_page_key next_id next_key next_offset page_key page_after page_next paging_cursor
    pagination_key pagination_cursor result_token resume_token resume scroll scroll_token search_after query_locator
    next_batch_token batch_token continue continue_from continuation_key
    """,
)
OFFSETS = named(
    """
    offset skip start from startAt start_index startIndex $skip page[offset] start_at _start startPosition first_result
    firstResult start_row startRow begin record_offset Offset $offset sysparm_offset pagination[offset] offset_id
    start_position Skip _offset _skip _from $start index :offset first pagination[start] paging[offset]
    """,
    """
    start_from start_record start_item start_point start_number start_offset first_record first_row first_item skip_count
    skip_records skip_rows skip_results begin_index begin_at from_index from_record from_row row_offset row_start page_offset
    page_start result_offset results_offset result_start records_offset list_offset query_offset query_skip filter_offset
    filter_skip options_offset paging_offset paging_start pagination_offset pagination_skip initial_record initial_position
    offset_value starting_at starting_index record_start
    """,
)
PAGES = named(
    """
    page page_number pageNumber p page_no pageIndex page_index page[number] pageNo Page PageNumber currentPage current_page
    pageNum page_num pg paged $page pagination[page] pageid page_id PageIndex pagenumber _page pno pn :page paging[page]
    pageNr page_nr pageno pagenum pageIdx
    """,
    """
    start_page page_number page_no page_count page_index page_offset page_position page_current page_page page_start
    page_value page_nbr number_page request_page requested_page results_page result_page this_page which_page page_to_fetch
    from_page go_to_page list_page query_page filter_page options_page paging_page paging_number pagination_page
    pagination_number pagination_current_page pages
    """,
)
LAST_KEYS = named(
    """
    starting_after after since_id after_id last_id page[after] from_id lastId startAfter start_after sinceId afterId min_id
    id_gt id[gt] start_id cursor from last since last_seen_id greater_than_id id__gt id[after] id_from startId next start
    marker offset
    """,
    """
    starting_after from_key last_key last_item last_item_id last_record last_record_id last_object_id last_uuid after_key
    after_uuid id_after id_greater_than id_min start_key starting_at exclusive_start_key cursor_id previous_id prev_id
    offset_id continue_after next_id search_after page_after since_key min_key
    """,
)
# What says of a field or a parameter, in snake_case, that it is about the last change.
CHANGED = re.compile(r"updat|modif|chang|edit|revis|(^|_)(system_?)?mod_?(stamp|time|date)|mtime")
CHANGES = named(
    """
    updated_since modified_since modified_after updated_after since changed_since updatedSince modifiedSince updated_from
    updated_at_gte updated_at[gte] updated_at__gte last_modified_since updated_at_min updatedAfter modifiedAfter updatedFrom
    updated_at_from updatedAtMin updatedAtFrom lastModifiedSince modified_from modifiedFrom changedSince since_timestamp
    begin_time min_updated updated_after_utc updated_at_start updated_at_after updatedAtAfter updated_at_gt updated[gte]
    filter[updated_at][gte] filter[updated_since] filter[updated_after] updated_date_from update_time_min last_updated_after
    lastUpdatedAfter last_updated_since lastUpdateDateFrom last_modified_after last_modified_from updated_at from from_date
    start_date startDate start_time date_from
    """,
)
