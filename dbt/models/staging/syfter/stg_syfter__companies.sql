{{ syfter.stage('companies', 'company_id', {
    'name': 'text',
    'legal_name': 'text',
    'description': 'text',
    'website': 'text',
    'logo_url': 'text',
    'trading_status': 'text',
    'company_type': 'text',
    'headquarters': 'text',
    'has_ever_been_recommended': 'boolean',
    'recommendation_is_active': 'boolean'
}) }}
