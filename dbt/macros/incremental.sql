{#- Incremental models: those that the rules decide build only the companies whose records or rules are not what they were.

    `int_syfter__company_versions` says when a company last changed, `int_syfter__builds` up to which change a model has been built. A build
    deletes the companies that have changed since, or are gone, and adds them anew; a model whose SQL is another one starts anew. -#}
{% macro incremental() %}
    {{- return(var('syfter_incremental', target.type in ['postgres', 'mysql', 'mariadb'])) -}}
{% endmacro %}

{% macro materialized() %}
    {{- return('incremental' if syfter.incremental() else 'table') -}}
{% endmacro %}


{#- The records of a staging model that are still there; with the name of a table of Syfter, those of its companies alone that the model
    which asks has yet to build. -#}
{% macro present(model, table_name=none, company='company_id') -%}
    (
        select * from {{ ref(model) }} as all_records
        where _syfter_deleted_at is null
        {%- if table_name and syfter.incremental() %}
        and {{ company }} in (
            select company_id from {{ ref('syfter', 'int_syfter__company_versions') }} as company_versions
            where
                table_name = {{ syfter.read_column("'" ~ table_name ~ "'", 'name') }}
                and change_number > ({{ syfter.last_build() }})
        )
        {%- endif %}
    )
{%- endmacro %}

{#- `this`, as a model may stand in more than one schema. -#}
{% macro last_build() -%}
    select coalesce(max(change_number), -1) from {{ ref('syfter', 'int_syfter__builds') }} as builds where model_name = '{{ this.identifier }}'
{%- endmacro %}


{#- What an incremental model does before it builds: it forgets its builds if they were of other SQL or their table is not there, ... -#}
{% macro forget_builds() %}
    {%- if syfter.incremental() -%}
        delete from {{ ref('syfter', 'int_syfter__builds') }} where model_name = '{{ this.identifier }}'
        {%- if is_incremental() %} and sql_hash <> '{{ local_md5(model.get('compiled_code', '')) }}'{% endif %}
    {%- endif -%}
{% endmacro %}

{#- ... and deletes every row of a company that it will build, or that is gone. -#}
{% macro forget_companies(table_name='table_name', company='company_id') %}
    {%- if syfter.incremental() and is_incremental() -%}
        {%- set kept = "select company_version_key from " ~ ref('syfter', 'int_syfter__company_versions') ~ " as company_versions"
            ~ " where change_number <= " ~ run_query(syfter.last_build()).columns[0].values()[0] -%}
        {{- syfter.delete_others(syfter.joined_text([table_name, company]), 'company_version_key', kept) -}}
    {%- endif -%}
{% endmacro %}

{#- And after: up to which change the model has been built. -#}
{% macro note_build() %}
    {%- if syfter.incremental() -%}
        insert into {{ ref('syfter', 'int_syfter__builds') }} (model_name, sql_hash, change_number)
        select '{{ this.identifier }}', '{{ local_md5(model.get('compiled_code', '')) }}', coalesce(max(change_number), 0)
        from {{ ref('syfter', 'int_syfter__company_versions') }} as company_versions
    {%- endif -%}
{% endmacro %}


{#- Deletes the rows of `this` whose key is not in the column of a query. -#}
{% macro delete_others(key, column, kept) -%}
    {{ adapter.dispatch('delete_others', 'syfter')(key, column, kept) }}
{%- endmacro %}

{% macro default__delete_others(key, column, kept) -%}
    delete from {{ this }} where {{ key }} not in ({{ kept }})
{%- endmacro %}

{#- A delete there compares each row with each in a subquery, and joins by a key. -#}
{% macro mysql__delete_others(key, column, kept) -%}
    delete {{ this }} from {{ this }} left join ({{ kept | replace('select ', 'select distinct ', 1) }}) as kept on {{ key }} = kept.{{ column }}
    where kept.{{ column }} is null
{%- endmacro %}

{% macro mariadb__delete_others(key, column, kept) -%}
    {{ syfter.mysql__delete_others(key, column, kept) }}
{%- endmacro %}


{#- The sum of a hash of each row, all columns: two sets of rows with one sum are the same rows. Where a sum of integers would not hold
    it, the hash is a decimal. -#}
{% macro sum_of_rows(model) %}
    {%- set columns = adapter.get_columns_in_relation(ref('syfter', model)) if execute else [] -%}
    {{- return("sum(" ~ (adapter.dispatch('hash_of_row', 'syfter')(columns) if columns else '0') ~ ")") -}}
{% endmacro %}

{% macro quoted(columns) %}
    {%- set names = [] -%}
    {%- for column in columns -%}
        {%- do names.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {{- return(names | join(', ')) -}}
{% endmacro %}

{% macro default__hash_of_row(columns) %}
    {{- return("hash(" ~ syfter.quoted(columns) ~ ")") -}}
{% endmacro %}

{#- From Postgres 14 on. JSON as it was sent has no hash there. -#}
{% macro postgres__hash_of_row(columns) %}
    {%- set values = [] -%}
    {%- for column in columns -%}
        {%- do values.append(syfter.cast_to(adapter.quote(column.name), 'text') if column.data_type == 'json' else adapter.quote(column.name)) -%}
    {%- endfor -%}
    {{- return("hash_record_extended(row(" ~ values | join(', ') ~ "), 0)") -}}
{% endmacro %}

{% macro bigquery__hash_of_row(columns) %}
    {{- return(syfter.cast_to("farm_fingerprint(to_json_string(struct(" ~ syfter.quoted(columns) ~ ")))", 'decimal')) -}}
{% endmacro %}

{% macro databricks__hash_of_row(columns) %}
    {{- return(syfter.cast_to("xxhash64(to_json(struct(" ~ syfter.quoted(columns) ~ ")))", 'decimal')) -}}
{% endmacro %}

{#- An array of SUPER holds no times: each value as text behind its length, so that no two rows make one text. -#}
{% macro redshift__hash_of_row(columns) %}
    {%- set texts = [] -%}
    {%- for column in columns -%}
        {%- set name = adapter.quote(column.name) -%}
        {%- set text = 'json_serialize(' ~ name ~ ')' if column.data_type == 'super' else syfter.cast_to(name, 'text') -%}
        {%- do texts.append("coalesce('t' || length(" ~ text ~ ") || ':' || " ~ text ~ ", 'n')") -%}
    {%- endfor -%}
    {{- return("farmfingerprint64(" ~ texts | join(' || ') ~ ")") -}}
{% endmacro %}

{#- As text of one collation, which the parts of an array must share there. -#}
{% macro mysql__hash_of_row(columns) %}
    {%- set texts = [] -%}
    {%- for column in columns -%}
        {%- do texts.append("convert(" ~ adapter.quote(column.name) ~ " using utf8mb4)") -%}
    {%- endfor -%}
    {{- return(syfter.cast_to("conv(left(md5(json_array(" ~ texts | join(', ') ~ ")), 16), 16, 10)", 'decimal')) -}}
{% endmacro %}

{% macro mariadb__hash_of_row(columns) %}
    {{- return(syfter.mysql__hash_of_row(columns)) -}}
{% endmacro %}
