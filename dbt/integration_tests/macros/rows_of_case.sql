{#- The names of all cases of one kind; of those that say what stays unresolved. -#}
{% macro cases(kind) %}
    {{- return(case_names(ref('prioritisation_cases') ~ " where kind = '" ~ kind ~ "'")) -}}
{% endmacro %}

{% macro cases_left_open() %}
    {{- return(case_names(ref('case_expected_unresolved'))) -}}
{% endmacro %}

{% macro case_names(of) %}
    {%- if execute -%}
        {{- return(run_query("select distinct case_name from " ~ of ~ " order by case_name").columns[0].values() | list) -}}
    {%- else -%}
        {{- return(['none_yet']) -}}
    {%- endif -%}
{% endmacro %}

{#- A case is a table of its own to the rules: the table's name is the case's. -#}
{% macro rows_of_case(case_name) -%}
    (select * from {{ ref('case_typed_rows') }} as all_cases where case_name = {{ syfter.read_column("'" ~ case_name ~ "'", 'name') }})
{%- endmacro %}

{#- Rows that one of two relations has and the other has not. -#}
{% macro differences(actual, expected, columns) -%}
    select {{ columns | join(', ') }}, sum(in_actual) as times_in_actual, sum(in_expected) as times_in_expected
    from (
        select {{ columns | join(', ') }}, 1 as in_actual, 0 as in_expected from {{ actual }} as actual_rows
        union all
        select {{ columns | join(', ') }}, 0 as in_actual, 1 as in_expected from {{ expected }} as expected_rows
    ) as both_sides
    group by {{ columns | join(', ') }}
    having sum(in_actual) <> sum(in_expected)
{%- endmacro %}
