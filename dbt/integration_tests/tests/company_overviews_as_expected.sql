{{ mart_as_expected(
    'company_overviews',
    ['company_id', 'legal_name', 'legal_name_source', 'trading_status', 'trading_status_source', 'description', 'website', 'website_source']
) }}
