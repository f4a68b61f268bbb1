{{ mart_as_expected(
    'company_overviews',
    [
        'company_id',
        'legal_name', 'legal_name_source',
        'trading_status', 'trading_status_source',
        'company_type', 'company_type_source',
        'headquarters', 'headquarters_source',
        'description', 'description_source',
        'website', 'website_source'
    ]
) }}
