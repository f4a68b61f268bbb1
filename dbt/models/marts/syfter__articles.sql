select
    article_id,
    title,
    url,
    publisher,
    published_at,
    body,
    created_at,
    updated_at
from {{ ref('stg_syfter__articles') }}
