with mentions as (

    select distinct
        articles.article_id,
        {{ syfter.read_column(syfter.json_element('mentioned'), 'key') }} as company_id
    from {{ syfter.present('stg_syfter__articles') }} as articles
    {{ syfter.join_json_elements('articles.company_ids', 'mentioned') }}

)

select
    {{ syfter.joined_text(['article_id', 'company_id']) }} as article_company_key,
    article_id,
    company_id
from mentions
where company_id is not null
