{{ differences(
    ref('case_resolved_rows'),
    ref('case_expected_rows'),
    ['case_name', 'company_id', 'year', 'revenue', 'revenue_source', 'revenue_currency', 'profit', 'profit_source', 'profit_currency']
) }}
