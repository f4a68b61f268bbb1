{{ config(enabled=syfter.incremental()) }}
{#- Of itself it reads what it was: not by `ref`, which would be a circle. -#}
{%- set previous = load_relation(this) if execute and not should_full_refresh() else none -%}
with company_rows as (

    {%- for table_name, company in [
        ('company_financials', 'company_id'), ('company_overviews', 'company_id'), ('company_employees', 'company_id'),
        ('custom_property_values', "coalesce(company_id, article_id, '')")
    ] %}
    select
        {{ syfter.read_column("'" ~ table_name ~ "'", 'name') }} as table_name,
        {{ company }} as company_id,
        {{ syfter.sum_of_rows('stg_syfter__' ~ table_name) }} as row_sum
    from {{ syfter.present('stg_syfter__' ~ table_name) }} as present_rows
    group by {{ company }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

company_rules as (

    select table_name, company_id, {{ syfter.sum_of_rows('int_syfter__source_rules') }} as rule_sum
    from {{ ref('int_syfter__source_rules') }} as source_rules
    where company_id is not null
    group by table_name, company_id

),

rules_of_all as (

    select table_name, {{ syfter.sum_of_rows('int_syfter__source_rules') }} as rule_sum
    from {{ ref('int_syfter__source_rules') }} as source_rules
    where company_id is null
    group by table_name
    union all
    select
        {{ syfter.read_column("'custom_property_values'", 'name') }} as table_name,
        {{ syfter.sum_of_rows('stg_syfter__custom_property_definitions') }} as rule_sum
    from {{ syfter.present('stg_syfter__custom_property_definitions') }} as definitions

),

versions as (

    select
        {{ syfter.joined_text(['company_rows.table_name', 'company_rows.company_id']) }} as company_version_key,
        company_rows.table_name,
        company_rows.company_id,
        {{ syfter.joined_text([
            'company_rows.row_sum', 'coalesce(company_rules.rule_sum, 0)', 'coalesce(rules_of_all.rule_sum, 0)'
        ]) }} as fingerprint
    from company_rows
    left join company_rules
        on company_rows.table_name = company_rules.table_name and company_rows.company_id = company_rules.company_id
    left join rules_of_all on company_rows.table_name = rules_of_all.table_name
    where company_rows.company_id is not null

)

select
    versions.company_version_key,
    versions.table_name,
    versions.company_id,
    versions.fingerprint,
    {{ 'coalesce(previous.change_number, numbers.next_number)' if previous else 'numbers.next_number' }} as change_number
from versions
{#- Above all that any model has built. #}
cross join (select coalesce(max(change_number), 0) + 1 as next_number from {{ ref('int_syfter__builds') }}) as numbers
{%- if previous %}
{#- Distinct as it is already: so MariaDB makes a table with a key of it. #}
left join (select distinct company_version_key, fingerprint, change_number from {{ previous }}) as previous
    on versions.company_version_key = previous.company_version_key and versions.fingerprint = previous.fingerprint
{%- endif %}
