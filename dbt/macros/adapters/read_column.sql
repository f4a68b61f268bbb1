{#- Reads one raw column as one of the kinds below, whatever type the loader gave it.

    integer, decimal, number, boolean, text   plain casts; decimal is for money, number is double precision
    name        text that is compared letter by letter (sources, tables, columns); empty means none
    timestamp   a timestamp in UTC without a zone, from a timestamp, or from ISO 8601 text with Z or an offset
    scalar      the text of a value that may arrive as JSON ("12.5", 12.5, true) or as plain text
    any         left as it is -#}
{% macro read_column(column, kind, data_type='') %}
    {%- if kind == 'name' -%}
        {{- return(adapter.dispatch('read_name', 'syfter')(column)) -}}
    {%- elif kind == 'timestamp' -%}
        {{- return(adapter.dispatch('read_timestamp', 'syfter')(column, data_type | lower)) -}}
    {%- elif kind == 'scalar' -%}
        {{- return(adapter.dispatch('read_scalar', 'syfter')(column, data_type | lower)) -}}
    {%- elif kind == 'any' -%}
        {{- return(column) -}}
    {%- else -%}
        {{- return('cast(' ~ column ~ ' as ' ~ syfter.type_of(kind) ~ ')') -}}
    {%- endif -%}
{% endmacro %}


{#- The adapter's name for the type of a kind. -#}
{% macro type_of(kind) %}
    {{- return(adapter.dispatch('type_of', 'syfter')(kind)) -}}
{% endmacro %}

{% macro default__type_of(kind) %}
    {{- return({
        'integer': 'bigint', 'decimal': 'decimal(38, 9)', 'number': 'double precision', 'boolean': 'boolean',
        'text': 'varchar', 'name': 'varchar', 'timestamp': 'timestamp', 'scalar': 'varchar', 'any': 'varchar',
    }[kind]) -}}
{% endmacro %}

{% macro mysql__type_of(kind) %}
    {{- return({
        'integer': 'signed', 'decimal': 'decimal(38, 9)', 'number': 'double', 'boolean': 'unsigned',
        'text': 'char', 'name': 'char', 'timestamp': 'datetime(6)', 'scalar': 'char', 'any': 'char',
    }[kind]) -}}
{% endmacro %}

{% macro mariadb__type_of(kind) %}
    {{- return(syfter.mysql__type_of(kind)) -}}
{% endmacro %}


{#- A name must be equal and sorted by its letters alone: not by locale, not case-blind, not blind to trailing spaces. -#}
{% macro default__read_name(column) %}
    {{- return("nullif(cast(" ~ column ~ " as varchar), '')") -}}
{% endmacro %}

{% macro postgres__read_name(column) %}
    {{- return("nullif(cast(" ~ column ~ " as varchar), '') collate \"C\"") -}}
{% endmacro %}

{% macro mysql__read_name(column) %}
    {{- return("nullif(convert(" ~ column ~ " using utf8mb4) collate utf8mb4_0900_bin, '')") -}}
{% endmacro %}

{% macro mariadb__read_name(column) %}
    {{- return("nullif(convert(" ~ column ~ " using utf8mb4) collate utf8mb4_nopad_bin, '')") -}}
{% endmacro %}


{% macro default__read_timestamp(column, data_type) %}
    {%- if 'time zone' in data_type or 'timestamptz' in data_type -%}
        {{- return("cast(" ~ column ~ " at time zone 'UTC' as timestamp)") -}}
    {%- elif data_type.startswith('timestamp') -%}
        {{- return(column) -}}
    {%- else -%}
        {{- return("case when cast(" ~ column ~ " as varchar) " ~ syfter.matches("(Z|[+-][0-9][0-9](:?[0-9][0-9])?)$")
            ~ " and length(cast(" ~ column ~ " as varchar)) > 10"
            ~ " then cast(" ~ column ~ " as timestamp with time zone) at time zone 'UTC'"
            ~ " else cast(" ~ column ~ " as timestamp) end") -}}
    {%- endif -%}
{% endmacro %}

{% macro mysql__read_timestamp(column, data_type) %}
    {%- if data_type.startswith('datetime') or data_type.startswith('timestamp') -%}
        {{- return("cast(" ~ column ~ " as datetime(6))") -}}
    {%- else -%}
        {%- set fraction = "coalesce(regexp_substr(" ~ column ~ ", '[.][0-9]+'), '')" -%}
        {%- set moment = "cast(concat(replace(left(" ~ column ~ ", 19), 'T', ' '), " ~ fraction ~ ") as datetime(6))" -%}
        {{- return("case when " ~ column ~ " regexp '[+-][0-9][0-9]:[0-9][0-9]$'"
            ~ " then convert_tz(" ~ moment ~ ", right(" ~ column ~ ", 6), '+00:00') else " ~ moment ~ " end") -}}
    {%- endif -%}
{% endmacro %}

{% macro mariadb__read_timestamp(column, data_type) %}
    {{- return(syfter.mysql__read_timestamp(column, data_type)) -}}
{% endmacro %}


{% macro duckdb__read_scalar(column, data_type) %}
    {%- set text = "cast(" ~ column ~ " as varchar)" -%}
    {%- if data_type == 'json' -%}
        {{- return("(" ~ column ~ " ->> '$')") -}}
    {%- else -%}
        {{- return("case when left(" ~ text ~ ", 1) = '\"' and json_valid(" ~ text ~ ") then cast(" ~ text ~ " as json) ->> '$'"
            ~ " else " ~ text ~ " end") -}}
    {%- endif -%}
{% endmacro %}

{% macro default__read_scalar(column, data_type) %}
    {%- set text = "cast(" ~ column ~ " as varchar)" -%}
    {%- if data_type in ('jsonb', 'json') -%}
        {{- return("(" ~ column ~ " #>> '{}')") -}}
    {%- else -%}
        {#- Only text that is a JSON string for certain is unwrapped: a cast of anything else would fail. -#}
        {{- return("case when " ~ text ~ " ~ '^\"([^\"\\\\[:cntrl:]]|\\\\[\"\\\\/bfnrt])*\"$' then cast(" ~ text ~ " as jsonb) #>> '{}'"
            ~ " else " ~ text ~ " end") -}}
    {%- endif -%}
{% endmacro %}

{#- JSON is plain text to MariaDB, so JSON and text cannot be told apart: a JSON null is read as null, a JSON string unwrapped. -#}
{% macro mysql__read_scalar(column, data_type) %}
    {%- set text = "cast(" ~ column ~ " as char)" -%}
    {{- return("case when " ~ text ~ " = 'null' then null when left(" ~ text ~ ", 1) = '\"' and json_valid(" ~ text ~ ")"
        ~ " then json_unquote(" ~ text ~ ") else " ~ text ~ " end") -}}
{% endmacro %}

{% macro mariadb__read_scalar(column, data_type) %}
    {{- return(syfter.mysql__read_scalar(column, data_type)) -}}
{% endmacro %}
