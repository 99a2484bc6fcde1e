"""What programs read: SARIF, and the JSON with its schema."""

from __future__ import annotations

import json

import jsonschema
import pytest

from recipe_widgets.cli import main
from recipe_widgets.core import CheckResult, Report
from recipe_widgets.core.report import VERSION
from recipe_widgets.reporting.report_schema import report_schema
from recipe_widgets.reporting.sarif import sarif

SCRIPT = """
import torch
from torch import nn
net = nn.Linear(6, 3)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
for _ in range(30):
    loss = nn.functional.cross_entropy(net(torch.randn(20, 6)), torch.randint(3, (20,)))
    loss.backward()  COMMENT
    optimizer.step()
"""


def checked(run: dict) -> dict:
    """What the standard asks of a run that has rules, results and notifications."""
    levels = {"none", "note", "warning", "error"}
    driver = run["tool"]["driver"]
    assert isinstance(driver["name"], str)
    assert isinstance(driver["version"], str)
    ids = [rule["id"] for rule in driver["rules"]]
    assert len(ids) == len(set(ids))
    for rule in driver["rules"]:
        assert rule["shortDescription"]["text"]
        assert rule["defaultConfiguration"]["level"] in levels
    for invocation in run["invocations"]:
        assert isinstance(invocation["executionSuccessful"], bool)
    for result in run["results"]:
        assert result["message"]["text"]
        assert result["level"] in levels
        assert result["ruleId"] == ids[result["ruleIndex"]]
        for place in result.get("locations", []):
            assert set(place) == {"physicalLocation"}
            uri = place["physicalLocation"]["artifactLocation"]["uri"]
            assert not set(uri) & set(' \\<>"')
            assert place["physicalLocation"].get("region", {}).get("startLine", 1) >= 1
        for one in result.get("suppressions", []):
            assert one["kind"] in ("inSource", "external")
    return run


def run_of(*found: CheckResult, **fields) -> dict:
    log = json.loads(sarif(Report(list(found), "watch", **fields), "/checkout"))
    assert log["version"] == "2.1.0"
    (run, ) = log["runs"]
    return checked(run)


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch):
    monkeypatch.delenv("GITHUB_WORKSPACE", raising=False)


def test_a_result_has_rule_level_line_and_suppression():
    known = CheckResult("axes", "warn", "doubtful", silenced="comment").at("a b.py:3", " y = x ")
    run = run_of(CheckResult("curve", "fail", "wrong", 3.0, advice="mend it"), silenced=[known])
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["axes", "curve"]
    first, second = run["results"]
    assert (first["ruleId"], first["level"]) == ("curve", "error")
    assert first["message"]["text"] == "wrong (seen 3)\nmend it"
    assert first["properties"]["measured"] == 3.0
    assert "locations" not in first
    assert "suppressions" not in first
    assert second["suppressions"] == [{"kind": "inSource"}]
    assert second["locations"] == [{"physicalLocation": {
        "artifactLocation": {"uri": "a%20b.py"},
        "region": {"startLine": 3, "snippet": {"text": "y = x"}}}}]


def test_places_that_are_no_line_of_the_checkout():
    cell = CheckResult("axes", "fail", "wrong").at("<ipython-input-1>:3", "y = x")
    outside = CheckResult("axes", "fail", "wrong").at("/elsewhere/a.py:3", "y = x")
    whole = CheckResult("axes", "fail", "wrong")
    results = run_of(cell, outside, whole, script="train.py")["results"]
    assert "locations" not in results[0]
    uris = [one["locations"][0]["physicalLocation"] for one in results[1:]]
    assert uris[0]["artifactLocation"]["uri"] == "file:///elsewhere/a.py"
    assert uris[1] == {"artifactLocation": {"uri": "train.py"}}


def test_the_fingerprint_outlives_lines_above():
    def fingerprint(**fields) -> str:
        one = {"where": "a.py:3", "code": "y = x"} | fields
        result = run_of(CheckResult("axes", "fail", "wrong").at(**one))["results"][0]
        return result["partialFingerprints"]["recipe/v1"]

    assert fingerprint() == fingerprint(where="a.py:9")
    assert fingerprint() != fingerprint(where="b.py:3")
    assert fingerprint() != fingerprint(code="y = z")


def test_a_problem_of_the_watcher_is_told():
    (invocation, ) = run_of(problems=["it fell over"])["invocations"]
    assert invocation["executionSuccessful"] is False
    assert invocation["toolExecutionNotifications"][0]["message"]["text"] == "it fell over"


@pytest.mark.parametrize("comment", ["", "# recipe: ignore"])
def test_real_reports_fit(tmp_path, monkeypatch, comment):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.py").write_text(SCRIPT.replace("COMMENT", comment))
    assert main(["watch", "--json", "r.json", "--sarif", "r.sarif", "train.py"]) == 0
    report = json.loads((tmp_path / "r.json").read_text())
    validate(report)
    assert bool(report["silenced"]) == bool(comment)
    (run, ) = json.loads((tmp_path / "r.sarif").read_text())["runs"]
    (result, ) = checked(run)["results"]
    assert result["ruleId"] == "grads_are_cleared"
    assert ("suppressions" in result) == bool(comment)


def validate(report: dict) -> None:
    schema = json.loads(report_schema())
    jsonschema.Draft202012Validator(schema).validate(report)
    assert set(report) <= set(schema["properties"]), "a field that the schema does not tell of"
    known = set(schema["$defs"]["finding"]["properties"])
    for one in (*report["findings"], *report["silenced"]):
        assert set(one) <= known


def test_reports_of_checks_fit():
    import torch

    found = [CheckResult("axes", "fail", "wrong", float("nan"), torch.ones(2), "steps",
                         details={"rows": torch.arange(3)}),
             CheckResult("curve", "pass", "fine"), CheckResult("curve", "skip", "unknown")]
    validate(json.loads(Report(found).to_json()))


def test_the_schema_is_sound_versioned_and_printed(capsys):
    schema = json.loads(report_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["properties"]["version"]["const"] == VERSION
    with pytest.raises(SystemExit) as stop:
        main(["watch", "--schema"])
    assert stop.value.code == 0
    assert json.loads(capsys.readouterr().out) == schema
    for wrong in ({"version": 2}, {"steps": -1}, {"findings": [{}]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(Report().as_dict() | wrong, schema)
