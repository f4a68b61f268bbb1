{{ syfter.stage('datasource_preferences', 'datasource_preference_id', {
    'company_id': 'integer',
    'table_name': 'name',
    'column_name': 'name',
    'source': 'name'
}) }}
