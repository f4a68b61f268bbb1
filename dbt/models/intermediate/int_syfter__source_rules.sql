with company_rules as (

    select
        {{ syfter.joined_text(["'preference'", 'datasource_preference_id']) }} as rule_id,
        {{ syfter.read_column("'company'", 'name') }} as rule_scope,
        company_id,
        table_name,
        column_name,
        source,
        cast(null as {{ syfter.type_of('integer') }}) as priority,
        row_number() over (
            partition by company_id, table_name, column_name
            order by {{ syfter.by_key('datasource_preference_id') }}
        ) as rule_order
    from {{ syfter.present('stg_syfter__datasource_preferences') }} as datasource_preferences
    where company_id is not null and table_name is not null and column_name is not null and source is not null

),

organisation_rules as (

    select
        {{ syfter.joined_text(["'priority'", 'datasource_priority_id']) }} as rule_id,
        {{ syfter.read_column("'organisation'", 'name') }} as rule_scope,
        cast(null as {{ syfter.type_of('key') }}) as company_id,
        table_name,
        column_name,
        source,
        priority,
        row_number() over (
            partition by table_name, column_name
            order by {{ syfter.smallest_first('priority') }}, source, {{ syfter.by_key('datasource_priority_id') }}
        ) as rule_order
    from {{ syfter.present('stg_syfter__datasource_priorities') }} as datasource_priorities
    where table_name is not null and column_name is not null and source is not null

)

select * from company_rules
union all
select * from organisation_rules
