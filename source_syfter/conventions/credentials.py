"""How requests are signed: the scheme, and where an API key goes."""

from __future__ import annotations

from typing import Any

from source_syfter.conventions.edits import Component, normalised_address, reference, replace
from source_syfter.probing.client import Answer
from source_syfter.probing.instance import Instance
from source_syfter.settings import Settings

# What the probe tries, likeliest first: where an API key may go.
# fmt: off
_HEADERS = [("Authorization", "Api-Key "), ("X-API-Key", ""), ("Authorization", "Bearer "), ("Authorization", "Token "),
            ("Authorization", "ApiKey "), ("Authorization", "Key "), ("Authorization", ""), ("Api-Key", ""),
            ("X-Auth-Token", ""), ("X-Access-Token", ""), ("apikey", ""),
            ("X-Api-Token", ""), ("Token", ""), ("X-Token", ""), ("X-Auth-Key", ""), ("Access-Token", ""),
            ("Ocp-Apim-Subscription-Key", "")]
# fmt: on
_PARAMETERS = ["api_key", "apiKey", "apikey", "key", "token", "access_token", "api_token", "access_key", "auth_token"]
_PLACES: list[dict[str, Any]] = [
    *({"api_key_header": header, "api_key_prefix": prefix, "api_key_parameter": None} for header, prefix in _HEADERS),
    *({"api_key_parameter": parameter} for parameter in _PARAMETERS),
]


def tailor(definitions: Component, settings: Settings) -> None:
    """Puts the key into a parameter where the settings name one, and has a refused OAuth token renewed."""
    if settings["conventions"]["api_key_parameter"]:
        authenticators = definitions["authenticator"]["authenticator"]
        replace(authenticators, "authenticators", "api_key", value=reference("api_key_parameter_authenticator"))
    for place, header in enumerate(settings["additional_headers"]):
        # As JSON, for the same reason as the key.
        value = f"{{{{ config['additional_headers'][{place}]['value'] | tojson }}}}"
        definitions["requester"]["request_headers"][header["name"]] = value
    if settings["credentials"]["auth_type"].startswith("oauth2"):
        filters = definitions["error_handler"]["response_filters"]
        filters[filters.index(reference("wrong_credentials"))] = reference("wrong_credentials__oauth")


def bundle(definitions: Component, settings: Settings) -> None:
    """All schemes: the user chooses one when the manifest runs."""
    conventions = settings["conventions"]
    key = "config['credentials']['api_key'] | trim"
    where, name, prefix = "header", conventions["api_key_header"], conventions["api_key_prefix"]
    if conventions["api_key_parameter"]:
        where, name, prefix = "request_parameter", conventions["api_key_parameter"], ""
    definitions["api_key_authenticator"] = {
        "type": "ApiKeyAuthenticator",
        "inject_into": {"type": "RequestOption", "inject_into": where, "field_name": name},
        # As JSON, a key that looks like a number or a quoted text passes the template engine undamaged.
        "api_token": f"{prefix}{{{{ {key} }}}}" if prefix else f"{{{{ {key} | tojson }}}}",
    }
    definitions["oauth2_authenticator"] = {
        "type": "OAuthAuthenticator",
        "token_refresh_endpoint": normalised_address("config['credentials']['token_url']"),
        "client_id": "{{ config['credentials']['client_id'] | tojson }}",
        "client_secret": "{{ config['credentials']['client_secret'] | tojson }}",
        "grant_type": "client_credentials",
        # Not `scopes`: the framework sends those under a name that no provider knows.
        "refresh_request_body": {"scope": "{{ (config['credentials'].get('scopes') or '') | tojson }}"},
    }
    # A refresh token that the provider replaces is not saved: the stock part that does it fails where a provider keeps it.
    definitions["oauth2_refresh_authenticator"] = {
        **{name: value for name, value in definitions["oauth2_authenticator"].items() if name != "grant_type"},
        "refresh_token": "{{ config['credentials']['refresh_token'] | tojson }}",
    }
    chosen = definitions["authenticator"]["authenticator"]["authenticators"]
    chosen["oauth2_refresh_token"] = reference("oauth2_refresh_authenticator")
    for place, header in enumerate(settings["additional_headers"]):
        value = f"{{{{ config['additional_headers'][{place}]['value'] | tojson }}}}"
        definitions["requester"]["request_headers"][header["name"]] = value
    # The stock framework has nothing to bound redirects and bodies with.
    definitions["authenticator"] = definitions["authenticator"]["authenticator"]


def probe(instance: Instance, refused: Answer) -> Answer:
    """Tries other places for the API key, on the same host only: the authenticator sees to that."""
    if not _uses_key(instance):
        return refused
    before = {name: instance.conventions[name] for name in ("api_key_header", "api_key_prefix", "api_key_parameter")}
    for place in (each for each in _PLACES if {**before, **each} != before):
        instance.change(**place)
        answer = instance.first(next(iter(instance.paths)))
        # A key that is known may still lack the right to this collection.
        if answer.status not in (401, refused.status):
            return answer
    instance.change(**before)
    return refused


def report(instance: Instance) -> None:
    """Reports where the key goes."""
    if not _uses_key(instance):
        return
    conventions = instance.conventions
    if conventions["api_key_parameter"]:
        instance.conclude("API key parameter", "api_key_parameter", f'"{conventions["api_key_parameter"]}" in the address')
        return
    if instance.assumed["api_key_parameter"]:
        instance.conclude("API key parameter", "api_key_parameter", "none: the key goes into a header")
    instance.conclude("API key header", "api_key_header", f"{conventions['api_key_header']}")
    prefix = conventions["api_key_prefix"]
    instance.conclude("API key prefix", "api_key_prefix", f'"{prefix}" before the key' if prefix else "the key alone")


def _uses_key(instance: Instance) -> bool:
    return bool(instance.settings["credentials"]["auth_type"] == "api_key")
