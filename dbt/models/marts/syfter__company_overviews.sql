{{ syfter.resolve(
    ref('stg_syfter__company_overviews'),
    'company_overviews',
    id='company_overview_id',
    columns=var('syfter_company_overviews_columns'),
    candidates=ref('int_syfter__candidate_sources')
) }}
