"""scikit-learn's trees as JSON, by docs/guide/export.py."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("_export", Path(__file__).parents[2] / "docs/guide/export.py")
_module = module_from_spec(_spec)
_spec.loader.exec_module(_module)
export = _module.export
