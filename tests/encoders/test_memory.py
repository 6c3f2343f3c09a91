"""Memory that is free goes back to the system."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import numpy as np
from encoders.memory import give_back

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 // 2**20

give_back()
before = resident()
blocks = [np.ones(50_000) for _ in range(500)]  # 200 MB, none of them large enough to be mapped alone
blocks.append(blocks)  # that only the collector finds
del blocks
kept = resident()
give_back()
print(before, kept, resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="as /proc tells it")
def test_free_memory_goes_back_to_the_system():
    settings = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ | settings, capture_output=True, text=True, check=True
    )
    before, kept, after = map(int, done.stdout.split())
    assert kept > before + 150
    assert after < before + 20
