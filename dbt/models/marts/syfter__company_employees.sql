{{ syfter.resolve(
    ref('stg_syfter__company_employees'),
    'company_employees',
    id='company_employee_id',
    candidates=ref('int_syfter__candidate_sources')
) }}
