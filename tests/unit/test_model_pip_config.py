from __future__ import annotations

from pathlib import Path

from gpu_job.models.package_index import _with_credentials
from gpu_job.models.pip_config import PYPI, PackageIndex, config_files, read_package_index


def test_without_any_configuration_the_index_is_pypi() -> None:
    assert read_package_index({}, files=[]) == PackageIndex(index_urls=(PYPI,))


def test_a_later_file_wins_and_the_environment_wins_over_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a.conf", tmp_path / "b.conf"
    first.write_text("[global]\nindex-url = https://one/simple\ncert = /etc/ca.pem\n")
    second.write_text("[global]\nindex_url = https://two/simple\nextra-index-url =\n  https://x\n"
                      "  https://y\n")  # fmt: skip
    files = [first, second, tmp_path / "absent.conf"]
    index = read_package_index({}, files=files)
    assert index.index_urls == ("https://two/simple", "https://x", "https://y")
    assert index.cert == "/etc/ca.pem"
    chosen = read_package_index(
        {"PIP_INDEX_URL": "https://three", "PIP_TRUSTED_HOST": "three", "PIP_CERT": ""}, files=files
    )
    assert chosen.index_urls[0] == "https://three"
    assert chosen.trusted_hosts == ("three",)
    assert chosen.cert == "/etc/ca.pem"


def test_no_index_leaves_only_the_links() -> None:
    index = read_package_index({"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "/a /b"}, files=[])
    assert index == PackageIndex(index_urls=(), find_links=("/a", "/b"))


def test_the_named_file_is_the_strongest_and_dev_null_switches_files_off(tmp_path: Path) -> None:
    assert config_files({"PIP_CONFIG_FILE": "/dev/null"}) == ()
    places = config_files({"PIP_CONFIG_FILE": "/x/pip.conf", "HOME": str(tmp_path)})
    assert places[-1] == Path("/x/pip.conf")
    assert tmp_path / ".config" / "pip" / "pip.conf" in places


def test_a_link_on_the_index_host_gets_its_credentials_and_no_other_link_does() -> None:
    index = PackageIndex(index_urls=("https://me:pw@index.example/simple",))
    assert _with_credentials("https://index.example/f.whl", index) == (
        "https://me:pw@index.example/f.whl"
    )
    assert _with_credentials("https://cdn.example/f.whl", index) == "https://cdn.example/f.whl"
