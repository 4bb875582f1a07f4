"""How the documentation's site is built: `make docs`, without a network, warnings as errors."""

from __future__ import annotations

from importlib.metadata import version as installed
from typing import TYPE_CHECKING

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx import addnodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

project = "Studyhall"
release = installed("studyhall")
html_title = f"Studyhall {release}"
html_theme = "furo"
html_copy_source = False
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]

# Pages are read on plain git hosts as well: what links to a heading there must do so here.
myst_enable_extensions = ["dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3

# The notebook is committed without outputs; the site shows those of a run made with it.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 300
nb_output_stderr = "remove"  # what the engines say of widgets that Jupyter lacks

default_role = "code"  # docstrings have one backtick around code
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_numpy_docstring = False
napoleon_use_ivar = True


# MathML, which browsers show by themselves, where MathJax would be fetched from elsewhere.
html_math_renderer = "mathml"


def setup(app: Sphinx) -> None:
    """Sphinx calls this."""
    app.add_html_math_renderer("mathml", (_inline, None), (_displayed, None))
    app.connect("doctree-read", _unlink_headings, priority=400)  # 500 collects the contents


def _unlink_headings(_: Sphinx, page: nodes.document) -> None:
    """Take links to files out of headings: Sphinx cannot have them in a table of contents."""
    for heading in page.findall(nodes.title):
        for link in list(heading.findall(addnodes.download_reference)):
            link.replace_self(link.children)


def _inline(translator: nodes.NodeVisitor, node: nodes.math) -> None:
    translator.body.append(tex2mathml(node.astext(), as_block=False))
    raise nodes.SkipNode


def _displayed(translator: nodes.NodeVisitor, node: nodes.math_block) -> None:
    translator.body.append(f"<div>{tex2mathml(node.astext(), as_block=True)}</div>")
    raise nodes.SkipNode
