"""A served page for programs, in this process."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import app
from assistant.ui.page import Page
from eval.load import DensitySegmenter, write_phantom


@dataclass(frozen=True)
class Server:
    """folder: where programs may open paths. phantom: a CT in it, `voxels` of it liver. page: what is served."""

    url: str
    folder: Path
    phantom: Path
    voxels: int
    page: Page


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    root = tmp_path_factory.mktemp("server")
    (root / "allowed").mkdir()
    write_phantom(root / "secret.nii.gz", 40)
    phantom = root / "allowed" / "ct.nii.gz"
    voxels = write_phantom(phantom, 50)
    access = app.Access(paths=root / "allowed")
    with app.serving(port=free_port(), segmenter=DensitySegmenter(), access=access) as (page, url):
        yield Server(url, root / "allowed", phantom, voxels, page)
