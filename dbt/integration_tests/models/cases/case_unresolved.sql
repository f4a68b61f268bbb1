-- depends_on: {{ ref('case_expected_unresolved') }}
{%- for case_name in cases_left_open() %}
{%- set rows = rows_of_case(case_name) %}
select left_open.table_name as case_name, left_open.*
from (
    {{ syfter.unresolved(
        rows, case_name, 'id', '(' ~ syfter.candidate_sources(rows, case_name, ['revenue', 'profit']) ~ ')',
        columns=['revenue', 'profit'], key=['year']
    ) }}
) as left_open
{{ 'union all' if not loop.last }}
{%- endfor %}
