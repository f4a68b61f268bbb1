{{ differences(ref('readings'), ref('case_expected_readings'), ['kind', 'arrived', 'moment', 'text_read', 'number_read']) }}
