"""How requests are signed: the scheme, and where an API key goes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Optional
from urllib.parse import urlsplit

from source_syfter.conventions.edits import Assumption, Component, normalised_address, reference, replace
from source_syfter.probing.client import Answer, Keys
from source_syfter.probing.instance import AT_ONCE, Instance
from source_syfter.probing.names import named, spelled
from source_syfter.settings import Settings

# What the probe tries, likeliest first: the word before a key in the header Authorization, ...
_SCHEMES = ["Api-Key ", "Bearer ", "Token ", "", "ApiKey ", "Key ", "API-Key ", "Token token=", "JWT ", "OAuth ", "SSWS "]
# ... rarer ones, after all else, ...
_RARE_SCHEMES = ["apikey ", "Apikey ", "api-key ", "API_KEY ", "Basic ", "APIKEY ", "apikey=", "token ", "Access-Token "]
# ... other headers, as regular names and as names put together of usual words, ...
_HEADERS = named(
    """
    X-API-Key Api-Key apikey X-Auth-Token X-Access-Token X-Api-Token Token X-Token X-Key X-Auth-Key X-Authorization
    Authentication Key api_key access_token api_token auth_token app_key Ocp-Apim-Subscription-Key X-Api-Access-Token
    X-Api-User-Key X-Api-Secret-Key X-Auth-Api-Key
    """
)
_FIRST_WORDS = named(
    """
    api auth access app application client server account user secret private service authentication authorization session
    subscription integration partner company tenant customer developer master admin public project rest-api security
    license shop org organization workspace team site store merchant functions gateway device read web
    """
)
_LAST_WORDS = ["key", "token", "secret", "id"]
# ... of three words, too, ...
_LAST_PAIRS = ["api-key", "api-token", "access-token", "auth-token", "access-key", "key-id"]
# ... and parameters.
_PARAMETERS = named(
    """
    api_key apiKey apikey key token access_token api_token access_key auth_token api-key accessToken apiToken app_key
    appKey appid app_id auth auth_key authToken user_key client_key secret secret_key subscription-key hapikey API_KEY
    ApiKey apitoken key_id accessKey access-token auth-token app-key authkey APIKEY APIKey API-KEY ApiToken AccessKey
    AccessToken Key Token X-API-KEY x-api-key x_api_key apiSecret secretKey userKey user_token userToken session_token
    client_id client_secret license_key private_token code password pass access application_key
    """
)
# Bytes of keys in one request, at most.
_MOST_BYTES = 5000
# In the words of a refusal: a header's name, as X-Account-Id.
_NAMED = re.compile(r"\b[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+)+\b")


ASSUMED = [
    Assumption(
        "API key",
        "header `Authorization: Api-Key …`; administrators make keys",
        "E",
        "Node-RED nodes",
        ("conventions.api_key_header", "conventions.api_key_prefix", "conventions.api_key_parameter"),
    ),
    Assumption(
        "other schemes",
        "bearer token, Basic, OAuth 2.0, a second header: for a gateway or single sign-on in front of the instance",
        "A",
        "",
        ("credentials.auth_type", "additional_headers"),
    ),
]


def tailor(definitions: Component, settings: Settings) -> None:
    """Puts the key into a parameter where the settings name one, and has a refused OAuth token renewed."""
    if settings["conventions"]["api_key_parameter"]:
        authenticators = definitions["authenticator"]["authenticator"]
        replace(authenticators, "authenticators", "api_key", value=reference("api_key_parameter_authenticator"))
    _add_headers(definitions, settings)
    if settings["credentials"]["auth_type"].startswith("oauth2"):
        filters = definitions["error_handler"]["response_filters"]
        filters[filters.index(reference("wrong_credentials"))] = reference("wrong_credentials__oauth")


def _add_headers(definitions: Component, settings: Settings) -> None:
    for place, header in enumerate(settings["additional_headers"]):
        # As JSON, for the same reason as the key.
        value = f"{{{{ config['additional_headers'][{place}]['value'] | tojson }}}}"
        definitions["requester"]["request_headers"][header["name"]] = value


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
    _add_headers(definitions, settings)
    # The stock framework has nothing to bound redirects and bodies with.
    definitions["authenticator"] = definitions["authenticator"]["authenticator"]


def probe(instance: Instance, refused: Answer) -> Answer:
    """Tries other places for the API key, on the same host only: the authenticator sees to that.

    Returns the answer under the first place where the key is known, else `refused`.
    """
    if not _uses_key(instance):
        return refused
    before = {name: instance.conventions[name] for name in ("api_key_header", "api_key_prefix", "api_key_parameter")}
    for place in _places(instance, refused):
        if {**before, **place} == before:
            continue
        instance.change(**place)
        answer = instance.first(_collection(instance))
        if _is_known(answer, refused):
            return answer
    instance.change(**before)
    return refused


def _is_known(answer: Answer, refused: Answer) -> bool:
    # A key that is known may still lack the right to this collection.
    return answer.status not in (400, 401, refused.status)


def _collection(instance: Instance) -> str:
    return next(iter(instance.paths))


def _places(instance: Instance, refused: Answer) -> Iterator[dict[str, Any]]:
    """Where a key may go: after a scheme; in one of many headers, sent together and then by halves; so in a parameter."""
    key = str(instance.settings["credentials"]["api_key"])
    scheme = re.match(r"[A-Za-z][\w-]*", refused.headers.get("WWW-Authenticate", ""))
    told = [f"{scheme[0]} "] if scheme and scheme[0].lower() not in ("basic", "digest", "negotiate") else []
    for prefix in dict.fromkeys([*told, *_SCHEMES]):
        yield {"api_key_header": "Authorization", "api_key_prefix": prefix, "api_key_parameter": None}
    taken = {each["name"].lower() for each in instance.settings["additional_headers"]}
    likely = [*_named_headers(refused), *_HEADERS, *_combined(instance)]
    names = [name for lower, name in {name.lower(): name for name in reversed(likely)}.items() if lower not in taken][::-1]
    found = _bisect(instance, refused, names, lambda some: Keys(headers=dict.fromkeys(some, key)))
    if found:
        yield {"api_key_header": found, "api_key_prefix": "", "api_key_parameter": None}
    found = _bisect(
        instance, refused, [*_PARAMETERS, *_combined_parameters()], lambda some: Keys(parameters=dict.fromkeys(some, key))
    )
    if found:
        yield {"api_key_parameter": found}
    for prefix in _RARE_SCHEMES:
        yield {"api_key_header": "Authorization", "api_key_prefix": prefix, "api_key_parameter": None}


def _bisect(instance: Instance, refused: Answer, names: Sequence[str], keys: Callable[[Sequence[str]], Keys]) -> Optional[str]:
    def works(some: Sequence[str]) -> Optional[bool]:
        answer = instance.ask(_collection(instance), {}, keys(some))
        if answer.status in (400, 413, 414, 422, 431) and answer.status != refused.status:
            return None
        return _is_known(answer, refused)

    # Servers read some kilobytes of headers, and of an address.
    return instance.bisect(names, works, min(AT_ONCE, max(1, _MOST_BYTES // len(instance.settings["credentials"]["api_key"]))))


def _combined(instance: Instance) -> Iterator[str]:
    """Names of headers put together of usual words, of the instance's own name, too: X-Client-Secret, X-Syfter-Key."""
    own = [word for word in urlsplit(instance.settings["host"]).netloc.partition(":")[0].split(".")[:-1] if word.isalpha()]
    for first in [*dict.fromkeys(["syfter", *own]), *_FIRST_WORDS]:
        for last in _LAST_WORDS:
            yield f"X-{first}-{last}".title()
            yield f"{first}-{last}".title()
    for last in _LAST_WORDS:
        for first, second in (("api", "auth"), ("auth", "access"), ("api", "access"), ("auth", "user"), ("auth", "client")):
            yield f"X-{first}-{second}-{last}".title()
    for first in _FIRST_WORDS:
        yield from (f"{start}{first}-{last}".title() for last in _LAST_PAIRS for start in ("X-", ""))
    for word in ("applicationkey", "apikey", "accesskey", "accesstoken", "apitoken", "authtoken", "clientkey", "appkey"):
        yield from (f"{start}{word}".title() for start in ("", "X-", "Api-Auth-"))


def _combined_parameters() -> Iterator[str]:
    for first in _FIRST_WORDS:
        yield from spelled(" ".join(f"{first.replace('-', '_')}_{last}" for last in _LAST_WORDS))


def _named_headers(refused: Answer) -> list[str]:
    """The headers that a refusal names in its words."""
    return list(dict.fromkeys(_NAMED.findall(refused.said)))


def report_refusal(instance: Instance, refused: Answer) -> None:
    """Reports the header that a refusal names and that no request has: a gateway may want one beside the credentials."""
    sent = {instance.conventions["api_key_header"].lower(), "api-key", "authorization"}
    sent |= {each["name"].lower() for each in instance.settings["additional_headers"]}
    for name in _named_headers(refused):
        if name.lower() not in sent:
            text = f"the refusal speaks of {name}: if that is a header, give it and its value under additional_headers"
            instance.note("second header", "unknown", text, "additional_headers")


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
