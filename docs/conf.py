"""How Sphinx builds the documentation: ``sphinx-build -W docs docs/_build``."""

import sys
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

sys.path.insert(0, str(Path(__file__).parent))

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
        lines = tables.list_table(self.arguments[0]).splitlines()
        self.state.nested_parse(StringList(lines, source="registry-table"), self.content_offset, container)
        return container.children


def setup(app):
    """Make the directive known."""
    app.add_directive("registry-table", RegistryTable)
