{#- Like `relationships`, but reads its arguments the same way on dbt 1.7 (MySQL) and on later versions. -#}
{% test belongs_to(model, column_name, to=none, field=none, arguments=none) %}
{%- set target = arguments or {'to': to, 'field': field} %}
select child.{{ column_name }}
from {{ model }} as child
left join {{ ref(target['to']) }} as parent on child.{{ column_name }} = parent.{{ target['field'] }}
where child.{{ column_name }} is not null and parent.{{ target['field'] }} is null
{% endtest %}
