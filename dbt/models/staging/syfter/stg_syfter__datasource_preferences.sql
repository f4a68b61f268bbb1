{{ syfter.stage('datasource_preferences', 'datasource_preference_id', {
    'company_id': 'key',
    'table_name': 'name',
    'column_name': 'name',
    'source': 'name'
}) }}
