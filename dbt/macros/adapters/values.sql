{#- Text to typed values, without ever failing on text of another kind: what does not fit is null. -#}

{#- Whether a text, all of it, matches a regular expression. Patterns have neither quotes nor backslashes. -#}
{% macro matches(text, pattern) %}
    {{- return(adapter.dispatch('matches', 'syfter')(text, pattern)) -}}
{% endmacro %}

{% macro default__matches(text, pattern) %}
    {{- return(text ~ " ~ '^(" ~ pattern ~ ")$'") -}}
{% endmacro %}

{% macro duckdb__matches(text, pattern) %}
    {{- return("regexp_full_match(" ~ text ~ ", '" ~ pattern ~ "')") -}}
{% endmacro %}

{#- As it is there, rlike and regexp_like want the whole text to match. -#}
{% macro snowflake__matches(text, pattern) %}
    {{- return("regexp_like(" ~ text ~ ", '" ~ pattern ~ "')") -}}
{% endmacro %}

{% macro bigquery__matches(text, pattern) %}
    {{- return("regexp_contains(" ~ text ~ ", r'^(" ~ pattern ~ ")$')") -}}
{% endmacro %}

{% macro databricks__matches(text, pattern) %}
    {{- return(text ~ " rlike '^(" ~ pattern ~ ")$'") -}}
{% endmacro %}

{% macro mysql__matches(text, pattern) %}
    {{- return(text ~ " regexp '^(" ~ pattern ~ ")$'") -}}
{% endmacro %}

{% macro mariadb__matches(text, pattern) %}
    {{- return(syfter.mysql__matches(text, pattern)) -}}
{% endmacro %}


{#- At most as many digits as no database here finds out of range. -#}
{% macro text_to_number(text) -%}
    case when {{ syfter.matches(text, '[+-]?([0-9]{1,100}[.]?[0-9]{0,100}|[.][0-9]{1,100})([eE][+-]?[0-9]{1,2})?') }}
        then {{ syfter.cast_to(text, 'number') }} end
{%- endmacro %}

{% macro text_to_boolean(text) -%}
    case when lower({{ text }}) in ('true', '1') then true when lower({{ text }}) in ('false', '0') then false end
{%- endmacro %}


{#- Years 1 to 9999: what every database here can hold. -#}
{% macro epoch_ms_to_timestamp(number) -%}
    case when {{ number }} between -62135596800000 and 253402300799999
        then {{ adapter.dispatch('from_epoch_ms', 'syfter')(syfter.cast_to(number, 'integer')) }} end
{%- endmacro %}

{% macro default__from_epoch_ms(number) -%}
    (timestamp '1970-01-01 00:00:00' + {{ number }} * interval '1 millisecond')
{%- endmacro %}

{% macro duckdb__from_epoch_ms(number) -%}
    make_timestamp({{ number }} * 1000)
{%- endmacro %}

{% macro snowflake__from_epoch_ms(number) -%}
    to_timestamp_ntz({{ number }}, 3)
{%- endmacro %}

{% macro bigquery__from_epoch_ms(number) -%}
    datetime(timestamp_millis({{ number }}), 'UTC')
{%- endmacro %}

{#- Milliseconds since year 1 are beyond the integer that `dateadd` takes. -#}
{% macro redshift__from_epoch_ms(number) -%}
    dateadd(
        millisecond, cast({{ number }} % 1000 as integer),
        timestamp '1970-01-01 00:00:00' + (({{ number }} - {{ number }} % 1000) / 1000) * interval '1 second'
    )
{%- endmacro %}

{% macro databricks__from_epoch_ms(number) -%}
    {{ syfter.databricks__from_epoch('cast(' ~ number ~ ' as decimal(20, 0)) / 1000') }}
{%- endmacro %}

{% macro databricks__from_epoch(seconds) -%}
    (timestamp_ntz '1970-01-01 00:00:00' + make_dt_interval(0, 0, 0, cast({{ seconds }} as decimal(18, 6))))
{%- endmacro %}

{% macro mysql__from_epoch_ms(number) -%}
    date_add(cast('1970-01-01' as datetime(6)), interval {{ number }} * 1000 microsecond)
{%- endmacro %}

{% macro mariadb__from_epoch_ms(number) -%}
    {{ syfter.mysql__from_epoch_ms(number) }}
{%- endmacro %}


{#- One field of a JSON object, as text. -#}
{% macro json_field(column, field) -%}
    {{ adapter.dispatch('json_field', 'syfter')(column, field) }}
{%- endmacro %}

{% macro default__json_field(column, field) -%}
    ({{ column }} ->> '{{ field }}')
{%- endmacro %}

{% macro duckdb__json_field(column, field) -%}
    ({{ column }} ->> '$.{{ field }}')
{%- endmacro %}

{% macro snowflake__json_field(column, field) -%}
    cast(get_path({{ column }}, '{{ field }}') as varchar)
{%- endmacro %}

{% macro bigquery__json_field(column, field) -%}
    json_value({{ column }}, '$.{{ field }}')
{%- endmacro %}

{% macro redshift__json_field(column, field) -%}
    json_extract_path_text(json_serialize({{ column }}), '{{ field }}')
{%- endmacro %}

{% macro databricks__json_field(column, field) -%}
    get_json_object({{ column }}, '$.{{ field }}')
{%- endmacro %}

{% macro mysql__json_field(column, field) -%}
    json_unquote(json_extract({{ column }}, '$.{{ field }}'))
{%- endmacro %}

{% macro mariadb__json_field(column, field) -%}
    {{ syfter.mysql__json_field(column, field) }}
{%- endmacro %}


{#- A join that gives one row per element of a JSON array, and the element there, as text. -#}
{% macro join_json_elements(column, alias) -%}
    {{ adapter.dispatch('join_json_elements', 'syfter')(column, alias) }}
{%- endmacro %}

{% macro json_element(alias) -%}
    {{ adapter.dispatch('json_element', 'syfter')(alias) }}
{%- endmacro %}

{% macro default__json_element(alias) -%}
    {{ alias }}.element
{%- endmacro %}

{% macro default__join_json_elements(column, alias) -%}
    cross join lateral (
        select item as element
        {#- JSON's own null, which some loaders write, has no elements. #}
        from jsonb_array_elements_text(case when jsonb_typeof({{ column }}) = 'array' then {{ column }} end) as items(item)
    ) as {{ alias }}
{%- endmacro %}

{% macro duckdb__join_json_elements(column, alias) -%}
    cross join unnest(from_json(case when json_type({{ column }}) = 'ARRAY' then {{ column }} end, '["VARCHAR"]')) as {{ alias }}(element)
{%- endmacro %}

{% macro snowflake__join_json_elements(column, alias) -%}
    cross join lateral flatten(input => {{ column }}) as {{ alias }}
{%- endmacro %}

{% macro snowflake__json_element(alias) -%}
    cast({{ alias }}.value as varchar)
{%- endmacro %}

{% macro bigquery__join_json_elements(column, alias) -%}
    cross join unnest(json_value_array({{ column }}, '$')) as {{ alias }}
{%- endmacro %}

{% macro bigquery__json_element(alias) -%}
    {{ alias }}
{%- endmacro %}

{#- SUPER is unnested by naming it beside its table. -#}
{% macro redshift__join_json_elements(column, alias) -%}
    , {{ column }} as {{ alias }}
{%- endmacro %}

{% macro redshift__json_element(alias) -%}
    cast({{ alias }} as varchar(65535))
{%- endmacro %}

{% macro databricks__join_json_elements(column, alias) -%}
    lateral view explode(from_json({{ column }}, 'array<string>')) {{ alias }} as element
{%- endmacro %}

{% macro mysql__join_json_elements(column, alias) -%}
    join json_table({{ column }}, '$[*]' columns (element varchar(255) path '$')) as {{ alias }}
{%- endmacro %}

{% macro mariadb__join_json_elements(column, alias) -%}
    {{ syfter.mysql__join_json_elements(column, alias) }}
{%- endmacro %}


{#- Text from parts, null if one part is null. -#}
{% macro joined_text(parts) -%}
    {{ adapter.dispatch('joined_text', 'syfter')(parts) }}
{%- endmacro %}

{% macro default__joined_text(parts) -%}
    ({% for part in parts %}{{ syfter.cast_to(part, 'text') }}{{ " || '-' || " if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro mysql__joined_text(parts) -%}
    concat({% for part in parts %}{{ syfter.cast_to(part, 'text') }}{{ ", '-', " if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro mariadb__joined_text(parts) -%}
    {{ syfter.mysql__joined_text(parts) }}
{%- endmacro %}


{#- Latest first, unknown last, on every database alike. -#}
{% macro latest_first(column) -%}
    case when {{ column }} is null then 1 else 0 end, {{ column }} desc
{%- endmacro %}

{% macro smallest_first(column) -%}
    case when {{ column }} is null then 1 else 0 end, {{ column }}
{%- endmacro %}

{#- The order of keys, which are text: a shorter one is lower, so numbers come in the order of their size. -#}
{% macro by_key(column, direction='asc') -%}
    length({{ syfter.cast_to(column, 'text') }}) {{ direction }}, {{ column }} {{ direction }}
{%- endmacro %}
