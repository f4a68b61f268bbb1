{{ config(materialized=syfter.materialized()) }}
with resolved as (
    {{ syfter.resolve(
        syfter.present('stg_syfter__company_financials', 'company_financials'),
        'company_financials',
        id='company_financial_id',
        key=['year'],
        columns=syfter.decided_columns('company_financials'),
        carried=['currency'],
        candidates=ref('int_syfter__candidate_sources')
    ) }}
)

select
    {{ syfter.joined_text(['company_id', 'year']) }} as company_financial_key,
    resolved.*
from resolved
