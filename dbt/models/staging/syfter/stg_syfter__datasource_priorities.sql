{{ syfter.stage('datasource_priorities', 'datasource_priority_id', {
    'table_name': 'name',
    'column_name': 'name',
    'source': 'name',
    'priority': 'integer'
}) }}
