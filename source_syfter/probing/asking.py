"""Sends the probe's requests: signed and guarded as the connector's, counted, and bounded in number and time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Optional
from urllib.parse import quote

import requests
from airbyte_cdk.sources.declarative.models.declarative_component_schema import CustomAuthenticator
from airbyte_cdk.sources.declarative.parsers.manifest_component_transformer import ManifestComponentTransformer
from airbyte_cdk.sources.declarative.parsers.manifest_reference_resolver import ManifestReferenceResolver
from airbyte_cdk.sources.declarative.parsers.model_to_component_factory import ModelToComponentFactory
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_syfter.components import told_wait
from source_syfter.conventions import tailored
from source_syfter.diagnosis import explain, own_words
from source_syfter.spec import manifest

# No probe sends more requests than this; most need fewer than thirty.
BOUND = 80
# Seconds that a probe waits where the instance asks it to, and that it takes in all.
_LONGEST_WAIT = 30.0
_LONGEST_PROBE = 300.0


class StopError(Exception):
    """The probe cannot go on; the text says why and what to do."""


class RedirectedError(StopError):
    """An address leads to another host, where nothing is sent."""


@dataclass
class Answer:
    """What came back for one request. `body`: the JSON document, or None with `is_json` false. `said`: the instance's words."""

    status: int
    is_json: bool
    body: Any
    said: str

    @property
    def ok(self) -> bool:
        return self.status == 200 and self.is_json

    @property
    def missing(self) -> bool:
        """Nothing of the API is here: not found, or a page for people."""
        return self.status in (404, 405, 410) or (self.status == 200 and not self.is_json)


class Client:
    """Asks one instance. `count` is how many requests were sent, `limits` the rate-limit headers that came back."""

    def __init__(self, config: Mapping[str, Any], on_request: Callable[[int, str], None]) -> None:
        """`config`: as `config.checked` returns it. `on_request` is told the number and the path of each request."""
        # The probe gives up early, as a check does.
        self._config = {**config, "impatient": True}
        self._on_request = on_request
        self._session = requests.Session()
        self._end = time.monotonic() + _LONGEST_PROBE
        self.count = 0
        self.limits: set[str] = set()
        self.sign({})

    def sign(self, conventions: Mapping[str, Any]) -> None:
        """From now on requests are signed as the connector does under `conventions`."""
        own = {**self._config.get("conventions", {}), **conventions}
        definitions = tailored(manifest(), {**self._config, "conventions": own})["definitions"]
        requester = definitions["requester"]
        self._timeouts = (requester["connect_timeout_in_seconds"], requester["read_timeout_in_seconds"])
        resolved = ManifestReferenceResolver().preprocess_manifest({"definitions": definitions})
        part = ManifestComponentTransformer().propagate_types_and_parameters(
            "", resolved["definitions"]["authenticator"], {"name": "probe"}
        )
        self._session.auth = ModelToComponentFactory().create_component(CustomAuthenticator, part, self._config)

    def get(self, path: str, parameters: Mapping[str, Any]) -> Answer:
        """The answer to GET `path`, below the host. Tries again once what may pass. Raises StopError if nothing comes back."""
        for last in (False, True):
            response = self._send(path, parameters, last)
            if response is None:
                continue
            self.limits |= {name.lower() for name in response.headers if "ratelimit" in name.lower().replace("-", "")}
            if last or not self._waits(response):
                return _answer(response)
        raise AssertionError("the last try returns or raises")  # pragma: no cover

    def _send(self, path: str, parameters: Mapping[str, Any], last: bool) -> Optional[requests.Response]:
        if self.count >= BOUND:
            raise StopError(f"The probe stopped after {BOUND} requests, its bound. What it found until then is listed.")
        if time.monotonic() > self._end:
            raise StopError(f"The instance is slow: the probe stopped after {_LONGEST_PROBE:.0f} seconds. Try again later.")
        self.count += 1
        self._on_request(self.count, path)
        url = f"{self._config['host']}/{quote(path, safe='/%~')}"
        try:
            return self._session.get(url, params=dict(parameters), headers={"Accept": "application/json"}, timeout=self._timeouts)
        except AirbyteTracedException as error:
            message = error.message or ""
            raise (RedirectedError if "[redirected]" in message else StopError)(message) from None
        except requests.RequestException as error:
            if last or isinstance(error, requests.Timeout):
                raise StopError(explain("probe", error).error_message) from None
            return None

    @staticmethod
    def _waits(response: requests.Response) -> bool:
        """Whether the request is worth another try; if so, has waited for it."""
        if response.status_code != 429 and response.status_code < 500:
            return False
        seconds = told_wait(response)
        if seconds is None or seconds > _LONGEST_WAIT:
            seconds = 1.0
        time.sleep(seconds)
        return True


def _answer(response: requests.Response) -> Answer:
    try:
        body, is_json = json.loads(response.content), True
    except (ValueError, RecursionError):
        body, is_json = None, False
    return Answer(response.status_code, is_json, body, "" if response.ok else own_words(response) or "")
