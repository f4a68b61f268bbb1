{{ mart_as_expected(
    'custom_properties',
    ['custom_property_value_id', 'property_name', 'value_string', 'value_number', 'value_datetime', 'value_boolean', 'value_status', 'confidence', 'ml_file_id', 'page_number']
) }}
