# The project that `airbyte-config-tool init` writes, as Terraform. See README.md: parsed by a test, never run.

terraform {
  required_version = ">= 1.5"
  required_providers {
    airbyte = {
      source  = "airbytehq/airbyte"
      version = "~> 1.2"
    }
  }
}

provider "airbyte" {
  server_url    = var.airbyte_api
  client_id     = var.airbyte_client_id
  client_secret = var.airbyte_client_secret
  token_url     = "${var.airbyte_api}/applications/token" # the default lacks the path of a self-managed server
}

locals {
  manifest = yamldecode(file(var.manifest_file))

  # The server reads the documentation's address in camelCase only.
  spec = merge(local.manifest.spec, { documentationUrl = local.manifest.spec.documentation_url })

  # Delete the ones your API key may not read.
  streams = [
    "companies",
    "company_overviews",
    "company_financials",
    "company_employees",
    "articles",
    "custom_property_definitions",
    "custom_property_values",
    "datasource_priorities",
    "datasource_preferences",
  ]
}

resource "airbyte_declarative_source_definition" "syfter" {
  name         = "Syfter"
  workspace_id = var.workspace_id
  manifest     = jsonencode(merge(local.manifest, { spec = local.spec }))
}

resource "airbyte_source" "syfter" {
  name          = "Syfter"
  workspace_id  = var.workspace_id
  definition_id = airbyte_declarative_source_definition.syfter.id

  # jsonencode, because the provider's configuration checker knows registry connectors only.
  configuration = jsonencode({
    host = var.syfter_host
    credentials = {
      auth_type = "api_key"
      api_key   = var.syfter_api_key
    }
  })
}

resource "airbyte_destination" "warehouse" {
  name          = "Warehouse"
  workspace_id  = var.workspace_id
  definition_id = "25c5221d-dce2-4163-ade9-739ef790f503" # Airbyte's Postgres destination

  configuration = jsonencode({
    host     = var.warehouse_host
    port     = 5432
    database = "warehouse"
    schema   = "syfter"
    username = "airbyte"
    password = var.warehouse_password
  })
}

resource "airbyte_connection" "syfter_to_warehouse" {
  name                 = "Syfter to Warehouse"
  source_id            = airbyte_source.syfter.source_id
  destination_id       = airbyte_destination.warehouse.destination_id
  status               = "active"
  namespace_definition = "destination"

  schedule = {
    schedule_type   = "cron"
    cron_expression = "0 0 6 * * ?" # every day at six, UTC
  }

  configurations = {
    streams = [for name in local.streams : { name = name, sync_mode = "incremental_deduped_history" }]
  }
}
