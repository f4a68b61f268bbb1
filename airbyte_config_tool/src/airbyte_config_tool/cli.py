"""The command line. Exit codes: 0 fine or nothing to do, 2 changes (of `plan`, or of an `apply` that was declined), 1 error."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from airbyte_config_tool import __version__, octavia, scaffold
from airbyte_config_tool.adopt import Importer
from airbyte_config_tool.api import Api
from airbyte_config_tool.apply import Applier
from airbyte_config_tool.checks import run_checks
from airbyte_config_tool.context import Context
from airbyte_config_tool.findings import ToolError, relative
from airbyte_config_tool.masking import Masker
from airbyte_config_tool.output import Output, counts, show_findings, show_plan, show_unmanaged
from airbyte_config_tool.plan import SAME, Change, Planner
from airbyte_config_tool.project import CONNECTION, OVERLAYS
from airbyte_config_tool.variables import Variables

EXIT_OK, EXIT_ERROR, EXIT_CHANGES = 0, 1, 2
F = TypeVar("F", bound=Callable[..., Any])


_octavia_option = click.option(
    "--octavia-file",
    default="~/.octavia",
    show_default=True,
    type=click.Path(path_type=Path),
    help="KEY=VALUE lines with the settings and secrets. A variable of the environment wins.",
)


def _project_options(command: F) -> F:
    for option in (
        click.argument("directory", default=".", type=click.Path(path_type=Path)),
        _octavia_option,
        click.option("--workspace", help="One of the project's workspaces/NAME/, laid over the rest of it."),
        click.option("--fresh", is_flag=True, help="Ask the connector again instead of reusing its answers of the last hour."),
        click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    ):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="airbyte-config-tool")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Keep an Airbyte configuration in git: check it offline, see what differs, apply it."""
    ctx.ensure_object(Masker)


@cli.command()
@_project_options
@click.pass_obj
def check(masker: Masker, /, as_json: bool, **project: Any) -> int:
    """Find faults offline. DIRECTORY is the project, by default this folder."""
    output = Output(masker, as_json)
    context = _context(masker, **project)
    if not _checked(context, output):
        return EXIT_ERROR
    if not as_json:
        output.say(f"Next: {_command('plan', **project)}", style="bold")
    return EXIT_OK


@cli.command()
@_project_options
@click.pass_obj
def plan(masker: Masker, /, as_json: bool, **project: Any) -> int:
    """Show what `apply` would change, and what is there and not in the project. Exit code 0: nothing, 2: changes, 1: error."""
    output = Output(masker, as_json)
    context = _context(masker, **project)
    planner, changes = _planned(context, output)
    unmanaged = planner.unmanaged()
    changed = any(change.action != SAME for change in changes)
    if as_json:
        document = {"changed": changed, "summary": counts(changes), "changes": [c.as_json(context) for c in changes]}
        output.data({**document, "unmanaged": [one.as_json() for one in unmanaged]})
        return EXIT_CHANGES if changed else EXIT_OK
    show_plan(output, changes, context.root)
    show_unmanaged(output, unmanaged, [])
    running = sum(one.runs for one in unmanaged)
    if running:
        advice = f"to take them in: {_command('import', **project)}; to pause one: {_command('apply', **project)} --prune NAME"
        output.say(f"{running} connections run there that are not in this project; {advice}")
    if changed:
        output.say(f"Next: {_command('apply', **project)}", style="bold")
    else:
        output.say(f"What this project says, Airbyte has{', and more' if running else ''}.", style="bold")
    return EXIT_CHANGES if changed else EXIT_OK


