{#- Runs statements, for tests that change the raw tables between two builds of one process. -#}
{% macro change(statements) %}
    {%- for statement in statements -%}
        {%- do run_query(statement) -%}
    {%- endfor -%}
    {#- dbt 1.7 rolls back what an operation leaves open. -#}
    {%- if target.type == 'mariadb' %}{% do run_query('commit') %}{% endif -%}
{% endmacro %}
