import json

from assistant.cli import run
from assistant.doctor import examine, healthy


def test_doctor_says_what_can_run_and_why_not(capsys):
    status = run(["doctor", "--json"])
    (line,) = capsys.readouterr().out.splitlines()
    report = json.loads(line)
    assert status == (0 if report["healthy"] else 1)
    for entry in (*report["segmenters"], *report["llms"]):
        assert entry["can_run"] == (entry["why_not"] is None)
    assert {"torch", "langchain", "typer"} <= {p["name"] for p in report["packages"]}


def test_a_missing_needed_package_is_not_healthy():
    report = examine()
    report["packages"][0] |= {"version": None, "extra": None}
    assert not healthy(report)


def test_the_table_names_every_segmenter(capsys):
    run(["doctor"])
    text = capsys.readouterr().out
    assert all(s["spec"] in text for s in examine()["segmenters"])


def test_optional_parts_are_told_from_what_is_missing(capsys, monkeypatch):
    import assistant.doctor

    absent = {"langchain-ollama", "highdicom", "numpy"}
    real = assistant.doctor._version
    monkeypatch.setattr(assistant.doctor, "_version", lambda name: None if name in absent else real(name))
    run(["doctor"])
    needed, optional = capsys.readouterr().out.split("Optional parts that are not installed")
    assert "numpy" in needed
    assert "langchain-ollama" not in needed
    assert "--extra llm` installs it: langchain-ollama" in optional
    assert "--extra dicom` installs it: highdicom" in optional
