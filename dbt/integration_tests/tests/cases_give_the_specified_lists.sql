{{ differences(ref('case_resolved_lists'), ref('case_expected_lists'), ['case_name', 'id']) }}
