"""scikit-learn's trees as JSON: the snippet of docs/import.md, taken from there."""

from pathlib import Path


def _snippet():
    text = (Path(__file__).parents[2] / "docs" / "import.md").read_text()
    section = text[text.index("## scikit-learn") :]
    return section[section.index("```python") + len("```python") :].split("```", 1)[0]


_names = {}
exec(_snippet(), _names)  # our own document, not a file from outside
export = _names["export"]
