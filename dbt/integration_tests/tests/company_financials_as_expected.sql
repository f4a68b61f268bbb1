{{ mart_as_expected(
    'company_financials',
    ['company_id', 'year', 'revenue', 'revenue_source', 'revenue_currency', 'profit', 'profit_source', 'profit_currency']
) }}
