"""How Sphinx builds the site: `make docs`.

The repository itself is the source, so that a link from a page of docs/ to results/ or examples/ leads to the same file
on the site as in the repository. Nothing is fetched, and what is built asks for nothing from elsewhere.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

project = "VICP"
html_title = "VICP"
root_doc = "docs/index"
include_patterns = [
    "docs/*.md",
    "docs/examples/*.rst",
    "examples/README.md",
    "results/**.md",
    "src/vicp/checkpoints/*/README.md",
    "src/vicp/data/minifigures/README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
]
exclude_patterns = [".*", "demo", "dist", "runs", "site", "tests", "src/vicp/[!cd]*", "docs/examples/index.*"]

extensions = ["myst_parser", "sphinx_gallery.gen_gallery"]
myst_heading_anchors = 4
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_extra_path = ["site/index.html"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_use_index = False
html_domain_indices = False
html_theme_options = {"navigation_with_keys": True}

EXAMPLES = ("quickstart.py", "gallery_story.py", "scikit_learn.py")


def example_arguments(settings: Any, script: Any) -> list[str]:
    """Return what an example is given on its command line: drawn photos, and a place for a gallery."""
    from examples.sample_photos import write_sample_photos

    place = Path(tempfile.mkdtemp())
    photos = str(write_sample_photos(place / "photos", individuals=12, photos_each=4))
    return [photos] if Path(script["src_file"]).name == "scikit_learn.py" else [photos, str(place / "herd")]


sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "docs/examples",
    "filename_pattern": "|".join(EXAMPLES),
    "ignore_pattern": "sample_photos|fiftyone_gallery",
    "within_subsection_order": "ExampleTitleSortKey",
    "reset_argv": example_arguments,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
}


def setup(app: Sphinx) -> None:
    """Show the diagram of CONTRIBUTING.md, which GitHub draws, as the text that it is."""
    app.add_lexer("mermaid", TextLexer)
