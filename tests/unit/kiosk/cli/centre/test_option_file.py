"""Tables of centre.toml: options of one command, by the names that people write, with every mistake of what runs."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kiosk.cli.centre.command import centre


def run(tmp_path: Path, text: str, *words: str) -> Result:
    path = tmp_path / "centre.toml"
    path.write_text(f'database = "{tmp_path}/centre.db"\n{text}', encoding="utf-8")
    return CliRunner().invoke(centre, ["--config", str(path), *words])


def test_a_table_gives_the_options_of_its_command_and_the_command_line_wins(tmp_path: Path) -> None:
    (tmp_path / "backup.pub").write_text("no key", encoding="ascii")
    table = f'[backup]\nrecipient = "{tmp_path}/backup.pub"\nkeep = 3\n'
    assert "this is not a public key for backups" in run(tmp_path, table, "backup").output
    assert "/no/such/file cannot be read" in run(tmp_path, table, "backup", "--recipient", "/no/such/file").output


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ("[backup]\nrecipent = 'x'", "backup.recipent: no such setting; did you mean 'recipient'?"),
        ("[backup]\nrecipient = ['x']", "backup.recipient: a text or a number is expected."),
        ("[backup]\nrecipient = ' '", "backup.recipient: is empty. Leave this key out."),
        ("[backup.deeper]\nkeep = 1", "backup.deeper: no such setting"),
    ],
)
def test_mistakes_of_a_table_are_named_with_it(tmp_path: Path, table: str, sentence: str) -> None:
    done = run(tmp_path, table, "backup")
    assert done.exit_code == 1
    assert sentence in done.output


def test_a_mistake_in_the_table_of_another_command_stops_nothing(tmp_path: Path) -> None:
    done = run(tmp_path, "[backup]\nnonsense = 1\n[web]\nalso = 2\n", "audit", "verify")
    assert done.exit_code == 0, done.output


def test_a_table_that_belongs_to_no_command_is_a_mistake(tmp_path: Path) -> None:
    assert "wbe: no such setting; did you mean" in run(tmp_path, "[wbe]\nport = 1\n", "audit", "verify").output


@pytest.mark.parametrize("key", ["allowed_host", "allowed-host"])
def test_options_that_may_be_repeated_are_a_text_or_a_list(tmp_path: Path, key: str) -> None:
    for value in ('"centre.hue.example"', '["centre.hue.example", "10.0.0.5"]'):
        done = run(tmp_path, f'[web]\n{key} = {value}\ncertificate = "/no/such.pem"\n', "web")
        assert "'/no/such.pem' does not exist" in done.output


def test_a_group_has_a_table_for_each_of_its_commands(tmp_path: Path) -> None:
    table = '[enrol.serve]\npki = "x"\ncertificate = "/no/such.pem"\n'
    assert "'/no/such.pem' does not exist" in run(tmp_path, table, "enrol", "serve").output
    assert "enrol.serve.pik: no such setting" in run(tmp_path, '[enrol.serve]\npik = "x"\n', "enrol", "serve").output
