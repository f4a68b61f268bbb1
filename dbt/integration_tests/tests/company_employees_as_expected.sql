{{ mart_as_expected(
    'company_employees',
    ['company_employee_id', 'company_id', 'source']
) }}
