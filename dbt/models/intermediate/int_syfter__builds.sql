{{ config(materialized='incremental', enabled=syfter.incremental()) }}
{#- MySQL takes the length from what is cast. -#}
{%- set text = 'char(255)' if target.type in ['mysql', 'mariadb'] else syfter.type_of('name') %}
select
    cast(null as {{ text }}) as model_name,
    cast(null as {{ text }}) as sql_hash,
    cast(null as {{ syfter.type_of('integer') }}) as change_number
limit 0
