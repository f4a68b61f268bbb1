with resolved as (
    {{ syfter.resolve(
        ref('stg_syfter__company_financials'),
        'company_financials',
        id='company_financial_id',
        key=['year'],
        columns=var('syfter_company_financials_columns'),
        carried=['currency'],
        candidates=ref('int_syfter__candidate_sources')
    ) }}
)

select
    {{ syfter.joined_text(['company_id', 'year']) }} as company_financial_key,
    resolved.*
from resolved
