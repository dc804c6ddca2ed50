"""Settings that a person changes on the page: on their own line, and nothing else of the file changes."""

import tomllib
from pathlib import Path

import pytest

from pipeline.commands.config import commented, keep_settings
from pipeline.config.settings import load
from pipeline.domain.errors import UsageError

URL = "https://new.example.com"


@pytest.mark.parametrize(
    ("before", "profile", "values", "after"),
    [
        ('base_url = "https://old.example.com"  # ours\n', "", {"base_url": URL}, f'base_url = "{URL}"  # ours\n'),
        ("base_url = 'https://old.example.com'\nrate = 2\n", "", {"base_url": URL}, f'base_url = "{URL}"\nrate = 2\n'),
        ('# base_url = "https://x"\nrate = 2', "", {"base_url": URL}, f'base_url = "{URL}"\nrate = 2\n'),
        ("# mine\nrate = 2\n\n# night\n[profile.night]\nrate = 1\n", "", {"lang": "fr"}, None),
        ('lang = "fr"\r\nrate = 2\r\n', "", {"lang": None}, '# lang = "fr"\r\nrate = 2\r\n'),
        ('lang = "en"\n[profile.a]\nlang = "fr"\n', "a", {"lang": "en"}, 'lang = "en"\n[profile.a]\nlang = "en"\n'),
        ("[profile.a]\n", "a", {"lang": "en"}, '[profile.a]\nlang = "en"\n'),
        ("", "", {"username": 'a"b\\é'}, 'username = "a\\"b\\\\é"\n'),
    ],
)
def test_one_line_changes(
    tmp_path: Path, before: str, profile: str, values: dict[str, str | None], after: str | None
) -> None:
    """The line of the setting, its comment, or the end of its section; line ends and remarks stay."""
    path = tmp_path / "settings.toml"
    path.write_bytes(before.encode())
    keep_settings(path, profile, values, "en")
    wanted = after or before.replace("rate = 2\n", 'rate = 2\nlang = "fr"\n')
    assert path.read_bytes().decode() == wanted


@pytest.mark.parametrize(
    "before",
    [
        'base_url = """\nhttps://old.example.com"""\n',
        '"base_url" = "https://old.example.com"\n',
        "no toml at all",
    ],
)
def test_a_file_without_a_sure_place_is_left_alone(tmp_path: Path, before: str) -> None:
    """The sentence says what to write, and where."""
    path = tmp_path / "settings.toml"
    path.write_text(before)
    with pytest.raises(UsageError) as caught:
        keep_settings(path, "", {"base_url": URL}, "en")
    assert caught.value.params["toml"] == f'base_url = "{URL}"'
    assert path.read_text() == before


def test_a_profile_that_the_file_does_not_have_is_not_made(tmp_path: Path) -> None:
    """It was named on the command line, where it is refused too."""
    path = tmp_path / "settings.toml"
    path.write_text("rate = 2\n")
    with pytest.raises(UsageError):
        keep_settings(path, "night", {"base_url": URL}, "en")


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_a_new_file_has_every_setting_as_a_comment(tmp_path: Path, lang: str) -> None:
    """And the changed ones in the place of theirs; it is its owner's alone."""
    path = tmp_path / "config" / "flinks-import.toml"
    keep_settings(path, "", {"base_url": URL, "lang": "fr"}, lang)  # type: ignore[arg-type]
    assert tomllib.loads(path.read_text()) == {"base_url": URL, "lang": "fr"}
    assert load({}, {}, path).base_url == URL
    missing = set(commented(lang).splitlines()) - set(path.read_text().splitlines())  # type: ignore[arg-type]
    assert all(line.startswith(("# base_url", "# lang")) for line in missing)
    assert len(missing) == 2
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_stays_a_link_and_the_mode_stays(tmp_path: Path) -> None:
    """A team may keep the file elsewhere, readable by all of it."""
    real, link = tmp_path / "real.toml", tmp_path / "link.toml"
    real.write_text("")
    real.chmod(0o640)
    link.symlink_to(real)
    keep_settings(link, "", {"lang": "fr"}, "en")
    assert link.is_symlink()
    assert real.read_text() == 'lang = "fr"\n'
    assert real.stat().st_mode & 0o777 == 0o640