@cli.command()
@_project_options
@click.option("--yes", is_flag=True, help="Do not ask before changing anything.")
@click.option(
    "--prune", multiple=True, metavar="NAME", help="Pause this connection, which is not in the project. Can be repeated."
)
@click.option("--sync", is_flag=True, help="Afterwards run one sync of each active connection and wait for its end.")
@click.option("--timeout", default=3600, show_default=True, help="Seconds to wait for each sync.")
@click.option("--poll", default=5.0, show_default=True, help="Seconds between two looks at a running sync.")
@click.pass_obj
def apply(
    masker: Masker, /, as_json: bool, yes: bool, prune: tuple[str, ...], sync: bool, timeout: int, poll: float, **project: Any
) -> int:
    """Create and update what differs. Never deletes. Can be run again after any interruption."""
    output = Output(masker, as_json)
    context = _context(masker, **project)
    planner, changes = _planned(context, output)
    pruned = [planner.running(name) for name in prune]
    show_plan(output, changes, context.root)  # with --json on standard error, so that whoever is asked can read it
    show_unmanaged(output, [], pruned)
    if (pruned or any(change.action != SAME for change in changes)) and not yes and not _confirmed(output):
        return EXIT_CHANGES
    applier = Applier(context, planner.api, planner, output)
    try:
        applier.run(changes)
        for connection in pruned:
            applier.pause(connection)
        if sync:
            for resource in context.project.of(CONNECTION):
                if resource.configuration.get("status", "active") == "active":
                    applier.sync(resource, timeout, poll)
    except (ToolError, KeyboardInterrupt):
        output.say(f"Stopped; what was done is kept. To go on: {_command('apply', **project)}", style="bold")
        raise
    finally:
        output.done()
    if as_json:
        changed = [c.as_json(context) for c in changes]
        output.data({"applied": counts(changes), "changes": changed, "paused": [one.name for one in pruned]})
    elif sync:
        output.say("All synced. Next: look at the data in the destination.", style="bold")
    else:
        more = f"{_command('apply', **project)} --sync   (a first sync; it also proves the credentials)"
        output.say(f"Applied. Next: {more}", style="bold")
    return EXIT_OK


@cli.command("import")
@_project_options
@click.pass_obj
def import_workspace(masker: Masker, /, as_json: bool, **project: Any) -> int:
    """Write what a live workspace has, and the project has not, as files. Secrets become variables; no file is changed."""
    output = Output(masker, as_json)
    overlay = [OVERLAYS, project["workspace"]] if project["workspace"] else []
    Path(project["directory"], *overlay).mkdir(parents=True, exist_ok=True)
    context = _context(masker, may_be_empty=True, **project)
    planner = Planner(context, _api(context))
    output.waiting("reading Airbyte")
    planner.locate()
    importer = Importer(planner)
    importer.run(planner.unmanaged())
    output.done()
    written = [relative(path, context.root) for path in importer.written]
    if as_json:
        output.data({"written": written, "variables": importer.variables})
        return EXIT_OK
    for path in written:
        output.say(f"wrote {path}")
    if importer.variables:
        output.say("Airbyte shows no secrets, and keeps each until its variable is set (~/.octavia or the environment):")
        for name in importer.variables:
            output.say(f"  {name}=")
    output.say(f"{len(written)} files written. Next: {_command('plan', **project)}", style="bold")
    return EXIT_OK


@cli.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--connector", default="source-syfter", show_default=True, help="The connector's command.")
@click.option("--image", help="Deploy the connector as this Docker image (NAME:TAG) instead of uploading its manifest.")
@click.pass_obj
def init(masker: Masker, directory: Path, connector: str, image: str | None) -> int:
    """Write a ready project for a Syfter source with a Postgres destination into DIRECTORY."""
    output = Output(masker)
    for path in scaffold.write(directory, connector, image):
        output.say(f"wrote {path}")
    output.say("")
    for line in scaffold.next_steps(directory, connector):
        output.say(line)
    output.say(f"Next: {_command('check', directory)}", style="bold")
    return EXIT_OK


