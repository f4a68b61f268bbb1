{#- One staging model: the latest version of every record of a stream, its columns renamed and cast, nothing else.

    stream    name of the stream and, unless variables say otherwise, of its table
    key       what the record's `id` is called from here on
    columns   column -> kind (see `type_of`); a column that the raw table lacks is null
    own       column -> kind, configured by the user; one that the raw table lacks is an error

    Columns that `syfter_passthrough_columns` names are added. A stream that is switched off (`syfter_using_<stream>: false`) gives
    the same columns and no row, and so does one without a table, with a warning.

    `_syfter_deleted_at` is when a read of the whole list began that no longer brought the record; null while it is there. -#}
{% macro stage(stream, key, columns, own={}) %}
{%- set columns = dict({'created_at': 'timestamp', 'updated_at': 'timestamp'}, **columns) -%}
{%- set relation = syfter.raw_table(stream) -%}
{%- set raw = {} -%}
{%- if relation and execute -%}
    {%- for column in adapter.get_columns_in_relation(relation) -%}
        {%- do raw.update({column.name: column.data_type, column.name | lower: column.data_type}) -%}
    {%- endfor -%}
{%- endif -%}
{#- Output column -> how it is read. -#}
{%- set staged = {key: syfter.read_column('id', 'key')} -%}
{%- for column, kind in columns.items() -%}
    {%- do staged.update({column: syfter.read_column(column, kind, raw.get(column, '')) if column in raw or not raw else none}) -%}
{%- endfor -%}
{%- set wanted = syfter.passthrough(stream) -%}
{%- for column, kind in own.items() -%}
    {%- do wanted.append({'name': column, 'alias': column, 'type': kind}) -%}
{%- endfor -%}
{%- for column in wanted -%}
    {%- set name = column.name if column.name in raw else column.name | lower -%}
    {%- if column.alias in staged -%}
        {{ exceptions.raise_compiler_error("The package has a column " ~ column.alias ~ " of " ~ stream ~ " already. Give the column "
            ~ column.name ~ " another alias in syfter_passthrough_columns.") }}
    {%- endif -%}
    {%- if raw and name not in raw -%}
        {%- do syfter.complain_of_column(relation, stream, column.name, raw) -%}
    {%- endif -%}
    {%- do columns.update({column.alias: column.type if column.type != 'any' or name in raw else 'text'}) -%}
    {%- do staged.update({column.alias: syfter.read_column(adapter.quote(name), column.type, raw.get(name, '')) if name in raw else none}) -%}
{%- endfor -%}
{%- if not relation %}
select
    cast(null as {{ syfter.type_of('key') }}) as {{ key }},
    {%- for column, kind in columns.items() %}
    cast(null as {{ syfter.type_of(kind) }}) as {{ column }},
    {%- endfor %}
    {{ syfter.cast_to('null', 'timestamp') }} as _syfter_deleted_at
from (select 1 as nothing) as no_rows
where nothing = 0
{%- else %}
{#- What the loader adds says which of two versions came last. Another loader may not have it. -#}
{%- set loaded = ['_airbyte_extracted_at', '_airbyte_raw_id'] | select('in', raw or ['_airbyte_extracted_at', '_airbyte_raw_id']) | list -%}
{%- set reads = syfter.whole_reads(stream, relation, raw) %}
with records as (

    select
        {%- for column, expression in staged.items() %}
        {{ expression or syfter.cast_to('null', columns[column]) }} as {{ column }}{{ ',' if not loop.last or loaded }}
        {%- endfor %}
        {%- for column in loaded + (['_airbyte_generation_id'] if reads.by_generation else []) %}
        {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    where id is not null

),

versions as (

    select
        records.*,
        {%- if reads.by_generation %}
        max(_airbyte_generation_id) over (partition by {{ key }}) as last_generation,
        {%- endif %}
        row_number() over (
            partition by {{ key }}
            order by {{ syfter.latest_first('updated_at') }}{% for column in loaded %}, {{ column }} desc{% endfor %}
        ) as version_number
    from records

)
{%- if reads.by_generation %},

newest_generation as (

    select max(_airbyte_generation_id) as generation from {{ relation }}

),

last_refresh as (

    select
        max(newest_generation.generation) as generation,
        min(case when raw_rows._airbyte_generation_id = newest_generation.generation then raw_rows._airbyte_extracted_at end) as began_at
    from {{ relation }} as raw_rows
    cross join newest_generation

)
{%- endif %}
{%- if reads.beside %},

whole_list as (

    select distinct {{ syfter.read_column('id', 'key') }} as {{ key }} from {{ reads.beside }}

),

whole_read as (

    select min(_airbyte_extracted_at) as began_at from {{ reads.beside }}

)
{%- endif %}

select
    {%- for column in staged %}
    versions.{{ column }},
    {%- endfor %}
    {%- set extracted = raw.get('_airbyte_extracted_at', 'timestamp') %}
    {%- if reads.by_generation or reads.beside %}
    case
        {%- if reads.beside %}
        when whole_list.{{ key }} is null and versions._airbyte_extracted_at < whole_read.began_at
            then {{ syfter.read_column('whole_read.began_at', 'timestamp', extracted) }}
        {%- endif %}
        {%- if reads.by_generation %}
        when versions.last_generation < last_refresh.generation
            then {{ syfter.read_column('last_refresh.began_at', 'timestamp', extracted) }}
        {%- endif %}
    end as _syfter_deleted_at
    {%- else %}
    {{ syfter.cast_to('null', 'timestamp') }} as _syfter_deleted_at
    {%- endif %}
from versions
{%- if reads.by_generation %}
cross join last_refresh
{%- endif %}
{%- if reads.beside %}
cross join whole_read
left join whole_list on versions.{{ key }} = whole_list.{{ key }}
{%- endif %}
where versions.version_number = 1
{%- endif %}
{% endmacro %}


{#- What tells that a record is gone, as Syfter does not: `by_generation`, whether the table keeps rows of earlier refreshes, whose
    generations Airbyte counts; `beside`, a table that another connection reads in full (`syfter_full_refresh_schema`, `.._prefix`). -#}
{% macro whole_reads(stream, relation, raw) %}
    {%- set beside = none -%}
    {%- if var('syfter_full_refresh_schema', none) or var('syfter_full_refresh_prefix', none) -%}
        {%- set beside = adapter.get_relation(
            database=relation.database,
            schema=var('syfter_full_refresh_schema', relation.schema),
            identifier=var('syfter_full_refresh_prefix', '') ~ stream
        ) if execute -%}
    {%- endif -%}
    {{- return({
        'by_generation': '_airbyte_generation_id' in raw and '_airbyte_extracted_at' in raw and var('syfter_mark_deleted', true),
        'beside': beside if '_airbyte_extracted_at' in raw else none,
    }) -}}
{% endmacro %}

{#- The table of a stream; none where the stream is switched off, or, with a warning, where there is no such table. -#}
{% macro raw_table(stream) %}
    {%- if not var('syfter_using_' ~ stream, true) -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set relation = source('syfter', stream) -%}
    {%- if not execute or syfter.is_there(relation, relation.identifier) -%}
        {{- return(relation) -}}
    {%- endif -%}
    {%- set streams = ['companies', 'company_overviews', 'company_financials', 'company_employees', 'articles', 'custom_property_definitions',
        'custom_property_values', 'datasource_priorities', 'datasource_preferences'] -%}
    {%- for other in streams if syfter.is_there(relation, var('syfter_' ~ other ~ '_identifier', var('syfter_table_prefix', '') ~ other)) -%}
        {%- if loop.first -%}
            {%- do exceptions.warn("There is no table " ~ relation ~ ": the models on " ~ stream ~ " stay empty. If you do not sync the stream, set "
                ~ "syfter_using_" ~ stream ~ ": false; if its table has another name, set syfter_" ~ stream ~ "_identifier.") -%}
        {%- endif -%}
    {%- else -%}
        {{ exceptions.raise_compiler_error("None of Syfter's tables is in " ~ relation.without_identifier() ~ ". Set syfter_schema (and "
            ~ "syfter_database) to where the connector loads them, and syfter_table_prefix to the prefix of its tables, if it has one.") }}
    {%- endfor -%}
    {{- return(none) -}}
{% endmacro %}

{% macro is_there(sibling, identifier) %}
    {{- return(adapter.get_relation(database=sibling.database, schema=sibling.schema, identifier=identifier) is not none) -}}
{% endmacro %}


{#- The columns of a stream that `syfter_passthrough_columns` names, each with name, alias and type (a kind; `any`: as it is). -#}
{% macro passthrough(stream) %}
    {%- set columns = [] -%}
    {%- for entry in var('syfter_passthrough_columns', {}).get(stream, []) -%}
        {%- set column = {'name': entry} if entry is string else entry -%}
        {%- set kinds = ['any', 'key', 'name', 'text', 'integer', 'decimal', 'number', 'boolean', 'timestamp', 'scalar', 'json'] -%}
        {%- if not column.name or column.get('type', 'any') not in kinds or column.keys() | reject('in', ['name', 'alias', 'type']) | list -%}
            {{ exceptions.raise_compiler_error("syfter_passthrough_columns has an entry for " ~ stream ~ " that cannot be read: " ~ entry
                ~ ". Write a column's name, or name with alias and type, which is one of " ~ kinds | join(', ') ~ ".") }}
        {%- endif -%}
        {%- do columns.append({
            'name': column.name,
            'alias': column.alias or modules.re.sub('[^a-z0-9_]+', '_', column.name | lower),
            'type': column.get('type', 'any'),
        }) -%}
    {%- endfor -%}
    {{- return(columns) -}}
{% endmacro %}

{#- The same as `, relation.alias` each, for the end of a list of columns. -#}
{% macro select_passthrough(stream, relation) -%}
    {%- for column in syfter.passthrough(stream) %},
    {{ relation }}.{{ column.alias }}
    {%- endfor %}
{%- endmacro %}


{#- The columns of a stream that the datasource rules decide: the package's, and the user's own. -#}
{% macro decided_columns(stream) %}
    {{- return(var('syfter_' ~ stream ~ '_columns') + syfter.passthrough(stream) | map(attribute='alias') | list) -}}
{% endmacro %}


{% macro complain_of_column(relation, stream, column, raw) %}
    {%- set message = "The table " ~ relation ~ " has no column " ~ column ~ ", which the variables name for " ~ stream ~ ". It has "
        ~ raw.keys() | map('lower') | unique | sort | join(', ') ~ ". Correct the name, or set syfter_missing_columns: warn to have it empty." -%}
    {%- if var('syfter_missing_columns', 'error') == 'warn' -%}
        {%- do exceptions.warn(message) -%}
    {%- else -%}
        {{ exceptions.raise_compiler_error(message) }}
    {%- endif -%}
{% endmacro %}
