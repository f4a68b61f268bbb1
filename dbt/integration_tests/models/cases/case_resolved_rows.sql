-- depends_on: {{ ref('prioritisation_cases') }}
{%- for case_name in cases('table') %}
select {{ syfter.read_column("'" ~ case_name ~ "'", 'name') }} as case_name, resolved_case.*
from (
    {{ syfter.resolve(rows_of_case(case_name), case_name, id='id', key=['year'], columns=['revenue', 'profit'], carried=['currency']) }}
) as resolved_case
{{ 'union all' if not loop.last }}
{%- endfor %}
