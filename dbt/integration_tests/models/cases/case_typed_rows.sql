select
    {{ syfter.read_column('case_name', 'name') }} as case_name,
    {{ syfter.read_column('id', 'key') }} as id,
    {{ syfter.read_column('company_id', 'key') }} as company_id,
    {{ syfter.read_column('source', 'name') }} as source,
    year,
    revenue,
    profit,
    currency,
    updated_at
from {{ ref('case_rows') }}
