{#- What the databases call the types of the package's kinds of column. The kinds:

    key         an id. Text, as instances number their records or name them; compared as a name is
    name        text that is compared letter by letter (sources, tables, columns); empty means none
    text        other text
    integer, decimal, number, boolean      decimal is for money, number is double precision
    timestamp   a timestamp in UTC without a zone
    scalar      the text of a value that may arrive as JSON ("12.5", 12.5, true) or as plain text
    json        an object or an array, as the database's own type for JSON, if it has one -#}
{% macro type_of(kind) %}
    {{- return(adapter.dispatch('type_of', 'syfter')(kind)) -}}
{% endmacro %}

{% macro default__type_of(kind) %}
    {{- return({
        'integer': 'bigint', 'decimal': 'decimal(38, 9)', 'number': 'double precision', 'boolean': 'boolean',
        'timestamp': 'timestamp', 'json': 'json',
    }.get(kind, 'varchar')) -}}
{% endmacro %}

{% macro postgres__type_of(kind) %}
    {{- return('jsonb' if kind == 'json' else syfter.default__type_of(kind)) -}}
{% endmacro %}

{#- A bare varchar is cut at 256 bytes there. -#}
{% macro redshift__type_of(kind) %}
    {%- set own = syfter.default__type_of(kind) -%}
    {{- return({'json': 'super', 'varchar': 'varchar(65535)'}.get(own, own)) -}}
{% endmacro %}

{% macro snowflake__type_of(kind) %}
    {{- return({'timestamp': 'timestamp_ntz', 'json': 'variant'}.get(kind) or syfter.default__type_of(kind)) -}}
{% endmacro %}

{% macro bigquery__type_of(kind) %}
    {{- return({
        'integer': 'int64', 'decimal': 'numeric(38, 9)', 'number': 'float64', 'boolean': 'bool',
        'timestamp': 'datetime', 'json': 'json',
    }.get(kind, 'string')) -}}
{% endmacro %}

{#- JSON is text to Airbyte's destination there. -#}
{% macro databricks__type_of(kind) %}
    {{- return({
        'integer': 'bigint', 'decimal': 'decimal(38, 9)', 'number': 'double', 'boolean': 'boolean',
        'timestamp': 'timestamp_ntz',
    }.get(kind, 'string')) -}}
{% endmacro %}

{% macro mysql__type_of(kind) %}
    {{- return({
        'integer': 'signed', 'decimal': 'decimal(38, 9)', 'number': 'double', 'boolean': 'unsigned',
        'timestamp': 'datetime(6)',
    }.get(kind, 'char')) -}}
{% endmacro %}

{% macro mariadb__type_of(kind) %}
    {{- return(syfter.mysql__type_of(kind)) -}}
{% endmacro %}
