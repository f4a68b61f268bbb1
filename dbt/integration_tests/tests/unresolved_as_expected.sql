{{ mart_as_expected(
    'unresolved',
    ['table_name', 'column_name', 'company_id', 'row_key', 'record_id', 'reason', 'source_count'],
    where="reason <> 'incomplete_rule'"
) }}
