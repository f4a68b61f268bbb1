{{ config(materialized=syfter.materialized()) }}
with chosen as (
    {{ syfter.resolve(
        syfter.present('stg_syfter__company_employees', 'company_employees'),
        'company_employees',
        id='company_employee_id',
        candidates=ref('int_syfter__candidate_sources')
    ) }}
)

select
    company_employee_id,
    created_at,
    updated_at,
    company_id,
    source,
    name,
    job_title
    {{- syfter.select_passthrough('company_employees', 'chosen') }}
from chosen
