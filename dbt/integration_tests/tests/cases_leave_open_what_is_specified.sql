{{ differences(ref('case_unresolved'), ref('case_expected_unresolved'), ['case_name', 'column_name', 'company_id', 'row_key', 'reason', 'source_count']) }}
