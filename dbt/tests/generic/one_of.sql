{#- Like `accepted_values`, but reads its arguments the same way on dbt 1.7 (MySQL) and on later versions. -#}
{% test one_of(model, column_name, values=none, arguments=none) %}
{%- set accepted = (arguments or {'values': values})['values'] %}
select distinct {{ column_name }}
from {{ model }}
where {{ column_name }} is not null and {{ column_name }} not in ('{{ accepted | join("', '") }}')
{% endtest %}
