{{ config(materialized=syfter.materialized()) }}
with financials as (
    {{ syfter.candidate_sources(
        syfter.present('stg_syfter__company_financials', 'company_financials'), 'company_financials', syfter.decided_columns('company_financials')
    ) }}
),

overviews as (
    {{ syfter.candidate_sources(
        syfter.present('stg_syfter__company_overviews', 'company_overviews'), 'company_overviews', syfter.decided_columns('company_overviews')
    ) }}
),

employees as (
    {{ syfter.candidate_sources(syfter.present('stg_syfter__company_employees', 'company_employees'), 'company_employees', ['*']) }}
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
