{{ mart_as_expected(
    'article_companies',
    ['article_id', 'company_id']
) }}
