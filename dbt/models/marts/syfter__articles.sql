select
    article_id,
    title,
    url,
    publisher,
    published_at,
    body,
    created_at,
    updated_at
    {{- syfter.select_passthrough('articles', 'articles') }}
from {{ syfter.present('stg_syfter__articles') }} as articles
