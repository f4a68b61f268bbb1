with mentions as (

    select distinct
        articles.article_id,
        mentioned.element as company_id
    from {{ ref('stg_syfter__articles') }} as articles
    {{ syfter.join_json_integers('articles.company_ids', 'mentioned') }}
    where mentioned.element is not null

)

select
    {{ syfter.joined_text(['article_id', 'company_id']) }} as article_company_key,
    article_id,
    company_id
from mentions
