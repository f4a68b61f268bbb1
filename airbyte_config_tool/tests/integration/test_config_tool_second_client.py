"""An independent client reads what the tool made, and makes what the tool then finds: the stand-in is no echo of the tool.

`airbyte-api` 0.53.0 is the last release that sends the configuration of a custom source as it is given.
"""

from __future__ import annotations

import uuid
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
from config_tool_support import connector
from config_tool_support.harness import API_KEY, PASSWORD, Run
from config_tool_support.standin import BASE, CLIENT_ID, CLIENT_SECRET, MASK, POSTGRES, WORKSPACE, Standin

try:
    if version("airbyte-api") != "0.53.0":
        pytest.skip("needs airbyte-api 0.53.0: 1.x rewrites the configuration of custom sources", allow_module_level=True)
except PackageNotFoundError:
    pytest.skip("airbyte-api 0.53.0 is not installed", allow_module_level=True)

import airbyte_api
from airbyte_api import api as calls
from airbyte_api import models


@pytest.fixture
def client(standin: Standin) -> Any:
    base = f"{standin.url}{BASE}"
    credentials = models.SchemeClientCredentials(
        # The SDK keeps tokens by client id for the life of the process, and each stand-in issues its own.
        client_id=f"{CLIENT_ID}-{uuid.uuid4()}",
        client_secret=CLIENT_SECRET,
        token_url=f"{base}/applications/token",
    )
    return airbyte_api.AirbyteAPI(security=models.Security(client_credentials=credentials), server_url=base)


def test_the_second_client_reads_what_the_tool_made(
    run: Run, offline_project: Path, secrets: Path, standin: Standin, client: Any
) -> None:
    assert run("apply", offline_project, "--yes").code == 0
    sources = client.sources.list_sources(calls.ListSourcesRequest(workspace_ids=[WORKSPACE])).raw_response.json()["data"]
    assert [(s["name"], s["sourceType"], s["configuration"]["credentials"]["api_key"]) for s in sources] == [("Syfter", "", MASK)]
    ident = next(iter(standin.connections))
    answer = client.connections.get_connection(calls.GetConnectionRequest(connection_id=ident))
    read = answer.connection_response
    assert (read.name, read.status.value, read.schedule.cron_expression) == ("Syfter to Warehouse", "active", "0 0 6 * * ? UTC")
    assert [s.name for s in read.configurations.streams] == list(connector.NAMES)


def test_the_tool_finds_what_the_second_client_made(
    run: Run, offline_project: Path, secrets: Path, standin: Standin, client: Any
) -> None:
    definition = client.declarative_source_definitions.create_declarative_source_definition(
        calls.CreateDeclarativeSourceDefinitionRequest(
            workspace_id=WORKSPACE,
            create_declarative_source_definition_request=models.CreateDeclarativeSourceDefinitionRequest(
                name="Syfter", manifest=connector.manifest()
            ),
        )
    ).raw_response.json()
    configuration = {"host": "https://app.syfter.ai", "credentials": {"auth_type": "api_key", "api_key": API_KEY}}
    source = client.sources.create_source(
        models.SourceCreateRequest(
            name="Syfter", workspace_id=WORKSPACE, definition_id=definition["id"], configuration=configuration
        )
    ).raw_response.json()
    assert standin.sources[source["sourceId"]]["configuration"] == configuration
    settings = {"host": "postgres.example.com", "port": 5432, "database": "warehouse", "schema": "syfter", "username": "airbyte"}
    client.destinations.create_destination(
        models.DestinationCreateRequest(
            name="Warehouse",
            workspace_id=WORKSPACE,
            definition_id=POSTGRES,
            configuration={**settings, "password": PASSWORD},
        )
    )
    plan = run("plan", offline_project, "--json").json()
    assert plan["summary"] == {"create": 1, "update": 3, "unchanged": 0}, "the manifest gets its camelCase copies"
    assert run("apply", offline_project, "--yes").code == 0
    assert run("plan", offline_project).code == 0
    assert (len(standin.declarative), len(standin.sources), len(standin.destinations)) == (1, 1, 1)
