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
