{%- set columns = {'company_id': 'integer', 'source': 'name', 'year': 'integer', 'currency': 'text'} -%}
{%- for column in var('syfter_company_financials_columns') -%}
    {%- do columns.update({column: 'decimal'}) -%}
{%- endfor -%}
{{ syfter.stage('company_financials', 'company_financial_id', columns) }}
