{{ mart_as_expected('ignored_records', ['table_name', 'company_id', 'record_id', 'reason']) }}
