{{ syfter.delete_others('company_id', 'rule_id', 'select rule_id from ' ~ ref('syfter', 'int_syfter__source_rules')) }}
