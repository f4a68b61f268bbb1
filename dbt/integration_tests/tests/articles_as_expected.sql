{{ mart_as_expected(
    'articles',
    ['article_id', 'published_at']
) }}
