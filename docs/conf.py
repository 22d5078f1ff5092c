"""How Sphinx builds the documentation: ``sphinx-build -W docs docs/_build``."""

import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

sys.path.insert(0, str(Path(__file__).parent))

import grouped
import tables

import sknn6

project = "sknn6"
author = "the sknn6 developers"
version = release = sknn6.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
default_role = "py:obj"  # a link where there is a page, code where there is none
nitpicky = True
OTHERS = r"(collections|matplotlib|numpy|pandas|scipy|sklearn|skopt)\..*"  # their pages are not known here
nitpick_ignore_regex = [("py:obj", ".*"), ("py:.*", OTHERS)]
templates_path = ["_templates"]
exclude_patterns = ["_build"]
html_theme = "pydata_sphinx_theme"
html_title = "sknn6"
html_static_path = ["_static"]
html_css_files = ["own.css"]
html_theme_options = {
    "logo": {"text": "sknn6"},
    "header_links_before_dropdown": 5,
    "show_prev_next": False,
    "secondary_sidebar_items": ["page-toc"],
}
ALONE = ("index", "getting_started", "coming_from_scikit_learn", "architecture", "contributing", "releasing")
html_sidebars = {page: [] for page in (*ALONE, "changelog")}  # nothing would stand in them

autosummary_generate = True
autodoc_typehints = "none"  # the tables of parameters say more
numpydoc_show_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"/tune_",
    "within_subsection_order": "lecture_order.LectureOrder",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "doc_module": ("sknn6",),
    "backreferences_dir": "gallery/backreferences",
    "reference_url": {"sknn6": None},
}


class RegistryTable(Directive):
    """``.. registry-table:: activations``: a table made from what is registered."""

    required_arguments = 1

    def run(self):
        """Let docutils parse the table."""
        container = nodes.container()
        lines = tables.registry_table(self.arguments[0]).splitlines()
        self.state.nested_parse(StringList(lines, source="registry-table"), self.content_offset, container)
        return container.children


def describe(name, rawtext, text, *_):
    """Return the name of a parameter or attribute, where its description begins: the target of a link."""
    shown = text.partition(".")[2]
    return [nodes.strong(shown, shown, ids=[f"described-{text}"])], []


def described(name, rawtext, text, *_):
    """Return a link to where a parameter or attribute is described, further down the page."""
    shown = nodes.literal("", text.partition(".")[2])
    return [nodes.reference("", "", shown, internal=True, refid=f"described-{text}")], []


def regroup(app, what, name, obj, options, lines):
    """Put the parameters and attributes of the networks in groups, once numpydoc is done."""
    if what == "class" and name in grouped.NETWORKS:
        lines[:] = grouped.regroup(obj, lines)


def shorten(app, what, name, obj, options, signature, returned):
    """Return a short signature of the networks, whose table of parameters says more."""
    if what == "class" and name in grouped.NETWORKS:
        return "(" + signature[1:].partition(", *")[0] + ", *, ...)", returned


def setup(app):
    """Make directive and roles known, and connect the functions."""
    app.add_directive("registry-table", RegistryTable)
    app.add_role("describe", describe)
    app.add_role("described", described)
    app.connect("autodoc-process-docstring", regroup, priority=900)
    app.connect("autodoc-process-signature", shorten, priority=900)
