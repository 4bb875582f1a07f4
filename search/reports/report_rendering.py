"""A study's report as HTML or Markdown, from the text in `templates/*.text`."""

from __future__ import annotations

import gzip
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from studyhall.search.common.words import counted
from studyhall.search.config.study_spec import FinalistsSpec
from studyhall.search.reports import report_tables
from studyhall.search.reports.reproduction_commands import (
    data_folder,
    reproduction_commands,
    study_file,
)
from studyhall.search.reports.study_facts import StudyFacts
from studyhall.search.study.champion_choice import words_of
from studyhall.search.study.interactive_figures import Figure

# A script element ends where a browser finds "</script", and "<!--" begins a comment in it.
_SCRIPT_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
_MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|#&])")


def render_html(
    facts: StudyFacts,
    written: datetime,
    figures: Sequence[Figure] = (),
    curves: Figure | None = None,
    layers: Mapping[int, bytes] | str | None = None,
) -> bytes:
    """Render a report as one HTML page that holds its styles, images, plots and plotly.js.

    Everything that comes from a study is escaped.

    Args:
        facts: The study.
        written: The time of writing, in UTC.
        figures: The plots of the search.
        curves: The plot of the learning curves, if there is one.
        layers: JPEG files of the trials' first layers by number, or why there are none; None
            leaves their section out.

    Returns:
        The page as UTF-8; it loads nothing from the network.
    """
    plotly = _compressed_plotly() if figures or curves else None
    shown = {"figures": figures, "curves": curves, "layers": layers, "plotly": plotly}
    return (
        _environment()
        .get_template("report.html")
        .render(_context(facts, written), **shown)
        .encode()
    )


def render_markdown(facts: StudyFacts, written: datetime) -> bytes:
    """Render a report as Markdown, without images and plots; what comes from a study is escaped.

    Args:
        facts: The study.
        written: The time of writing, in UTC.
    """
    environment = _environment()
    # Jinja escapes for HTML alone; this marks every value as escaped before Jinja gets it.
    environment.finalize = escape_markdown
    shown = {"figures": (), "curves": None, "layers": None}
    text = environment.get_template("report.md").render(_context(facts, written), **shown)
    return (text.strip() + "\n").encode()


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("studyhall.search.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.do"],
    )
    environment.filters |= {
        "counted": counted,
        "fixed": "{:.4f}".format,
        "thousands": "{:,}".format,
        "percent": "{:.2%}".format,
        "minute": lambda when: f"{when:%Y-%m-%d %H:%M}",
        "one_line": lambda text: Markup(" ".join(text.split())),  # noqa: S704  # of escaped text
        "data_uri": data_uri,
        "script_json": script_json,
    }
    return environment


def _context(facts: StudyFacts, written: datetime) -> dict[str, object]:
    """The variables of the templates that both forms of the report have."""
    champion = facts.tracked.champion if facts.tracked else None
    return {
        "facts": facts,
        "summary": facts.summary,
        "written": written,
        "sections": [],  # filled by the template
        "tables": report_tables,
        "search_name": facts.spec.search if isinstance(facts.spec, FinalistsSpec) else None,
        "selection": words_of(champion.selected_by) if champion else None,
        "commands": reproduction_commands(facts),
        "study_file": study_file(facts.spec),
        "data_folder": data_folder(facts.spec),
    }


def escape_markdown(value: object) -> Markup:
    """A value as Markdown on one line, so that it ends neither a table's cell nor a heading."""
    if isinstance(value, Markup):
        return value
    return Markup(_MARKDOWN_SPECIAL.sub(r"\\\1", " ".join(str(value).split())))  # noqa: S704


def data_uri(content: bytes, kind: str) -> str:
    """An address that holds an image file itself; `kind` is its format, such as "png"."""
    return f"data:image/{kind};base64,{b64encode(content).decode()}"


def script_json(text: str) -> Markup:
    """JSON that can stand in a script element."""
    for letter, escape in _SCRIPT_ESCAPES.items():
        text = text.replace(letter, escape)
    return Markup(text)  # noqa: S704  # nothing is left in it that could end the element


def _compressed_plotly() -> Markup:
    from plotly.offline import get_plotlyjs

    packed = gzip.compress(get_plotlyjs().encode(), compresslevel=6, mtime=0)
    return Markup(b64encode(packed).decode())  # noqa: S704  # letters of base64 alone
