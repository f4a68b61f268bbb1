{{ config(materialized=syfter.materialized()) }}
with properties as (

    select
        property_values.custom_property_value_id,
        property_values.custom_property_definition_id,
        definitions.name as property_name,
        definitions.type as property_type,
        definitions.document_type,
        property_values.company_id,
        property_values.article_id,
        property_values.source,
        property_values.value as value_text,
        {{ syfter.text_to_number('property_values.value') }} as number_in_value,
        {{ syfter.text_to_boolean('property_values.value') }} as boolean_in_value,
        {{ syfter.text_to_number(syfter.json_field('property_values.metadata', 'ml_file_id')) }} as ml_file_id,
        {{ syfter.text_to_number(syfter.json_field('property_values.metadata', 'page_number')) }} as page_number,
        {{ syfter.text_to_number(syfter.json_field('property_values.metadata', 'confidence')) }} as confidence,
        property_values.created_at,
        property_values.updated_at
        {{- syfter.select_passthrough('custom_property_values', 'property_values') }}
        {{- syfter.select_passthrough('custom_property_definitions', 'definitions') }}
    from {{ syfter.present(
        'stg_syfter__custom_property_values', 'custom_property_values', company="coalesce(company_id, article_id, '')"
    ) }} as property_values
    left join {{ syfter.present('stg_syfter__custom_property_definitions') }} as definitions
        on property_values.custom_property_definition_id = definitions.custom_property_definition_id

),

typed as (

    select
        properties.*,
        case when property_type = 'string' then value_text end as value_string,
        case when property_type = 'number' then number_in_value end as value_number,
        case when property_type = 'datetime' then {{ syfter.epoch_ms_to_timestamp('number_in_value') }} end as value_datetime,
        case when property_type = 'boolean' then boolean_in_value end as value_boolean
    from properties

)

select
    custom_property_value_id,
    custom_property_definition_id,
    property_name,
    property_type,
    document_type,
    company_id,
    article_id,
    source,
    value_string,
    value_number,
    value_datetime,
    value_boolean,
    value_text,
    case
        when value_text is null then 'empty'
        when property_type is null then 'no_definition'
        when value_string is null and value_number is null and value_datetime is null and value_boolean is null then 'unreadable'
        else 'typed'
    end as value_status,
    confidence,
    cast(ml_file_id as {{ syfter.type_of('integer') }}) as ml_file_id,
    cast(page_number as {{ syfter.type_of('integer') }}) as page_number,
    created_at,
    updated_at
    {{- syfter.select_passthrough('custom_property_values', 'typed') }}
    {{- syfter.select_passthrough('custom_property_definitions', 'typed') }}
from typed
