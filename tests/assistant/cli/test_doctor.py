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
