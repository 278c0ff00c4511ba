"""Hosts, origins and clients: what is ours, whatever a page of somebody else has a browser say."""

import pytest

from web.site import Site

PUBLIC = Site("https://PBX.example.com")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:8480", "127.0.0.1", "[::1]:8480", "localhost:8480", "LOCALHOST", "192.0.2.7:8480", "[2001:db8::1]"],
)
def test_address_and_localhost_are_ours(host: str) -> None:
    assert Site("").is_own_host([host])


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        [""],
        ["evil.example"],
        ["evil.example:8480"],
        ["127.0.0.1.evil.example"],
        ["127.0.0.1@evil.example"],
        ["localhost.evil.example"],
        ["127.0.0.1", "127.0.0.1"],
        ["127.0.0.1:99999999"],
        ["127.0.0.1/path"],
        ["pbx.example.com"],
        ["2130706433"],
    ],
)
def test_other_names_are_not_ours(hosts: list[str]) -> None:
    assert not Site("").is_own_host(hosts)


def test_name_of_the_setting_is_ours() -> None:
    assert PUBLIC.is_own_host(["pbx.example.com"])
    assert PUBLIC.is_own_host(["PBX.example.com:443"])
    assert PUBLIC.is_own_host(["127.0.0.1:8480"])
    assert not PUBLIC.is_own_host(["example.com"])


@pytest.mark.parametrize(
    ("site", "origins", "host", "is_ours"),
    [
        (Site(""), ["http://127.0.0.1:8480"], "127.0.0.1:8480", True),
        (Site(""), ["http://127.0.0.1:8481"], "127.0.0.1:8480", False),
        (Site(""), ["https://127.0.0.1:8480"], "127.0.0.1:8480", False),
        (Site(""), ["null"], "127.0.0.1:8480", False),
        (Site(""), [""], "127.0.0.1:8480", False),
        (Site(""), [], "127.0.0.1:8480", False),
        (Site(""), ["http://127.0.0.1:8480"] * 2, "127.0.0.1:8480", False),
        (Site(""), ["http://evil.example"], "127.0.0.1:8480", False),
        (PUBLIC, ["https://pbx.example.com"], "pbx.example.com", True),
        (PUBLIC, ["https://pbx.example.com"], "127.0.0.1:8480", True),
        (PUBLIC, ["http://127.0.0.1:8480"], "127.0.0.1:8480", True),
        (PUBLIC, ["https://pbx.example.com.evil.example"], "pbx.example.com", False),
        (PUBLIC, ["https://evil.example"], "pbx.example.com", False),
    ],
)
def test_origin_is_ours_or_not(site: Site, origins: list[str], host: str, is_ours: bool) -> None:
    assert site.is_own_origin(origins, host) is is_ours


def test_cookie_is_bound_to_the_host_where_browsers_come_over_tls() -> None:
    assert (PUBLIC.cookie, PUBLIC.is_secure) == ("__Host-tollgate", True)
    assert (Site("").cookie, Site("").is_secure) == ("tollgate", False)
    assert not Site("http://pbx.lan:8480").is_secure


@pytest.mark.parametrize(
    ("site", "peer", "forwarded", "client"),
    [
        (Site(""), "127.0.0.1", ["203.0.113.5"], "127.0.0.1"),  # no proxy: whoever says so says what it likes
        (PUBLIC, "127.0.0.1", ["203.0.113.5"], "203.0.113.5"),
        (PUBLIC, "::1", ["10.0.0.1, 203.0.113.5"], "203.0.113.5"),
        (PUBLIC, "127.0.0.1", ["203.0.113.5", "198.51.100.1"], "198.51.100.1"),
        (PUBLIC, "192.0.2.9", ["203.0.113.5"], "192.0.2.9"),
        (PUBLIC, "127.0.0.1", [], "127.0.0.1"),
        (PUBLIC, "127.0.0.1", ["unknown"], "127.0.0.1"),
    ],
)
def test_client_is_whom_the_proxy_on_this_machine_names(
    site: Site, peer: str, forwarded: list[str], client: str
) -> None:
    assert site.client_address(peer, forwarded) == client
