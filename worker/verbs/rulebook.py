"""The rules verb: check a rulebook, list what a rule may ask for, print its schema for an editor."""

from __future__ import annotations

from pathlib import Path

import click

from worker.verbs import options


@click.group(epilog=options.examples("rekindle rules check", "rekindle rules facts"))
def rules() -> None:
    """Look after the rulebook: the shipped one, with yours laid over it rule by rule."""


@rules.command(epilog=options.examples("rekindle rules check", "rekindle rules check --json"))
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@options.config
@options.as_json
@click.pass_context
def check(ctx: click.Context, *, file: Path | None, config: Path | None, as_json: bool) -> None:
    """Check FILE, or the rulebook the settings name, over the shipped one: every problem at once, with its key.

    Templates of your own count, where the settings name their folder.
    """
    from rules.rulebook import RulebookError
    from worker import report, rulebooks
    from worker.exit_codes import OWNER
    from worker.json_views import FindingView, to_json

    try:
        book = rulebooks.beside(file, config) if file else rulebooks.configured(config)
        views = [
            FindingView(subject=rule.name, is_ok=True, what=rule.description or rule.trigger, remedy=None) for rule in book.rules
        ]
    except RulebookError as error:
        views = [
            FindingView(subject=f"{each.file}: {each.key}".rstrip(": "), is_ok=False, what=each.message, remedy="Put that right.")
            for each in error.problems
        ]
    if as_json:
        click.echo(to_json(views))
    else:
        report.findings(views)
    ctx.exit(0 if all(view.is_ok for view in views) else OWNER)


@rules.command(epilog=options.examples("rekindle rules facts", "rekindle rules facts --json"))
@options.as_json
def facts(*, as_json: bool) -> None:
    """List every fact a condition of a rule may use."""
    from rules.rulebook import facts as known
    from worker.json_views import RuleFactView, to_json

    views = [RuleFactView(name=each.name, type=each.type, help=each.help) for each in known()]
    if as_json:
        click.echo(to_json(views))
        return
    width = max(len(view.name) for view in views)
    for view in views:
        click.echo(f"{view.name:{width}}  {view.type:8}  {view.help}")


@rules.command(epilog=options.examples("rekindle rules schema"))
def schema() -> None:
    """Print the JSON Schema of a rulebook, for an editor."""
    import json

    from rules.rulebook import schema as of_rulebook

    click.echo(json.dumps(of_rulebook(), indent=2, ensure_ascii=False))
