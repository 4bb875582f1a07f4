"""The application: it collects the commands of the other files. Their work imports the engines."""

from __future__ import annotations

from typing import Annotated

import typer

from studyhall.search.cli.champion_commands import champions
from studyhall.search.cli.check_commands import checks, data, service
from studyhall.search.cli.record_commands import records
from studyhall.search.cli.report_commands import reports
from studyhall.search.cli.reproduce_command import reproductions
from studyhall.search.cli.study_commands import studies

app = typer.Typer(
    name="studyhall",
    help="Search hyperparameters of small NumPy networks, and record every trial in MLflow.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for group in (studies, champions, reports, checks, reproductions, records):
    app.add_typer(group)
app.add_typer(data, name="data")
app.add_typer(service, name="service")


@app.callback()
def _main(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Accept the options before a command; `studyhall.search.cli.entry` acts on --debug."""
