"""Which variables are called like secrets."""

import pytest

from torc_local.ground.secret_names import is_secret


@pytest.mark.parametrize(
    "name",
    ["API_TOKEN", "GITHUB_TOKEN", "token", "AWS_SECRET_ACCESS_KEY", "DB_PASSWORD", "PGPASSWORD", "SSH_PRIVATE_KEY",
     "OPENAI_API_KEY", "APIKEY", "CDSAPI_KEY", "KEY", "BASIC_AUTH", "GOOGLE_APPLICATION_CREDENTIALS", "MY-TOKEN"],
)  # fmt: skip
def test_these_are(name):
    assert is_secret(name)


@pytest.mark.parametrize(
    "name", ["COLOUR", "PATH", "KEYBOARD", "MONKEY", "SORT_KEYS", "AUTHOR", "OMP_NUM_THREADS", "PATIENCE", "PWD"]
)
def test_these_are_not(name):
    assert not is_secret(name)
