"""A report as one HTML page that holds all it needs: styles, pictures, figures and plotly.js."""

from __future__ import annotations

import gzip
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime

from jinja2 import Environment, PackageLoader
from markupsafe import Markup

from studyhall.search.reports.report_parts import Picture, Section
from studyhall.search.study.report_figures import Figure

# Of the script's text, which ends where the page's reader finds "</script" or a comment begins.
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def render_page(name: str, sections: Sequence[Section], written: datetime) -> bytes:
    """Render a report as HTML; all that comes from a study is escaped.

    Args:
        name: The study.
        sections: What the report says.
        written: Now, in UTC.

    Returns:
        The page as UTF-8; it asks the network for nothing.
    """
    environment = Environment(
        loader=PackageLoader("studyhall.search.reports"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["kind"] = lambda part: type(part).__name__
    environment.filters["data_uri"] = data_uri
    environment.filters["script_json"] = script_json
    drawn = any(isinstance(part, Figure) for section in sections for part in section.parts)
    page = environment.get_template("report.html").render(
        name=name, sections=sections, written=written, library=_plotly() if drawn else None
    )
    return page.encode()


def data_uri(picture: Picture) -> str:
    """A picture as an address that holds it."""
    return f"data:image/{picture.kind};base64,{b64encode(picture.content).decode()}"


def script_json(figure: Figure) -> Markup:
    """A figure's JSON as it may stand in a script element."""
    text = figure.plotly
    for letter, escape in _ESCAPES.items():
        text = text.replace(letter, escape)
    return Markup(text)  # noqa: S704  # nothing is left in it that could end the element


def _plotly() -> Markup:
    from plotly.offline import get_plotlyjs

    packed = gzip.compress(get_plotlyjs().encode(), compresslevel=6, mtime=0)
    return Markup(b64encode(packed).decode())  # noqa: S704  # letters of base64 alone
