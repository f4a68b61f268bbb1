{{ syfter.stage('company_employees', 'company_employee_id', {
    'company_id': 'key',
    'source': 'name',
    'name': 'text',
    'job_title': 'text'
}) }}
