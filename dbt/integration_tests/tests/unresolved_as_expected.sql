{{ mart_as_expected('unresolved', ['table_name', 'column_name', 'company_id', 'row_key', 'reason', 'source_count']) }}
