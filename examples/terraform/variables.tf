variable "airbyte_api" {
  description = "Base of Airbyte's public API, without a slash at the end"
  type        = string
  default     = "http://localhost:8000/api/public/v1"
}

variable "airbyte_client_id" {
  description = "Client id of an application (Airbyte: Settings > Applications)"
  type        = string
}

variable "airbyte_client_secret" {
  description = "Its client secret"
  type        = string
  sensitive   = true
}

variable "workspace_id" {
  description = "In the address bar of Airbyte, after /workspaces/"
  type        = string
}

variable "manifest_file" {
  description = "What `source-syfter bundle > manifest.yaml` wrote"
  type        = string
  default     = "manifest.yaml"
}

variable "syfter_host" {
  description = "Your Syfter instance"
  type        = string
  default     = "https://app.syfter.ai"
}

variable "syfter_api_key" {
  description = "A Syfter API key"
  type        = string
  sensitive   = true
}

variable "warehouse_host" {
  description = "Your Postgres server, as Airbyte reaches it"
  type        = string
}

variable "warehouse_password" {
  description = "Password of the Postgres user"
  type        = string
  sensitive   = true
}
