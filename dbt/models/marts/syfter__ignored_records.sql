{%- set tables = [
    ('company_financials', syfter.present('stg_syfter__company_financials'), 'company_financial_id', 'year is null'),
    ('company_overviews', syfter.present('stg_syfter__company_overviews'), 'company_overview_id', '1 = 0'),
    ('company_employees', syfter.present('stg_syfter__company_employees'), 'company_employee_id', '1 = 0')
] -%}
with ignored_rows as (

    {%- for name, relation, id, without_key in tables %}
    select
        '{{ name }}' as table_name,
        {{ id }} as record_id,
        company_id,
        case
            when company_id is null then 'row_without_company'
            when source is null then 'row_without_source'
            else 'row_without_key'
        end as reason
    from {{ relation }} as raw_rows
    where company_id is null or source is null or {{ without_key }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

ignored_rules as (

    select
        'datasource_preferences' as table_name,
        datasource_preference_id as record_id,
        company_id,
        'incomplete_rule' as reason
    from {{ syfter.present('stg_syfter__datasource_preferences') }} as datasource_preferences
    where company_id is null or table_name is null or column_name is null or source is null
    union all
    select
        'datasource_priorities' as table_name,
        datasource_priority_id as record_id,
        cast(null as {{ syfter.type_of('key') }}) as company_id,
        'incomplete_rule' as reason
    from {{ syfter.present('stg_syfter__datasource_priorities') }} as datasource_priorities
    where table_name is null or column_name is null or source is null

)

select
    {{ syfter.joined_text(['table_name', 'record_id']) }} as ignored_record_key,
    ignored_rows.*
from ignored_rows
union all
select
    {{ syfter.joined_text(['table_name', 'record_id']) }} as ignored_record_key,
    ignored_rules.*
from ignored_rules
