{#- What the planner has to know of a table that has just been made. Postgres would guess; the others look for themselves. -#}
{% macro refresh_statistics() %}
    {{- return(adapter.dispatch('refresh_statistics', 'syfter')()) -}}
{% endmacro %}

{% macro default__refresh_statistics() %}
    {{- return('') -}}
{% endmacro %}

{% macro postgres__refresh_statistics() %}
    {{- return('analyze ' ~ this) -}}
{% endmacro %}

{#- Redshift keeps its own, and would take the macro of Postgres. -#}
{% macro redshift__refresh_statistics() %}
    {{- return('') -}}
{% endmacro %}


{#- Postgres compiles a union of many small queries for a second; to run it takes less. -#}
{% macro without_jit() %}
    {{- return('set local jit = off' if target.type == 'postgres' else '') -}}
{% endmacro %}
