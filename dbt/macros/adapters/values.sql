{#- Text to typed values, without ever failing on text of another kind: what does not fit is null. -#}

{#- The operator and operand that hold a text against a regular expression. -#}
{% macro matches(pattern) %}
    {{- return(adapter.dispatch('matches', 'syfter')(pattern)) -}}
{% endmacro %}

{% macro default__matches(pattern) %}
    {{- return("~ '" ~ pattern ~ "'") -}}
{% endmacro %}

{#- DuckDB's ~ wants the whole text to match, and Postgres' does not. -#}
{% macro duckdb__matches(pattern) %}
    {{- return("similar to '" ~ ('' if pattern.startswith('^') else '.*') ~ pattern.lstrip('^').rstrip('$') ~ "'") -}}
{% endmacro %}

{% macro mysql__matches(pattern) %}
    {{- return("regexp '" ~ pattern ~ "'") -}}
{% endmacro %}

{% macro mariadb__matches(pattern) %}
    {{- return(syfter.mysql__matches(pattern)) -}}
{% endmacro %}


{#- At most as many digits as no database here finds out of range. -#}
{% macro text_to_number(text) -%}
    case when {{ text }} {{ syfter.matches("^[+-]?([0-9]{1,100}[.]?[0-9]{0,100}|[.][0-9]{1,100})([eE][+-]?[0-9]{1,2})?$") }}
        then cast({{ text }} as {{ syfter.type_of('number') }}) end
{%- endmacro %}

{% macro text_to_boolean(text) -%}
    {{ adapter.dispatch('text_to_boolean', 'syfter')(text) }}
{%- endmacro %}

{% macro default__text_to_boolean(text) -%}
    case when lower({{ text }}) in ('true', '1') then true when lower({{ text }}) in ('false', '0') then false end
{%- endmacro %}


{#- Years 1 to 9999: what every database here can hold. -#}
{% macro epoch_ms_to_timestamp(number) -%}
    case when {{ number }} between -62135596800000 and 253402300799999
        then {{ adapter.dispatch('from_epoch_ms', 'syfter')(number) }} end
{%- endmacro %}

{% macro default__from_epoch_ms(number) -%}
    (timestamp '1970-01-01 00:00:00' + cast({{ number }} as bigint) * interval '1 millisecond')
{%- endmacro %}

{% macro duckdb__from_epoch_ms(number) -%}
    make_timestamp(cast({{ number }} as bigint) * 1000)
{%- endmacro %}

{% macro mysql__from_epoch_ms(number) -%}
    date_add(cast('1970-01-01' as datetime(6)), interval cast({{ number }} as signed) * 1000 microsecond)
{%- endmacro %}

{% macro mariadb__from_epoch_ms(number) -%}
    {{ syfter.mysql__from_epoch_ms(number) }}
{%- endmacro %}


{#- One field of a JSON object, as text. -#}
{% macro json_field(column, field) -%}
    {{ adapter.dispatch('json_field', 'syfter')(column, field) }}
{%- endmacro %}

{% macro default__json_field(column, field) -%}
    (cast({{ column }} as jsonb) ->> '{{ field }}')
{%- endmacro %}

{% macro duckdb__json_field(column, field) -%}
    (cast({{ column }} as json) ->> '$.{{ field }}')
{%- endmacro %}

{% macro mysql__json_field(column, field) -%}
    json_unquote(json_extract({{ column }}, '$.{{ field }}'))
{%- endmacro %}

{% macro mariadb__json_field(column, field) -%}
    {{ syfter.mysql__json_field(column, field) }}
{%- endmacro %}


{#- A join that gives one row per element of a JSON array of integers, as `alias.element`. -#}
{% macro join_json_integers(column, alias) -%}
    {{ adapter.dispatch('join_json_integers', 'syfter')(column, alias) }}
{%- endmacro %}

{% macro default__join_json_integers(column, alias) -%}
    cross join lateral (
        select cast(item as bigint) as element
        {#- JSON's own null, which some loaders write, has no elements. #}
        from jsonb_array_elements_text(nullif(cast({{ column }} as jsonb), 'null')) as items(item)
    ) as {{ alias }}
{%- endmacro %}

{% macro duckdb__join_json_integers(column, alias) -%}
    cross join unnest(from_json(cast({{ column }} as json), '["BIGINT"]')) as {{ alias }}(element)
{%- endmacro %}

{% macro mysql__join_json_integers(column, alias) -%}
    join json_table({{ column }}, '$[*]' columns (element bigint path '$')) as {{ alias }}
{%- endmacro %}

{% macro mariadb__join_json_integers(column, alias) -%}
    {{ syfter.mysql__join_json_integers(column, alias) }}
{%- endmacro %}


{#- Text from parts, null if one part is null. -#}
{% macro joined_text(parts) -%}
    {{ adapter.dispatch('joined_text', 'syfter')(parts) }}
{%- endmacro %}

{% macro default__joined_text(parts) -%}
    ({% for part in parts %}cast({{ part }} as varchar){{ " || '-' || " if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro mysql__joined_text(parts) -%}
    concat({% for part in parts %}cast({{ part }} as char){{ ", '-', " if not loop.last }}{% endfor %})
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
