{%- set candidates = ref('int_syfter__candidate_sources') -%}
{%- set tables = [
    {
        'name': 'company_financials', 'relation': ref('stg_syfter__company_financials'), 'id': 'company_financial_id',
        'key': ['year'], 'columns': var('syfter_company_financials_columns')
    },
    {
        'name': 'company_overviews', 'relation': ref('stg_syfter__company_overviews'), 'id': 'company_overview_id',
        'key': [], 'columns': var('syfter_company_overviews_columns')
    },
    {
        'name': 'company_employees', 'relation': ref('stg_syfter__company_employees'), 'id': 'company_employee_id',
        'key': [], 'columns': []
    }
] -%}
{%- set rule_streams = [
    (
        'datasource_preferences', ref('stg_syfter__datasource_preferences'), 'datasource_preference_id', 'company_id',
        ['company_id', 'table_name', 'column_name', 'source']
    ),
    (
        'datasource_priorities', ref('stg_syfter__datasource_priorities'), 'datasource_priority_id',
        'cast(null as ' ~ syfter.type_of('integer') ~ ')', ['table_name', 'column_name', 'source']
    )
] -%}
with values_without_source as (

    {%- for table in tables %}
    {{ syfter.unresolved(table.relation, table.name, table.id, candidates, table.columns, table.key) }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

ignored_records as (

    {%- for table in tables %}
    select
        '{{ table.name }}' as table_name,
        company_id,
        {{ table.id }} as record_id,
        case
            when company_id is null then 'row_without_company'
            when source is null then 'row_without_source'
            else 'row_without_key'
        end as reason
    from {{ table.relation }} as raw_rows
    where company_id is null or source is null{% for part in table.key %} or {{ part }} is null{% endfor %}
    union all
    {%- endfor %}
    {%- for stream, relation, id, company, parts in rule_streams %}
    select
        '{{ stream }}' as table_name,
        {{ company }} as company_id,
        {{ id }} as record_id,
        'incomplete_rule' as reason
    from {{ relation }} as rules
    where {{ parts | join(' is null or ') }} is null
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select
    {{ syfter.joined_text(['table_name', 'column_name', 'company_id', "coalesce(row_key, '')"]) }} as unresolved_id,
    table_name,
    column_name,
    company_id,
    row_key,
    cast(null as {{ syfter.type_of('integer') }}) as record_id,
    reason,
    source_count
from values_without_source
union all
select
    {{ syfter.joined_text(['table_name', "'record'", 'record_id']) }} as unresolved_id,
    table_name,
    cast(null as {{ syfter.type_of('text') }}) as column_name,
    company_id,
    cast(null as {{ syfter.type_of('text') }}) as row_key,
    record_id,
    reason,
    cast(null as {{ syfter.type_of('integer') }}) as source_count
from ignored_records
