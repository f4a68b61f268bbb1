{{ mart_as_expected(
    'companies',
    ['company_id', 'name', 'legal_name', 'latest_financial_year', 'latest_revenue', 'latest_revenue_currency', 'latest_profit_source', 'employee_count', 'article_count', 'recommendation_is_active']
) }}
