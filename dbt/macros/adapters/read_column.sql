{#- Reads one raw column as one of the kinds of `type_of`, whatever type the loader gave it; `any` leaves it as it is. -#}
{% macro read_column(column, kind, data_type='') %}
    {%- if kind == 'any' -%}
        {{- return(column) -}}
    {%- elif kind in ('key', 'name') -%}
        {{- return(adapter.dispatch('read_name', 'syfter')(column)) -}}
    {%- elif kind == 'timestamp' -%}
        {%- set read = adapter.dispatch('read_timestamp', 'syfter')(column, data_type | lower) -%}
        {%- if 'time' in data_type | lower or 'date' in data_type | lower -%}
            {{- return(read) -}}
        {%- endif -%}
        {{- return('case when ' ~ syfter.is_moment(syfter.cast_to(column, 'text')) ~ ' then ' ~ read ~ ' end') -}}
    {%- elif kind == 'scalar' -%}
        {{- return(adapter.dispatch('read_scalar', 'syfter')(column, data_type | lower)) -}}
    {%- elif kind == 'json' -%}
        {{- return(adapter.dispatch('read_json', 'syfter')(column, data_type | lower)) -}}
    {%- else -%}
        {{- return(syfter.cast_to(column, kind)) -}}
    {%- endif -%}
{% endmacro %}

{% macro cast_to(column, kind) %}
    {{- return('cast(' ~ column ~ ' as ' ~ syfter.type_of(kind) ~ ')') -}}
{% endmacro %}


{#- A name must be equal and sorted by its letters alone: not by locale, not case-blind, not blind to trailing spaces. -#}
{% macro default__read_name(column) %}
    {{- return("nullif(" ~ syfter.cast_to(column, 'name') ~ ", '')") -}}
{% endmacro %}

{% macro postgres__read_name(column) %}
    {{- return(syfter.default__read_name(column) ~ ' collate "C"') -}}
{% endmacro %}

{% macro redshift__read_name(column) %}
    {{- return(syfter.default__read_name(column)) -}}
{% endmacro %}

{% macro mysql__read_name(column) %}
    {{- return("nullif(convert(" ~ column ~ " using utf8mb4) collate utf8mb4_0900_bin, '')") -}}
{% endmacro %}

{% macro mariadb__read_name(column) %}
    {{- return("nullif(convert(" ~ column ~ " using utf8mb4) collate utf8mb4_nopad_bin, '')") -}}
{% endmacro %}


{#- From a timestamp with or without a zone, or from ISO 8601 text with or without Z or an offset; without one it is UTC. -#}
{% macro default__read_timestamp(column, data_type) %}
    {%- set text = syfter.cast_to(column, 'text') -%}
    {%- if 'time zone' in data_type and 'without' not in data_type or 'timestamptz' in data_type -%}
        {{- return("cast(" ~ column ~ " at time zone 'UTC' as timestamp)") -}}
    {%- elif data_type.startswith('timestamp') -%}
        {{- return(column) -}}
    {%- else -%}
        {{- return("case when " ~ syfter.has_zone(text) ~ " then cast(" ~ column ~ " as timestamp with time zone) at time zone 'UTC'"
            ~ " else cast(" ~ column ~ " as timestamp) end") -}}
    {%- endif -%}
{% endmacro %}

{% macro snowflake__read_timestamp(column, data_type) %}
    {%- if 'ntz' in data_type -%}
        {{- return(column) -}}
    {%- elif data_type.startswith('timestamp') -%}
        {{- return(syfter.snowflake__in_utc(column)) -}}
    {%- else -%}
        {{- return("case when " ~ syfter.has_zone(column) ~ " then " ~ syfter.snowflake__in_utc("cast(" ~ column ~ " as timestamp_tz)")
            ~ " else cast(" ~ column ~ " as timestamp_ntz) end") -}}
    {%- endif -%}
{% endmacro %}

{% macro snowflake__in_utc(instant) %}
    {{- return("cast(convert_timezone('UTC', " ~ instant ~ ") as timestamp_ntz)") -}}
{% endmacro %}

{#- A timestamp is an instant there, and text without a zone is UTC. -#}
{% macro bigquery__read_timestamp(column, data_type) %}
    {{- return(column if data_type == 'datetime' else "datetime(cast(" ~ column ~ " as timestamp), 'UTC')") -}}
{% endmacro %}

{#- An instant is counted out from the epoch: by way of the session's zone an hour of each autumn would be another. -#}
{% macro databricks__read_timestamp(column, data_type) %}
    {%- set instant = column if data_type == 'timestamp' else "cast(" ~ column ~ " as timestamp)" -%}
    {%- set in_utc = syfter.databricks__from_epoch("cast(unix_micros(" ~ instant ~ ") as decimal(20, 0)) / 1000000") -%}
    {%- if data_type == 'timestamp_ntz' -%}
        {{- return(column) -}}
    {%- elif data_type == 'timestamp' -%}
        {{- return(in_utc) -}}
    {%- else -%}
        {{- return("case when " ~ syfter.has_zone(column) ~ " then " ~ in_utc ~ " else cast(" ~ column ~ " as timestamp_ntz) end") -}}
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

{#- Whether a text names a moment: a cast of a zero date, or of the 31st of June, would end the build. -#}
{% macro is_moment(text) %}
    {%- set days = '(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])' -%}
    {%- set leap = '([1-9][0-9](0[48]|[2468][048]|[13579][26])|([2468][048]|1[26])00)-02-29' -%}
    {%- set time = '[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]+)?)? ?(Z|[+-][0-9][0-9](:?[0-9][0-9])?)?' -%}
    {{- return(syfter.matches(text, '([1-9][0-9][0-9][0-9]-(' ~ days ~ ')|' ~ leap ~ ')(' ~ time ~ ')?')) -}}
{% endmacro %}

{% macro has_zone(text) %}
    {{- return(syfter.matches(text, '.{11,}(Z|[+-][0-9][0-9](:?[0-9][0-9])?)')) -}}
{% endmacro %}


{% macro duckdb__read_scalar(column, data_type) %}
    {%- set text = syfter.cast_to(column, 'text') -%}
    {%- if data_type == 'json' -%}
        {{- return("(" ~ column ~ " ->> '$')") -}}
    {%- else -%}
        {{- return("case when left(" ~ text ~ ", 1) = '\"' and json_valid(" ~ text ~ ") then cast(" ~ text ~ " as json) ->> '$'"
            ~ " else " ~ text ~ " end") -}}
    {%- endif -%}
{% endmacro %}

{% macro postgres__read_scalar(column, data_type) %}
    {%- set text = syfter.cast_to(column, 'text') -%}
    {%- if data_type in ('jsonb', 'json') -%}
        {{- return("(" ~ column ~ " #>> '{}')") -}}
    {%- else -%}
        {#- Only text that is a JSON string for certain is unwrapped: a cast of anything else would fail. -#}
        {{- return("case when " ~ text ~ " ~ '^\"([^\"\\\\[:cntrl:]]|\\\\[\"\\\\/bfnrt])*\"$' then cast(" ~ text ~ " as jsonb) #>> '{}'"
            ~ " else " ~ text ~ " end") -}}
    {%- endif -%}
{% endmacro %}

{#- A cast takes the quotes off a JSON string, and makes null of JSON's null. -#}
{% macro snowflake__read_scalar(column, data_type) %}
    {%- if data_type in ('variant', 'object', 'array') -%}
        {{- return("cast(" ~ column ~ " as varchar)") -}}
    {%- else -%}
        {{- return("case when left(" ~ column ~ ", 1) = '\"' then coalesce(cast(try_parse_json(" ~ column ~ ") as varchar), "
            ~ column ~ ") else cast(" ~ column ~ " as varchar) end") -}}
    {%- endif -%}
{% endmacro %}

{% macro bigquery__read_scalar(column, data_type) %}
    {%- if data_type == 'json' -%}
        {{- return("coalesce(json_value(" ~ column ~ ", '$'), nullif(to_json_string(" ~ column ~ "), 'null'))") -}}
    {%- else -%}
        {%- set text = syfter.cast_to(column, 'text') -%}
        {{- return("case when left(" ~ text ~ ", 1) = '\"' then coalesce(json_value(safe.parse_json(" ~ text ~ "), '$'), " ~ text ~ ")"
            ~ " else " ~ text ~ " end") -}}
    {%- endif -%}
{% endmacro %}

{% macro redshift__read_scalar(column, data_type) %}
    {%- set text = syfter.cast_to(column, 'text') -%}
    {%- if data_type == 'super' -%}
        {{- return("case when is_object(" ~ column ~ ") or is_array(" ~ column ~ ") then json_serialize(" ~ column ~ ") else " ~ text ~ " end") -}}
    {%- else -%}
        {{- return("case when left(" ~ text ~ ", 1) = '\"' and can_json_parse(" ~ text ~ ") then cast(json_parse(" ~ text ~ ") as varchar(65535))"
            ~ " else " ~ text ~ " end") -}}
    {%- endif -%}
{% endmacro %}

{% macro databricks__read_scalar(column, data_type) %}
    {%- set text = syfter.cast_to(column, 'text') -%}
    {{- return("case when " ~ text ~ " = 'null' then null when left(" ~ text ~ ", 1) = '\"' then coalesce(get_json_object(" ~ text ~ ", '$'), " ~ text ~ ")"
        ~ " else " ~ text ~ " end") -}}
{% endmacro %}

{#- JSON is plain text to MariaDB, so JSON and text cannot be told apart: a JSON null is read as null, a JSON string unwrapped. -#}
{% macro mysql__read_scalar(column, data_type) %}
    {%- set text = syfter.cast_to(column, 'text') -%}
    {{- return("case when " ~ text ~ " = 'null' then null when left(" ~ text ~ ", 1) = '\"' and json_valid(" ~ text ~ ")"
        ~ " then json_unquote(" ~ text ~ ") else " ~ text ~ " end") -}}
{% endmacro %}

{% macro mariadb__read_scalar(column, data_type) %}
    {{- return(syfter.mysql__read_scalar(column, data_type)) -}}
{% endmacro %}


{% macro default__read_json(column, data_type) %}
    {{- return(syfter.cast_to(column, 'json')) -}}
{% endmacro %}

{% macro snowflake__read_json(column, data_type) %}
    {{- return('cast(' ~ column ~ ' as variant)' if data_type in ('variant', 'object', 'array') else 'parse_json(' ~ column ~ ')') -}}
{% endmacro %}

{% macro bigquery__read_json(column, data_type) %}
    {{- return(column if data_type == 'json' else 'parse_json(' ~ column ~ ')') -}}
{% endmacro %}

{% macro redshift__read_json(column, data_type) %}
    {{- return(column if data_type == 'super' else 'json_parse(' ~ column ~ ')') -}}
{% endmacro %}

{% macro mysql__read_json(column, data_type) %}
    {{- return(column) -}}
{% endmacro %}

{% macro mariadb__read_json(column, data_type) %}
    {{- return(column) -}}
{% endmacro %}
