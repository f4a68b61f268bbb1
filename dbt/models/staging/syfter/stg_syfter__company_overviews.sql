{%- set columns = {'company_id': 'integer', 'source': 'name'} -%}
{%- for column in var('syfter_company_overviews_columns') -%}
    {%- do columns.update({column: 'text'}) -%}
{%- endfor -%}
{{ syfter.stage('company_overviews', 'company_overview_id', columns) }}
