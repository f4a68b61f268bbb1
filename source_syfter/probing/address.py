"""Where the API lies on the instance, and how it wants to be signed to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Optional

from source_syfter.probing import bodies, guesses
from source_syfter.probing.asking import Answer, RedirectedError, StopError
from source_syfter.probing.known import Known

# The collections that public sources name.
_PUBLIC = ["companies", "articles", "custom_property_values"]


def find_address(known: Known) -> None:
    """Finds the path prefix and the header of the key. Raises StopError if nothing of the API answers."""
    try:
        answer = known.first(_PUBLIC[0])
    except RedirectedError as redirected:
        # A gateway may send what it does not know to a page for people, elsewhere.
        answer = _try_prefixes(known, redirected)
    if answer.status == 401:
        answer = _try_keys(known, answer)
    if answer.missing and all(known.first(name).missing for name in _PUBLIC):
        answer = _try_prefixes(known)
    if answer.status == 403 and all(known.first(name).status == 403 for name in _PUBLIC):
        # Some gateways say so where there is no key that they know.
        answer = _try_keys(known, answer)
    _refuse_failures(answer)
    way = "over TLS" if known.config["host"].startswith("https:") else "without encryption"
    known.add("connection", "matches", f"the instance answers, {way}, and takes the credentials")
    if _uses_key(known):
        known.settle("API key header", "api_key_header", f"{known.now['api_key_header']}")
        shown = f'"{known.now["api_key_prefix"]}" before the key' if known.now["api_key_prefix"] else "the key alone"
        known.settle("API key prefix", "api_key_prefix", shown)
    known.settle("path prefix", "path_prefix", f"/{known.now['path_prefix']}")


def _uses_key(known: Known) -> bool:
    return bool(known.config["credentials"]["auth_type"] == "api_key")


def _try_keys(known: Known, refused: Answer) -> Answer:
    """Other headers for the API key, on the same host only: the client's guard sees to that."""
    if not _uses_key(known):
        return refused
    before = (known.now["api_key_header"], known.now["api_key_prefix"])
    for header, prefix in guesses.KEY_HEADERS:
        if (header, prefix) == before:
            continue
        _sign(known, header, prefix)
        answer = known.first(_PUBLIC[0])
        # A key that is known may still lack the right to this collection.
        if answer.status not in (401, refused.status):
            return answer
    _sign(known, *before)
    return refused


def _sign(known: Known, header: str, prefix: str) -> None:
    known.now |= {"api_key_header": header, "api_key_prefix": prefix}
    known.client.sign({"api_key_header": header, "api_key_prefix": prefix})
    known.forget()


def _try_prefixes(known: Known, redirected: Optional[RedirectedError] = None) -> Answer:
    """The answer under the first prefix that leads to the API. `redirected`: where the assumed one led to another host."""
    tried = [known.now["path_prefix"].strip("/")]
    for prefix in _prefixes(known):
        if prefix in tried:
            continue
        tried.append(prefix)
        known.now["path_prefix"] = prefix
        known.forget()
        try:
            answer = known.first(_PUBLIC[0])
        except RedirectedError:
            continue
        if answer.status == 401:
            answer = _try_keys(known, answer)
        if not answer.missing:
            return answer
    raise redirected or StopError(
        f"Nothing of the API was found at {known.config['host']}, under none of the usual path prefixes. Check the host; "
        "behind a gateway, ask for the path that leads to the API and set it as conventions.path_prefix."
    )


def _prefixes(known: Known) -> Iterator[str]:
    yield from guesses.PREFIXES
    for path in guesses.DESCRIPTIONS:
        with contextlib.suppress(RedirectedError):
            yield from bodies.described(known.client.get(path, {}).body, list(known.paths.values()))


def _refuse_failures(answer: Answer) -> None:
    """Raises StopError if `answer` says that nothing can be found out."""
    if answer.status == 401:
        text = (
            'The instance refuses the credentials (401). Check "Authentication": the key or token may be mistyped, expired or '
            "revoked; an administrator of the instance can issue a new one."
        )
        raise StopError(f"{text} {answer.said}".strip())
    if answer.status >= 500 or answer.status == 429:
        raise StopError(f"The instance fails with status {answer.status}. Try again later. {answer.said}".strip())
