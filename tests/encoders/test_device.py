from __future__ import annotations

import pytest
import torch

from encoders import device


@pytest.mark.parametrize("fast", [True, False])
def test_bfloat16_only_where_it_is_fast(monkeypatch, fast):
    monkeypatch.setenv("BODYMAPS_DEVICE", "cpu")
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: fast)
    layer = torch.nn.Conv3d(1, 2, 3)
    with device.mixed_precision():
        made = layer(torch.zeros(1, 1, 4, 4, 4))
    assert made.dtype is device.compute_type() is (torch.bfloat16 if fast else torch.float32)
