{#- Like `relationships`, but reads its arguments the same way on dbt 1.7 (MySQL) and on later versions. -#}
{% test belongs_to(model, column_name, to=none, field=none, arguments=none) %}
{%- set target = arguments or {'to': to, 'field': field} %}
select child.{{ column_name }}
from {{ model }} as child
{#- As a list of its own, because MariaDB gives it a key; it would compare each row with each otherwise. #}
left join (select distinct {{ target['field'] }} from {{ ref(target['to']) }} as parents) as parent
    on child.{{ column_name }} = parent.{{ target['field'] }}
where child.{{ column_name }} is not null and parent.{{ target['field'] }} is null
{% endtest %}
