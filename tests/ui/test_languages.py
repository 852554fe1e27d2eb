"""Two languages, both complete, chosen by the person and not by anybody else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client

from compliance.accounts.models import User

ROOT = Path(__file__).resolve().parents[2]


def test_everything_has_chinese() -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "build_locale.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr


def test_the_language_is_switched_and_kept(client: Client, db: None, chinese: None) -> None:
    assert 'lang="en"' in client.get("/").content.decode()
    response = client.post("/language/", {"language": "zh-hans", "next": "/"}, follow=True)
    page = response.content.decode()
    assert 'lang="zh-Hans"' in page
    assert "能证明谁已同意的 AI 主播" in page
    assert "核验文件" in client.get("/").content.decode()


def test_a_signed_in_person_keeps_the_language_in_the_account(client: Client, db: None) -> None:
    user = User.objects.create_user("p@example.org", display_name="P")
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    client.post("/language/", {"language": "zh-hans", "next": "/"})
    user.refresh_from_db()
    assert user.language == "zh-hans"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_the_language_switch_is_no_open_redirect(client: Client, db: None, target: str) -> None:
    response = client.post("/language/", {"language": "en", "next": target})
    assert "evil" not in response["Location"]
    assert "javascript" not in response["Location"]


def test_an_unknown_language_changes_nothing(client: Client, db: None) -> None:
    client.post("/language/", {"language": "xx", "next": "/"})
    assert django_settings.LANGUAGE_COOKIE_NAME not in client.cookies
