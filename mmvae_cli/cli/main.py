"""The ``mmvae`` command: its subcommands, in the order in which they are used."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from mmvae_cli.cli.benchmark import benchmark
from mmvae_cli.cli.check import check
from mmvae_cli.cli.console import INTERRUPTED, exit_code_of, listen_for_termination, occupy_closed_streams
from mmvae_cli.cli.embed import embed
from mmvae_cli.cli.evaluate import evaluate
from mmvae_cli.cli.predict import predict
from mmvae_cli.cli.report import report
from mmvae_cli.cli.select import select
from mmvae_cli.cli.simulate import simulate
from mmvae_cli.cli.top_features import top_features
from mmvae_cli.cli.train import train
from mmvae_cli.versions import versions

app = typer.Typer(
    name="mmvae",
    help="Shared and private latent factors of multi-omics data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "max_content_width": 110,
        "token_normalize_func": lambda token: token.replace("_", "-"),  # names of flags come without their dashes
    },
)

COMMANDS = (check, select, train, embed, predict, evaluate, report, top_features, benchmark, simulate)
for command in COMMANDS:
    app.command()(command)


def _version(asked: bool) -> None:
    if asked:
        typer.echo("\n".join(f"{name} {version}" for name, version in versions().items()))
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the versions and exit.")
    ] = False,
) -> None:
    """Shared and private latent factors of multi-omics data."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error ends here, with its exit code."""
    occupy_closed_streams()
    listen_for_termination()
    arguments = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")  # what libraries tell developers; our own warnings come through the log
        try:
            code = typer.main.get_command(app).main(arguments, prog_name="mmvae", standalone_mode=False)
            if sys.stdout is not None:
                sys.stdout.flush()
            if code == INTERRUPTED:  # typer makes this code of a KeyboardInterrupt, and says nothing
                code = exit_code_of(KeyboardInterrupt())
        except BaseException as error:  # noqa: BLE001 - the one place where all errors become exit codes
            code = exit_code_of(error)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
