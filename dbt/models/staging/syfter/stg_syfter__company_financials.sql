{%- set columns = {'company_id': 'key', 'source': 'name', 'year': 'integer', 'currency': 'text'} -%}
{%- set own = {} -%}
{%- for column in var('syfter_company_financials_columns') -%}
    {%- do (columns if column in ['revenue', 'profit'] else own).update({column: 'decimal'}) -%}
{%- endfor -%}
{{ syfter.stage('company_financials', 'company_financial_id', columns, own) }}