@cli.command("import-octavia")
@click.argument("directory", default=".", type=click.Path(path_type=Path))
@_octavia_option
@click.option(
    "--workspace-id", help="For state files of before Octavia 0.39.18, which name no workspace. Default: AIRBYTE_WORKSPACE_ID."
)
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--yes", is_flag=True, help="Do not ask before writing.")
@click.pass_obj
def import_octavia(
    masker: Masker, directory: Path, octavia_file: Path, workspace_id: str | None, dry_run: bool, yes: bool
) -> int:
    """Upgrade an Octavia project in place and say what changed. Comments are kept."""
    output = Output(masker)
    variables = Variables.load(octavia_file.expanduser(), os.environ)
    upgrade = octavia.upgrade(directory, workspace_id or variables.get("AIRBYTE_WORKSPACE_ID"))
    for change in upgrade.changes:
        output.say(f"{change.where(directory)}: {change.text}")
    if not upgrade.files and not upgrade.removed:
        output.say("Nothing to upgrade.")
    elif dry_run:
        output.say(f"{len(upgrade.files)} files would change.")
        return EXIT_OK
    else:
        if not yes and not _confirmed(output):
            return EXIT_CHANGES
        upgrade.write()
        output.say(f"{len(upgrade.files)} files changed: look at them with `git diff`.")
    output.say(f"Next: {_command('check', directory)}", style="bold")
    return EXIT_OK


def _context(
    masker: Masker, directory: Path, octavia_file: Path, fresh: bool, workspace: str | None, may_be_empty: bool = False
) -> Context:
    return Context(directory, octavia_file.expanduser(), os.environ, masker, fresh, workspace, may_be_empty)


def _checked(context: Context, output: Output) -> bool:
    """Runs the checks and shows their findings. True when there is no error."""
    findings = run_checks(context)
    errors = sum(finding.severity == "error" for finding in findings)
    if output.as_json and errors == 0 and click.get_current_context().info_name != "check":
        return True
    if output.as_json:
        output.data({"errors": errors, "findings": [finding.as_json(context.root) for finding in findings]})
    else:
        show_findings(output, findings, context.root)
        files = len(context.project.resources)
        output.say(
            f"{files} files checked: {errors} errors, {len(findings) - errors} warnings.", style="red" if errors else "green"
        )
    return errors == 0


def _planned(context: Context, output: Output) -> tuple[Planner, list[Change]]:
    output.waiting("checking the project")
    if not _checked(context, output):
        raise ToolError("the project has errors; nothing was sent to Airbyte")
    planner = Planner(context, _api(context))
    output.waiting("reading Airbyte")
    changes = planner.plan()
    output.done()
    return planner, changes


def _api(context: Context) -> Api:
    headers: dict[str, str] = {}
    if context.project.headers is not None:
        for name, value in (context.project.headers.data.get("headers") or {}).items():
            headers[name] = context.variables.expand(str(value)).text
            context.masker.add(headers[name], certain=False)
    return Api.from_variables(context.variables, headers, context.masker)


def _confirmed(output: Output) -> bool:
    if not sys.stdin.isatty():
        raise ToolError("there is nobody to ask: run again with --yes to go ahead")
    return click.confirm("Go ahead?", default=False, err=output.as_json)


def _command(name: str, directory: Path, workspace: str | None = None, **_: object) -> str:
    there = [] if str(directory) == "." else [str(directory)]
    return shlex.join(["airbyte-config-tool", name, *there, *(["--workspace", workspace] if workspace else [])])


def main(arguments: list[str] | None = None) -> None:
    """The console script. Nothing is printed that was not scrubbed, a traceback included."""
    masker = Masker()
    output = Output(masker)
    try:
        code = cli.main(arguments, prog_name="airbyte-config-tool", standalone_mode=False, obj=masker)
    except ToolError as error:
        output.error(str(error))
        code = EXIT_ERROR
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.error("interrupted; run the same command again to go on")
        code = EXIT_ERROR
    except click.ClickException as error:
        output.error(f"{error.format_message()} (see airbyte-config-tool --help)")
        code = EXIT_ERROR
    except Exception:  # the last resort, so that no raw traceback shows a value
        frames = traceback.format_exc().splitlines()
        output.error("a fault of this tool; please report it:\n" + masker.scrub("\n".join(frames)))
        code = EXIT_ERROR
    sys.exit(code if isinstance(code, int) else EXIT_OK)
