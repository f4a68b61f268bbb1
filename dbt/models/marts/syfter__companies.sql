with financials as (

    select
        company_financials.*,
        row_number() over (partition by company_id order by year desc) as recency
    from {{ ref('syfter__company_financials') }} as company_financials

),

employees as (

    select company_id, count(*) as employee_count
    from {{ ref('syfter__company_employees') }}
    group by company_id

),

articles as (

    select company_id, count(*) as article_count
    from {{ ref('syfter__article_companies') }}
    group by company_id

)

select
    companies.company_id,
    companies.name,
    companies.legal_name,
    companies.description,
    companies.website,
    companies.logo_url,
    companies.trading_status,
    companies.company_type,
    companies.headquarters,
    companies.has_ever_been_recommended,
    companies.recommendation_is_active,
    financials.year as latest_financial_year,
    {%- for column in syfter.decided_columns('company_financials') %}
    financials.{{ column }} as latest_{{ column }},
    financials.{{ column }}_currency as latest_{{ column }}_currency,
    financials.{{ column }}_source as latest_{{ column }}_source,
    {%- endfor %}
    coalesce(employees.employee_count, 0) as employee_count,
    coalesce(articles.article_count, 0) as article_count,
    companies.created_at,
    companies.updated_at
    {{- syfter.select_passthrough('companies', 'companies') }}
from {{ syfter.present('stg_syfter__companies') }} as companies
left join financials on companies.company_id = financials.company_id and financials.recency = 1
left join employees on companies.company_id = employees.company_id
left join articles on companies.company_id = articles.company_id
