{#- Datasource prioritisation: which source to believe, per company, table, column and row key.

    The parts, from the inside out: `standing_rows` (one row per source and key), `candidate_sources` (the order in which
    the sources of a company are asked), `resolve` (one row per company and key, each column from the first source that
    has a value), `unresolved` (values that no rule lets through). They work on any relation that has `company_id`,
    `source` and `updated_at` columns, so a table of your own is one call of `resolve`. -#}


{#- The row that stands for a source: of several for one key, the latest `updated_at`, then the highest id. -#}
{% macro standing_rows(relation, id, key) %}
    select *
    from (
        select
            raw_rows.*,
            row_number() over (
                partition by company_id, source{% for part in key %}, {{ part }}{% endfor %}
                order by {{ syfter.latest_first('updated_at') }}, {{ syfter.by_key(id, 'desc') }}
            ) as standing
        from {{ relation }} as raw_rows
        where
            company_id is not null
            and source is not null
            {%- for part in key %}
            and {{ part }} is not null
            {%- endfor %}
    ) as numbered_rows
    where standing = 1
{% endmacro %}


{#- The candidate sources of every company that has rows: `candidate_rank` 1 is asked first.
    Company preferences come before organisation priorities, and within each a rule for the column before a `*` rule. -#}
{% macro candidate_sources(relation, table_name, columns) %}
    select
        company_id,
        {{ syfter.read_column("'" ~ table_name ~ "'", 'name') }} as table_name,
        column_name,
        source,
        rule_id,
        row_number() over (partition by company_id, column_name order by rule_tier, rule_order) as candidate_rank
    from (
        select
            applicable_rules.*,
            row_number() over (
                partition by company_id, column_name, source
                order by rule_tier, rule_order
            ) as mention
        from (
            {%- for scope in ['company', 'organisation'] %}
            select
                company_sources.company_id,
                table_columns.column_name,
                company_sources.source,
                source_rules.rule_id,
                source_rules.rule_order,
                case when source_rules.column_name = table_columns.column_name then {{ loop.index * 2 - 1 }} else {{ loop.index * 2 }} end as rule_tier
            from (select distinct company_id, source from {{ relation }} as raw_rows where company_id is not null) as company_sources
            inner join {{ ref('syfter', 'int_syfter__source_rules') }} as source_rules
                on company_sources.source = source_rules.source
                {%- if scope == 'company' %}
                and company_sources.company_id = source_rules.company_id
                {%- endif %}
            inner join (
                {%- for column in columns %}
                select {{ syfter.read_column("'" ~ column ~ "'", 'name') }} as column_name{{ ' union all' if not loop.last }}
                {%- endfor %}
            ) as table_columns
                on source_rules.column_name = table_columns.column_name or source_rules.column_name = '*'
            where
                source_rules.rule_scope = '{{ scope }}'
                and source_rules.table_name = {{ syfter.read_column("'" ~ table_name ~ "'", 'name') }}
            {{ 'union all' if not loop.last }}
            {%- endfor %}
        ) as applicable_rules
    ) as mentioned_sources
    where mention = 1
{% endmacro %}


{#- One row per company and key. For each column: its value, `<column>_source`, and `<column>_<carried>` for what travels
    with the value from its own row. A row is given if at least one column resolves.

    relation     the rows of all sources
    table_name   the name that the rules use
    id           the relation's own key, which breaks ties
    key          what makes a row of a company, beside the company (for financials the year)
    columns      the columns to resolve; none: a list, of which the whole set of the first candidate source is taken
    carried      columns that are not resolved but travel with each value
    candidates   a relation made by `candidate_sources`; none: worked out here -#}
{% macro resolve(relation, table_name, id, columns=[], key=[], carried=[], candidates=none) %}
{%- set row_key = ['company_id'] + key -%}
with candidate_sources as (

    {% if candidates -%}
    select * from {{ candidates }} as all_candidates
    where table_name = {{ syfter.read_column("'" ~ table_name ~ "'", 'name') }}
    {%- else -%}
    {{ syfter.candidate_sources(relation, table_name, columns or ['*']) }}
    {%- endif %}

),
{% if not columns %}
first_candidates as (

    select company_id, source from candidate_sources where candidate_rank = 1

)

select raw_rows.*
from {{ relation }} as raw_rows
inner join first_candidates
    on raw_rows.company_id = first_candidates.company_id and raw_rows.source = first_candidates.source
{% else %}
source_ranks as (

    select
        company_id,
        source
        {%- for column in columns %},
        max(case when column_name = '{{ column }}' then candidate_rank end) as {{ column }}_rank
        {%- endfor %}
    from candidate_sources
    group by company_id, source

),

standing_rows as (
    {{ syfter.standing_rows(relation, id, key) }}
),

ranked_rows as (

    select
        {%- for part in row_key %}
        standing_rows.{{ part }},
        {%- endfor %}
        standing_rows.source
        {%- for column in columns + carried %},
        standing_rows.{{ column }}
        {%- endfor %}
        {%- for column in columns %},
        case when standing_rows.{{ column }} is not null then source_ranks.{{ column }}_rank end as {{ column }}_rank
        {%- endfor %}
    from standing_rows
    inner join source_ranks
        on standing_rows.company_id = source_ranks.company_id and standing_rows.source = source_ranks.source

),

chosen_values as (

    select
        {{ row_key | join(', ') }},
        row_number() over (partition by {{ row_key | join(', ') }} order by source) as row_of_key
        {%- for column in columns %}
        {%- set by_rank = '(partition by ' ~ row_key | join(', ') ~ ' order by ' ~ syfter.smallest_first(column ~ '_rank')
            ~ ' rows between unbounded preceding and unbounded following)' %}
        {%- for taken, name in [(column, column), ('source', column ~ '_source')] %},
        first_value(case when {{ column }}_rank is not null then {{ taken }} end) over {{ by_rank }} as {{ name }}
        {%- endfor %}
        {%- for extra in carried %},
        first_value(case when {{ column }}_rank is not null then {{ extra }} end) over {{ by_rank }} as {{ column }}_{{ extra }}
        {%- endfor %}
        {%- endfor %}
    from ranked_rows

)

select
    {{ row_key | join(', ') }}
    {%- for column in columns %},
    {{ column }},
    {{ column }}_source
    {%- for extra in carried %},
    {{ column }}_{{ extra }}
    {%- endfor %}
    {%- endfor %}
from chosen_values
where
    row_of_key = 1
    and (
        {%- for column in columns %}
        {{ 'or ' if not loop.first }}{{ column }}_source is not null
        {%- endfor %}
    )
{% endif %}
{% endmacro %}


{#- The values of a table that no rule lets through, one row per company, key and column, and why. -#}
{% macro unresolved(relation, table_name, id, candidates, columns=[], key=[]) %}
{%- set table_literal = syfter.read_column("'" ~ table_name ~ "'", 'name') -%}
{%- set rules = ref('syfter', 'int_syfter__source_rules') -%}
{%- for column in columns or ['*'] %}
select
    {{ table_literal }} as table_name,
    {{ syfter.read_column("'" ~ column ~ "'", 'name') }} as column_name,
    values_of_key.company_id,
    values_of_key.row_key,
    case
        when organisation_rules.table_rules + coalesce(company_rules.table_rules, 0) = 0 then 'no_rule_for_table'
        when organisation_rules.column_rules + coalesce(company_rules.column_rules, 0) = 0 then 'no_rule_for_column'
        else 'no_value_from_a_ruled_source'
    end as reason,
    values_of_key.source_count
from (
    select
        standing_rows.company_id,
        {% if key %}{{ syfter.joined_text(key) }}{% else %}cast(null as {{ syfter.type_of('text') }}){% endif %} as row_key,
        count(distinct standing_rows.source) as source_count
    from (
        {%- if columns %}
        {{ syfter.standing_rows(relation, id, key) }}
        {%- else %}
        select * from {{ relation }} as raw_rows where company_id is not null and source is not null
        {%- endif %}
    ) as standing_rows
    {#- Distinct as it is already: so MariaDB, which has no hash joins by default, makes a table with a key of it. #}
    left join (
        select distinct company_id, source
        from {{ candidates }} as all_candidates
        where table_name = {{ table_literal }} and column_name = '{{ column }}'
    ) as candidate_sources
        on standing_rows.company_id = candidate_sources.company_id and standing_rows.source = candidate_sources.source
    {%- if columns %}
    where standing_rows.{{ column }} is not null
    {%- endif %}
    group by standing_rows.company_id{% for part in key %}, {{ part }}{% endfor %}
    having count(candidate_sources.source) = 0
) as values_of_key
cross join (
    select count(*) as table_rules, count(case when column_name in ('{{ column }}', '*') then 1 end) as column_rules
    from {{ rules }} as source_rules
    where rule_scope = 'organisation' and table_name = {{ table_literal }}
) as organisation_rules
left join (
    select company_id, count(*) as table_rules, count(case when column_name in ('{{ column }}', '*') then 1 end) as column_rules
    from {{ rules }} as source_rules
    where rule_scope = 'company' and table_name = {{ table_literal }}
    group by company_id
) as company_rules
    on values_of_key.company_id = company_rules.company_id
{{ 'union all' if not loop.last }}
{%- endfor %}
{% endmacro %}
