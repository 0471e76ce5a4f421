"""How faults are enabled, how they are controlled, and that without the option there are none."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from sandbox import cli
from sandbox.faults import Html
from sandbox.launch import launch
from tests.sandbox_faults.conftest import DAY
from tests.sandbox_faults.talk import Talk

PROFILE = "/user/profile"


def test_without_the_option_the_door_does_not_exist() -> None:
    with launch(extra=DAY, relax=["rate-limits"]) as sandbox:
        talk = Talk(sandbox)
        answers = [
            talk(method, "/_sandbox/faults", '[{"fault":"drop"}]') for method in ("GET", "PUT", "POST", "DELETE")
        ]

        assert {answer.status for answer in answers} == {404}
        assert answers[0].body == talk("GET", "/nowhere").body
        assert talk("GET", PROFILE).status == 200


def test_faults_from_the_command_line_are_in_force_at_once(tmp_path: Path) -> None:
    file = tmp_path / "faults.json"
    file.write_text(json.dumps([{"fault": "html", "status": 503, "route": f"GET {PROFILE}"}]))
    with launch(extra=[*DAY, "--faults", str(file)], relax=["rate-limits"]) as sandbox:
        talk = Talk(sandbox)

        assert talk("GET", PROFILE).status == 503
        assert [row["struck"] for row in talk.rows()] == [1]


def test_a_file_a_spec_and_json_say_the_same(tmp_path: Path) -> None:
    text = '{"fault":"html","status":503,"route":"GET /user/profile"}'
    (tmp_path / "faults.json").write_text(text)
    ways = ("html:status=503,route=GET /user/profile", text, f"[{text}]", str(tmp_path / "faults.json"))

    assert [cli._faults(way) for way in ways] == [(Html(status=503, route="GET /user/profile"),)] * 4
    assert cli._faults("on") == ()
    assert cli._faults(None) is None


@pytest.mark.parametrize(
    ("option", "wrong"),
    [
        ("explode", "--faults: explode"),
        ("drop:route=orders", "route: METHOD /path"),
        ('[{"fault":"drop"},{"fault":"latency"}]', "milliseconds"),
        ("/nowhere/faults.json", "No such file"),
    ],
)
def test_nonsense_ends_with_status_two_and_one_line(
    option: str, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--faults", option])

    assert caught.value.code == 2
    said = capsys.readouterr().err
    assert wrong in said
    assert said.count("\n") == 1


def test_a_postback_url_that_is_none_ends_with_status_two(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--postback-url", "ftp://here"])

    assert caught.value.code == 2
    assert "--postback-url: http://host[:port]/path" in capsys.readouterr().err


def test_set_add_list_lift(talk: Talk) -> None:
    rows = talk.faults({"fault": "error", "route": "GET /a"}, {"fault": "drop", "route": "GET /b", "next": 2})
    assert [(row["id"], row["fault"], row["route"]) for row in rows] == [(1, "error", "GET /a"), (2, "drop", "GET /b")]
    added = talk("POST", "/_sandbox/faults", '{"fault":"ghost"}').json()["faults"]
    assert [(row["id"], row["route"], row["matched"], row["struck"]) for row in added][-1] == (3, "WS", 0, 0)
    assert [row["id"] for row in talk("DELETE", "/_sandbox/faults/2").json()["faults"]] == [1, 3]
    assert talk("DELETE", "/_sandbox/faults/2").status == 404
    assert talk("PATCH", "/_sandbox/faults").status == 405
    assert talk("GET", "/_sandbox/faults/1").status == 405


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("body", ["", "{", "[1]", '[{"fault":"drop"},{"fault":"drop","route":"x"}]'])
def test_a_request_that_makes_no_sense_changes_nothing(talk: Talk, method: str, body: str) -> None:
    talk.faults({"fault": "error", "route": "GET /a"})
    answer = talk(method, "/_sandbox/faults", body)

    assert (answer.status, answer.json()["error_type"]) == (400, "InputException")
    assert [row["fault"] for row in talk.rows()] == ["error"]


def test_faults_that_alter_leave_what_is_not_theirs_alone(talk: Talk) -> None:
    talk.faults(
        {"fault": "history", "route": "*"},
        {"fault": "late_row", "route": "*"},
        {"fault": "clock_skew", "seconds": 1, "route": "*"},
    )
    paths = (PROFILE, "/orders", "/portfolio/holdings", "/instruments/NSE", "/connect/login?api_key=sandboxkey", "/x")

    assert [talk("GET", path).status for path in paths] == [200] * 5 + [404]


def test_a_frozen_request_does_not_keep_the_program_from_ending() -> None:
    with (
        launch(extra=[*DAY, "--faults", "freeze:route=GET /orders"], relax=["rate-limits"]) as sandbox,
        closing(Talk(sandbox).raw()),
    ):
        assert sandbox.stop() == 0, "in order, and not killed because it took too long"
