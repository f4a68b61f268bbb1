{#- One staging model: the latest version of every record of a stream, its columns renamed and cast, nothing else.

    stream    name of the stream and, unless `syfter_<stream>_identifier` says otherwise, of its table
    key       what the record's `id` is called from here on
    columns   column -> kind (see `read_column`); a column that the raw table lacks is null

    A stream that is switched off (`syfter_using_<stream>: false`) gives the same columns and no row. -#}
{% macro stage(stream, key, columns) %}
{%- set columns = dict({'created_at': 'timestamp', 'updated_at': 'timestamp'}, **columns) -%}
{%- if not var('syfter_using_' ~ stream, true) %}
select
    cast(null as {{ syfter.type_of('integer') }}) as {{ key }},
    {%- for column, kind in columns.items() %}
    cast(null as {{ syfter.type_of(kind) }}) as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from (select 1 as nothing) as no_rows
where nothing = 0
{%- else %}
{%- set relation = source('syfter', stream) -%}
{%- set types = {} -%}
{%- if execute -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do types.update({column.name | lower: column.data_type}) -%}
    {%- endfor -%}
{%- endif %}
{#- What the loader adds says which of two versions came last. Another loader may not have it. -#}
{%- set loaded = ['_airbyte_extracted_at', '_airbyte_raw_id'] | select('in', types or ['_airbyte_extracted_at', '_airbyte_raw_id']) | list %}
with records as (

    select
        cast(id as {{ syfter.type_of('integer') }}) as {{ key }}
        {%- for column, kind in columns.items() %},
        {%- if types and column not in types %}
        cast(null as {{ syfter.type_of(kind) }}) as {{ column }}
        {%- else %}
        {{ syfter.read_column(column, kind, types.get(column, '')) }} as {{ column }}
        {%- endif %}
        {%- endfor %}
        {%- for column in loaded %},
        {{ column }}
        {%- endfor %}
    from {{ relation }}
    where id is not null

),

versions as (

    select
        records.*,
        row_number() over (
            partition by {{ key }}
            order by {{ syfter.latest_first('updated_at') }}{% for column in loaded %}, {{ column }} desc{% endfor %}
        ) as version_number
    from records

)

select
    {{ key }},
    {%- for column in columns %}
    {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from versions
where version_number = 1
{%- endif %}
{% endmacro %}
