"""NiiVue's module, made of the bundle that a package carries."""

from __future__ import annotations

import pytest

from assistant.ui import niivue
from encoders.errors import BodyMapsError


def test_the_module_exports_the_viewer_and_starts_no_application():
    source = niivue.module()
    assert source.rstrip().endswith("as Niivue };")
    assert "DOMContentLoaded" not in source[-5000:]
    assert source.count("async attachToCanvas(") == 1


def test_another_bundle_is_a_clear_line(monkeypatch, tmp_path):
    (tmp_path / "index.js").write_text("export const nothing = 1;\n")
    monkeypatch.setattr(niivue, "bundle", lambda: tmp_path)
    with pytest.raises(BodyMapsError, match=r"install the version in uv\.lock"):
        niivue.module.__wrapped__()


@pytest.mark.parametrize("name", ["../../package.json", "index.css", "missing.js", "/etc/passwd"])
def test_only_code_inside_the_bundle_is_served(name):
    assert niivue.part(name) is None


def test_decoders_beside_the_module_are_served():
    found = next(path.name for path in niivue.bundle().glob("lz4-*.js"))
    assert niivue.part(found) == (niivue.bundle() / found).resolve()
