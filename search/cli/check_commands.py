"""The commands that check networks, data sets and services, and what they print."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from studyhall.search.cli import arguments as args
from studyhall.search.cli.output import print_json, print_table
from studyhall.search.common.errors import StudyhallError

if TYPE_CHECKING:
    from studyhall.search.common.service_part import Part
    from studyhall.search.data.verification import Verification
    from studyhall.search.training.checking import Check

NameArgument = Annotated[
    str,
    typer.Argument(
        help="Name of a data set (cifar10, mnist, two_moons, two_blobs) or of a shipped study, or "
        "path of a study file."
    ),
]
_PROBLEMS = 50  # How many are printed.
_DUPLICATES = 10  # Likewise.

checks = typer.Typer()
data = typer.Typer(help="Fetch and verify data sets.", no_args_is_help=True)
service = typer.Typer(help="Check the database, MLflow, its artifact store and the cluster.")


@checks.command()
def check(
    study: args.Study,
    set_: args.Set = None,
    data_dir: args.DataDir = None,
    json: args.Json = False,
) -> None:
    """Check the gradients of a study's networks numerically."""
    from studyhall.search.config.study_file import load_study
    from studyhall.search.data.datasets import fetch
    from studyhall.search.runner.views import observer
    from studyhall.search.training.checking import check_gradients
    from studyhall.search.training.preflight import require_data

    spec = load_study(study, set_ or [])
    with observer(quiet=json) as progress:
        spec = require_data(spec, data_dir, progress.fetching)
        folder = fetch(spec.data_settings, data_dir=data_dir, progress=progress.fetching)
    found = check_gradients(spec, folder)
    _show_check(found, as_json=json)
    if not found.passed:
        raise StudyhallError(
            f"{spec.study.name}: gradients differ, or could not be compared; see the table"
        )


def _show_check(check: Check, as_json: bool) -> None:
    """Print every comparison of gradients, and what could not be compared."""
    if as_json:
        compared = [checked.to_dict() for checked in check.compared]
        print_json({"passed": check.passed, "compared": compared, "dropout": check.dropouts})
        return
    rows = []
    for checked in check.compared:
        found = checked.comparison
        counts = str(found.analytic.size), str(found.kinks)
        numbers = *counts, f"{found.norm_ratio:.1e}", f"{found.mean_difference:.1e}"
        rows.append((checked.part, checked.when, found.name, *numbers, found.verdict))
    columns = ("part", "when", "array", "entries", "kinks", "ratio", "mean diff.", "verdict")
    print_table(columns, rows)
    for rate in check.dropouts:
        print(f"not checked: networks with dropout {rate}, whose loss differs at every pass")


@data.command()
def fetch(name: NameArgument, data_dir: args.DataDir = None) -> None:
    """Download, verify and decode a data set, or a study's, into the cache."""
    from studyhall.search.data.data_targets import fetch_data
    from studyhall.search.runner.views import observer

    with observer() as progress:
        folder = fetch_data(name, data_dir, progress.fetching)
    print(f"{name}: verified and ready in {folder}")


@data.command()
def verify(name: NameArgument, data_dir: args.DataDir = None, json: args.Json = False) -> None:
    """Verify every byte of a cached data set, and count duplicates."""
    from studyhall.search.data.data_targets import verify_data

    found = verify_data(name, data_dir)
    _show_verification(found, as_json=json)
    if not found.intact:
        more = len(found.problems) - _PROBLEMS
        rest = [f"{found.name}: and {more:,} more problems; --json lists all"] if more > 0 else []
        raise StudyhallError("\n".join([*found.problems[:_PROBLEMS], *rest]))


def _show_verification(found: Verification, as_json: bool) -> None:
    """Print whether a cached data set is intact, and its duplicates; the caller raises problems."""
    if as_json:
        print_json(found.to_dict())
        return
    if found.intact:
        print(f"{found.name}: OK: every byte in {found.folder} is intact")
    for parts, count in (found.counts or {}).items():
        print(f"{found.name}: {count:,} exact duplicates between {parts}")
    for duplicate in found.duplicates[:_DUPLICATES]:
        print(f"  {duplicate}")
    if len(found.duplicates) > _DUPLICATES:
        print(f"  and {len(found.duplicates) - _DUPLICATES:,} more; --json lists all")


@service.callback()
def _service() -> None:
    """Keep `check` a subcommand: Typer would merge a single command into its group."""


@service.command("check")
def check_service(
    tracking_uri: args.Tracking = None,
    storage: args.Storage = None,
    cluster: args.Cluster = None,
    json: args.Json = False,
) -> int:
    """Check every service that a launch would use, and report all problems."""
    from studyhall.search.common.options import Options
    from studyhall.search.runner import service_check

    options = Options(tracking_uri=tracking_uri, storage=storage, cluster=cluster)
    parts = service_check.check_service(options)
    _show_service(parts, as_json=json)
    return 0 if all(part.healthy for part in parts) else 1


def _show_service(parts: Sequence[Part], as_json: bool) -> None:
    """Print the state, facts and problems of each part of the service."""
    if as_json:
        healthy = all(part.healthy for part in parts)
        print_json({"healthy": healthy, "parts": [part.to_dict() for part in parts]})
        return
    for part in parts:
        facts = [_fact(name, fact) for name, fact in part.facts.items()]
        took = [] if part.milliseconds is None else [f"{part.milliseconds:.0f} ms"]
        state = ("OK" if part.tried else "not tried") if part.healthy else "PROBLEM"
        print(f"{part.name}: {state}: {part.place} ({', '.join([*facts, *took])})")
        for problem in part.problems:
            print(f"  {problem}")


def _fact(name: str, fact: str | float) -> str:
    if name == "clock_difference_seconds":
        return f"clock {fact:+} s"
    if name == "free_bytes":
        return f"{float(fact) / 1e9:.1f} GB free"
    return str(fact) if name in ("kind", "state") else f"{name} {fact}"
