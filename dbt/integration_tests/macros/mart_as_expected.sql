{#- A mart holds just the rows of its `expected_` seed, as far as the seed's columns go. -#}
{% macro mart_as_expected(name, columns, where='1 = 1') -%}
    {%- set actual = '(select * from ' ~ ref('syfter__' ~ name) ~ ' as mart where ' ~ where ~ ')' -%}
    {{ differences(actual, ref('expected_' ~ name), columns) }}
{%- endmacro %}
