-- depends_on: {{ ref('prioritisation_cases') }}
{%- for case_name in cases('list') %}
select resolved_case.*
from (
    {{ syfter.resolve(rows_of_case(case_name), case_name, id='id') }}
) as resolved_case
{{ 'union all' if not loop.last }}
{%- endfor %}
