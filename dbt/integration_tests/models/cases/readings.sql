{#- Every form in which a value may arrive, read as the kinds of columns: the same rows on every database. -#}
{%- for kind in ['timestamp', 'scalar', 'key'] %}
select
    {{ syfter.read_column('kind', 'name') }} as kind,
    {{ syfter.cast_to('arrived', 'text') }} as arrived,
    {{ syfter.read_column('arrived', 'timestamp', 'text') if kind == 'timestamp' else syfter.cast_to('null', 'timestamp') }} as moment,
    {{ syfter.cast_to('null', 'text') if kind == 'timestamp' else syfter.read_column('arrived', kind, 'text') }} as text_read,
    {{ syfter.text_to_number('arrived') }} as number_read
from {{ ref('case_expected_readings') }} as forms
where kind = '{{ kind }}'
{{ 'union all' if not loop.last }}
{%- endfor %}
