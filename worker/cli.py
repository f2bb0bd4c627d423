"""The command line: every verb by name, loaded only when it is called, and what an exit code means."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from io import TextIOWrapper

import click

from worker.exit_codes import INTERRUPTED, OK, USAGE

VERBS: dict[str, dict[str, tuple[str, str]]] = {
    "Try it, without an account": {
        "demo": ("trying:demo", "Run the whole service on an invented mailbox."),
        "try": ("trying:try_", "Read your own mail and calendar files; write nothing."),
    },
    "Set it up": {
        "init": ("setting_up:init", "Set Rekindle up in a short dialogue."),
        "connect": ("setting_up:connect", "Add an account to read and to put work into."),
        "doctor": ("setting_up:doctor", "Name each missing thing and its remedy."),
        "upgrade": ("setting_up:upgrade", "Bring the database to this version."),
        "rules": ("rulebook:rules", "Check the rulebook, list what a rule can ask for."),
    },
    "Run it": {
        "run": ("running:run", "Run the service until it is told to stop."),
        "pull": ("running:pull", "Read what is new in mail and calendars, once."),
        "decide": ("running:decide", "Plan what is due, once."),
        "deliver": ("running:deliver", "Put planned drafts and holds in place, once."),
    },
    "Look": {
        "preview": ("looking:preview", "Show what would be made now; make nothing."),
        "suggestions": ("looking:suggestions", "List what is planned, delivered and closed."),
        "people": ("network:people", "List who is in your network, and in what rhythm."),
        "why": ("looking:why", "Say why there is something for a person."),
        "why-not": ("looking:why_not", "Say why there is nothing for a person."),
        "month": ("choosing:month", "Show the people of this month, and what came of the last."),
        "attention": ("weighing:attention", "Say how your attention is spread."),
        "backtest": ("weighing:backtest", "Replay history with today's rules."),
        "status": ("looking:status", "Show what has been read and what is in the way."),
    },
    "Steer": {
        "approve": ("steering:approve", "Let a suggestion that waits for you be delivered."),
        "dismiss": ("steering:dismiss", "Not this one."),
        "snooze": ("steering:snooze", "Leave a person alone until a day."),
        "log": ("steering:log", 'Note that you were in touch: log WHO "coffee".'),
        "promise": ("choosing:promise", 'Note a promise: promise WHO "send the paper" --by friday.'),
        "want": ("choosing:want", "Draft a first mail to someone you do not know yet."),
        "mute": ("leaving:mute", "Leave a person alone for good, everywhere."),
        "never": ("leaving:never", "List or extend what is left alone everywhere."),
        "pause": ("steering:pause", "Make nothing until you say so."),
    },
    "Take it back": {
        "rollback": ("undoing:rollback", "Remove what was made since a day and is untouched."),
        "forget": ("undoing:forget", "Erase a person, for good."),
        "disconnect": ("undoing:disconnect", "Let go of an account."),
        "export": ("undoing:export", "Write everything that is stored as JSON."),
        "backup": ("undoing:backup", "Copy the database while it is in use."),
    },
}


class Verbs(click.Group):
    """A group whose commands are imported when they are called; help reads only the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """List every verb in the order of the table."""
        return [name for verbs in VERBS.values() for name in verbs]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import the verb."""
        for verbs in VERBS.values():
            if cmd_name in verbs:
                return load(verbs[cmd_name][0])
        return None

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what stands before the verb; of an option that belongs behind it say so."""
        said = list(args)
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            verb = next((each for each in said if each in self.list_commands(ctx)), "")
            command = self.get_command(ctx, verb)
            if command is not None and any(error.option_name in param.opts for param in command.params):
                raise click.UsageError(
                    f"{error.option_name} stands behind the verb: rekindle {verb} {error.option_name} …", ctx
                ) from error
            raise

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; of an unknown one say which is nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from difflib import get_close_matches

            near = get_close_matches(args[0], self.list_commands(ctx), n=1)
            raise click.UsageError(f"There is no verb {args[0]!r}.{f' Did you mean {near[0]!r}?' if near else ''}", ctx) from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the verbs under what they are for, without importing any."""
        for heading, verbs in VERBS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, line) for name, (_, line) in verbs.items()])


def load(place: str) -> click.Command:
    """Import `module:attribute` of worker.verbs."""
    module, _, attribute = place.partition(":")
    command = getattr(import_module(f"worker.verbs.{module}"), attribute)
    if not isinstance(command, click.Command):
        raise TypeError(f"worker.verbs.{place} is not a command")
    return command


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Every verb has examples: rekindle VERB --help.  "
    "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 you must act first, 70 a bug, 130 interrupted.",
)
@click.version_option(package_name="rekindle", prog_name="rekindle")
@click.option("--debug", is_flag=True, help="Show where in the code an error came from.")
def rekindle(*, debug: bool) -> None:
    """Look after a network: a hold for who has gone quiet, a thank-you draft after a meeting. Never sends mail."""


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; errors become advice on stderr."""
    try:
        result = rekindle.main(list(arguments), prog_name="rekindle", standalone_mode=False)
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.UsageError as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.Abort) as stopped:
        is_asked = isinstance(stopped, click.Abort) and not isinstance(stopped.__cause__, KeyboardInterrupt)
        if is_asked and not sys.stdin.isatty():
            click.echo("\nThere is nobody here to answer. Say it beforehand: `rekindle VERB --help` lists the options.", err=True)
        click.echo("\nStopped. Nothing is half done: what was begun is taken up again.", err=True)
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):  # click turns the one into the other
        return _leave_quietly()
    except Exception as error:  # noqa: BLE001 - the one place where errors become advice
        return _explain(error, arguments)
    return result if isinstance(result, int) else OK


def main() -> None:
    """Run as `rekindle`. What a terminal of another age cannot show becomes a question mark."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    sys.exit(run(sys.argv[1:]))


def _explain(error: Exception, arguments: Sequence[str]) -> int:
    from worker.advice import Refusal, advise

    if "--debug" in arguments:
        import traceback

        click.echo("".join(traceback.format_exception(error)), err=True)
    if isinstance(error, UnicodeEncodeError) and (odd := [each for each in arguments if _is_no_utf_8(each)]):
        error = Refusal(f"{odd[0]!r} is no UTF-8.", "Write it so; of a file, name the folder it lies in.", code=USAGE)
    advice = advise(error)
    click.echo(advice.text(), err=True)
    return advice.code


def _is_no_utf_8(text: str) -> bool:
    return any("\ud800" <= each <= "\udfff" for each in text)


def _leave_quietly() -> int:
    """Whoever read our output has gone (`| head`): that is no failure, and nothing more can be said."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return OK


if __name__ == "__main__":
    main()
