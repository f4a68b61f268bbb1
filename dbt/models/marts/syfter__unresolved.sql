{{ config(materialized=syfter.materialized()) }}
{%- set candidates = ref('int_syfter__candidate_sources') -%}
with financials as (
    {{ syfter.unresolved(
        syfter.present('stg_syfter__company_financials', 'company_financials'), 'company_financials', 'company_financial_id', candidates,
        columns=syfter.decided_columns('company_financials'), key=['year']
    ) }}
),

overviews as (
    {{ syfter.unresolved(
        syfter.present('stg_syfter__company_overviews', 'company_overviews'), 'company_overviews', 'company_overview_id', candidates,
        columns=syfter.decided_columns('company_overviews')
    ) }}
),

employees as (
    {{ syfter.unresolved(syfter.present('stg_syfter__company_employees', 'company_employees'), 'company_employees', 'company_employee_id', candidates) }}
),

unresolved_values as (
    select * from financials
    union all
    select * from overviews
    union all
    select * from employees
)

select
    {{ syfter.joined_text(['table_name', 'column_name', 'company_id', "coalesce(row_key, '')"]) }} as unresolved_key,
    table_name,
    column_name,
    company_id,
    row_key,
    reason,
    source_count
from unresolved_values
