{{ syfter.stage('custom_property_definitions', 'custom_property_definition_id', {
    'name': 'text',
    'type': 'text',
    'document_type': 'text'
}) }}
