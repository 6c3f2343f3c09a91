"""What is installed, which segmenters and language models can run here, and why not."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import Any

from encoders.errors import install

LLMS = {
    "ollama:NAME": ("langchain_ollama", "OLLAMA_HOST", "a running Ollama; `ollama pull NAME` first"),
    "openai:NAME?base_url=URL": (
        "langchain_openai",
        "OPENAI_API_KEY",
        "any OpenAI-compatible server, or a key",
    ),
    "huggingface:NAME": ("langchain_huggingface", None, "a model from Hugging Face, run on this machine"),
}
"""Spec: (package, the setting that it reads, what it takes)."""


def examine() -> dict[str, Any]:
    """Everything that doctor tells, as data. Asks no network."""
    return {
        "bodymaps": _version("bodymaps"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "device": _device(),
        "memory_gb": _memory_gb(),
        "packages": _packages(),
        "segmenters": _segmenters(),
        "llms": [
            {"spec": "(none)", "can_run": True, "why_not": None, "needs": "nothing: the offline planner"},
            *(_llm(spec, *entry) for spec, entry in LLMS.items()),
        ],
        "tools": {"dcm2niix": shutil.which("dcm2niix") is not None or find_spec("dcm2niix") is not None},
        "demo": _demo(),
        "allocator": {name: os.environ.get(name) for name in _allocator_names()},
    }


def healthy(report: dict[str, Any]) -> bool:
    """Whether a CT can be asked about here: every required package, and one segmenter."""
    packages = all(p["version"] for p in report["packages"] if not p["extra"])
    return packages and any(s["can_run"] for s in report["segmenters"])


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _packages() -> list[dict[str, Any]]:
    """What the project's own metadata asks for, with the version that is here."""
    from packaging.requirements import Requirement

    found: dict[str, dict[str, Any]] = {}
    for line in requires("bodymaps") or ():
        requirement = Requirement(line)
        marker = str(requirement.marker) if requirement.marker else ""
        extra = marker.partition("extra ==")[2].strip(" '\"") or None
        if requirement.name == "bodymaps":
            continue
        if requirement.name in found:  # "dev" holds the other parts too
            if extra and found[requirement.name]["extra"] == "dev":
                found[requirement.name]["extra"] = extra
            continue
        have = _version(requirement.name)
        found[requirement.name] = {
            "name": requirement.name,
            "wanted": str(requirement.specifier),
            "version": have,
            "fits": have is not None and requirement.specifier.contains(have, prereleases=True),
            "extra": extra,
        }
    return list(found.values())


def _segmenters() -> list[dict[str, Any]]:
    from encoders.segmenters.registry import describe

    return [
        {
            "spec": d["spec"],
            "summary": d["summary"],
            "can_run": d["missing"] is None,
            "why_not": d["missing"],
            "licence": d["licence"],
            "needs": d["needs"],
        }
        for d in describe()
    ]


def _llm(spec: str, package: str, setting: str | None, needs: str) -> dict[str, Any]:
    why = None if find_spec(package) else f"{package} is not installed: {install('llm')}"
    return {
        "spec": spec,
        "can_run": why is None,
        "why_not": why,
        "needs": needs,
        "setting": setting,
        "set": bool(setting and os.environ.get(setting)),
    }


def _device() -> str:
    try:
        from encoders.device import device

        return str(device())
    except ImportError as error:
        return f"none: {error}"


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _demo() -> dict[str, Any]:
    from assistant.demo import is_cached
    from encoders.packages import cache_dir

    return {"fetched": is_cached(), "folder": str(cache_dir())}


def _allocator_names() -> list[str]:
    from assistant.cli.allocator import SETTINGS

    return list(SETTINGS) if sys.platform.startswith("linux") else []
