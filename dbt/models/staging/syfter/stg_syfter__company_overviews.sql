{%- set streams_columns = ['legal_name', 'trading_status', 'company_type', 'headquarters', 'description', 'website'] -%}
{%- set columns = {'company_id': 'key', 'source': 'name'} -%}
{%- set own = {} -%}
{%- for column in var('syfter_company_overviews_columns') -%}
    {%- do (columns if column in streams_columns else own).update({column: 'text'}) -%}
{%- endfor -%}
{{ syfter.stage('company_overviews', 'company_overview_id', columns, own) }}
