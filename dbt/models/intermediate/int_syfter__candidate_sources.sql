with financials as (
    {{ syfter.candidate_sources(
        ref('stg_syfter__company_financials'), 'company_financials', var('syfter_company_financials_columns')
    ) }}
),

overviews as (
    {{ syfter.candidate_sources(
        ref('stg_syfter__company_overviews'), 'company_overviews', var('syfter_company_overviews_columns')
    ) }}
),

employees as (
    {{ syfter.candidate_sources(ref('stg_syfter__company_employees'), 'company_employees', ['*']) }}
),

candidate_sources as (
    select * from financials
    union all
    select * from overviews
    union all
    select * from employees
)

select
    {{ syfter.joined_text(['table_name', 'column_name', 'company_id', 'candidate_rank']) }} as candidate_source_id,
    company_id,
    table_name,
    column_name,
    source,
    candidate_rank,
    rule_id
from candidate_sources
