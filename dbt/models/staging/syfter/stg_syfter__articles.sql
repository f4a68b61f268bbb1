{{ syfter.stage('articles', 'article_id', {
    'title': 'text',
    'url': 'text',
    'body': 'text',
    'publisher': 'text',
    'published_at': 'timestamp',
    'company_ids': 'json'
}) }}
