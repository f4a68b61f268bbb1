{#- A mart holds just the rows of its `expected_` seed, as far as the seed's columns go. -#}
{% macro mart_as_expected(name, columns) -%}
    {{ differences(ref('syfter__' ~ name), ref('expected_' ~ name), columns) }}
{%- endmacro %}
