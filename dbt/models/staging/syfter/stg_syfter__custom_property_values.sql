{{ syfter.stage('custom_property_values', 'custom_property_value_id', {
    'custom_property_definition_id': 'key',
    'company_id': 'key',
    'article_id': 'key',
    'value': 'scalar',
    'source': 'name',
    'metadata': 'json'
}) }}
