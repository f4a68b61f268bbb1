{{ syfter.stage('custom_property_values', 'custom_property_value_id', {
    'custom_property_definition_id': 'integer',
    'company_id': 'integer',
    'article_id': 'integer',
    'value': 'scalar',
    'source': 'name',
    'metadata': 'any'
}) }}
