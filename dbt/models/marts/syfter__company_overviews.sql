{{ config(materialized=syfter.materialized()) }}
{{ syfter.resolve(
    syfter.present('stg_syfter__company_overviews', 'company_overviews'),
    'company_overviews',
    id='company_overview_id',
    columns=syfter.decided_columns('company_overviews'),
    candidates=ref('int_syfter__candidate_sources')
) }}
