{{ config(materialized=syfter.materialized()) }}
with standing_rows as (
    {{ syfter.standing_rows(
        syfter.present('stg_syfter__company_financials', 'company_financials'), 'company_financial_id', ['year']
    ) }}
),

figures as (

    {%- for column in var('syfter_company_financials_columns') %}
    select company_id, year, {{ syfter.read_column("'" ~ column ~ "'", 'name') }} as column_name, currency, {{ column }} as figure
    from standing_rows
    where {{ column }} is not null
    {{ 'union all' if not loop.last }}
    {%- endfor %}

)

select
    {{ syfter.joined_text(['company_id', 'year', 'column_name', "coalesce(currency, '')"]) }} as disagreement_key,
    company_id,
    year,
    column_name,
    currency,
    count(*) as source_count,
    min(figure) as lowest,
    max(figure) as highest,
    {{ syfter.cast_to('max(figure) - min(figure)', 'number') }} / {{ syfter.cast_to('nullif(max(abs(figure)), 0)', 'number') }} as gap
from figures
group by company_id, year, column_name, currency
having min(figure) <> max(figure)
