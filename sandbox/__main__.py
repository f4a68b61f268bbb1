"""`python -m sandbox`: run a local Syfter instance by hand."""

from __future__ import annotations

import ipaddress
import signal
from importlib import metadata
from typing import Annotated

import typer

from sandbox import auth
from sandbox.fault_registry import FAULTS, Fault
from sandbox.server import DEFAULT_COMPANIES, DEFAULT_SEED, WebServer, listen, make_state
from sandbox.variants import VARIANTS

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(epilog=f"Conventions: {', '.join(VARIANTS)}.")
def main(
    host: Annotated[str, typer.Option(help="Loopback address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.", min=0, max=65535)] = 8899,
    companies: Annotated[int, typer.Option(help="Size of the data: everything grows with it.", min=0)] = DEFAULT_COMPANIES,
    seed: Annotated[int, typer.Option(help="Another seed, other data.")] = DEFAULT_SEED,
    tidy: Annotated[bool, typer.Option("--tidy", help="Data for people: without what only tests need.")] = False,
    page_cap: Annotated[int | None, typer.Option(help="Largest page; more is cut in silence.", min=1)] = None,
    latency: Annotated[float, typer.Option(help="Seconds that every response waits.", min=0)] = 0.0,
    conventions: Annotated[
        str, typer.Option(help="Behave otherwise, by a name from below; --list-conventions says how.")
    ] = "default",
    fault: Annotated[
        list[str] | None,
        typer.Option(help="NAME, NAME:collection or NAME:collection:from-to; may be repeated; see --list-faults."),
    ] = None,
    list_faults: Annotated[bool, typer.Option("--list-faults", help="List the faults and end.")] = False,
    list_conventions: Annotated[bool, typer.Option("--list-conventions", help="List the conventions and end.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Say the version and end.")] = False,
) -> None:
    """A local Syfter instance with made-up data, for trying and testing the connector."""
    if version:
        typer.echo(f"sandbox {metadata.version('airbyte-source-syfter')}")
        return
    if list_conventions or list_faults:
        table = {name: variant.summary for name, variant in VARIANTS.items()} if list_conventions else {}
        table |= {name: kind.summary for name, kind in FAULTS.items()} if list_faults else {}
        width = max(map(len, table))
        for name, summary in table.items():
            typer.echo(f"{name:{width}}  {summary}")
        return
    if conventions not in VARIANTS:
        raise typer.BadParameter(f"{conventions} is not one of: {', '.join(VARIANTS)}", param_hint="--conventions")
    if not _is_loopback(host):
        raise typer.BadParameter(f"{host} is not a loopback address; the sandbox is for this machine only", param_hint="--host")
    try:
        faults = [Fault.parse(text) for text in fault or []]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--fault") from None
    try:
        listener = listen("127.0.0.1" if host == "localhost" else host, port)
    except OSError as error:
        typer.echo(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port (0 takes a free one).", err=True)
        raise typer.Exit(1) from None
    state = make_state(companies, seed, conventions, page_cap, latency, keep_requests=1, tidy=tidy)
    state.faults.faults.extend(faults)
    url = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
    typer.echo(_welcome(url, conventions))
    server = WebServer(state)
    for ending in (signal.SIGINT, signal.SIGTERM):  # uvicorn ends on both, then hands them on: that shall be no error
        signal.signal(ending, lambda *_: None)
    try:
        server.run(sockets=[listener])
    finally:
        listener.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _welcome(url: str, conventions: str) -> str:
    variant = VARIANTS[conventions]
    sample = url + variant.path("companies")
    key = f"-H '{variant.api_key_header}: {variant.api_key_prefix}{auth.API_KEY}' '{sample}'"
    if variant.api_key_parameter:
        key = f"'{sample}?{variant.api_key_parameter}={auth.API_KEY}'"
    return f"""Syfter sandbox at {url} (conventions: {conventions}; made-up data, demo credentials)

  API key   curl {key}
  bearer    curl -H 'Authorization: Bearer {auth.ACCESS_TOKEN}' '{sample}'
  basic     curl -u {auth.USERNAME}:{auth.PASSWORD} '{sample}'
  OAuth 2   token URL {url}{auth.TOKEN_PATH}, client id {auth.CLIENT_ID}, client secret {auth.CLIENT_SECRET}

  contract  {url}/openapi.json
  changes   curl -X POST {url}/sandbox/day   # a day's worth; /sandbox/reset takes them back; GET /sandbox/status

Ctrl-C ends it."""


if __name__ == "__main__":
    app(prog_name="python -m sandbox")
