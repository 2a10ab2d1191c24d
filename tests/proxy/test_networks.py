"""Who is asking."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmpush_tui.errors import ConfigError
from mmpush_tui.proxy.networks import Senders, address, is_in, networks, throttle_key

TRUSTED = networks(["10.0.0.0/8", "::1"], "TrustedProxies")


WHO = [
    ("192.0.2.1", "", "192.0.2.1"),
    ("192.0.2.1", "198.51.100.9", "192.0.2.1"),
    ("10.0.0.1", "", "10.0.0.1"),
    ("10.0.0.1", "198.51.100.9", "198.51.100.9"),
    ("10.0.0.1", "203.0.113.7, 198.51.100.9", "198.51.100.9"),
    ("10.0.0.1", "203.0.113.7, 198.51.100.9, 10.0.0.2", "198.51.100.9"),
    ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
    ("10.0.0.1", "garbage", "10.0.0.1"),
    ("10.0.0.1", "203.0.113.7, garbage, 10.0.0.2", "10.0.0.2"),
    ("10.0.0.1", "198.51.100.9:4711", "198.51.100.9"),
    ("10.0.0.1", "[2001:db8::5]:4711", "2001:db8::5"),
    ("10.0.0.1", '"2001:db8::5"', "2001:db8::5"),
    ("10.0.0.1", "::ffff:198.51.100.9", "198.51.100.9"),
    ("::ffff:10.0.0.1", "198.51.100.9", "198.51.100.9"),
    ("::1", "198.51.100.9", "198.51.100.9"),
    ("", "198.51.100.9", "198.51.100.9"),
    ("", "", "unix"),
    ("10.0.0.1", ",".join(["10.0.0.9"] * 100), "10.0.0.9"),
    ("10.0.0.1", "198.51.100.9, " + "9" * 1000 + ", 10.0.0.2", "10.0.0.2"),
    ("10.0.0.1", "198.51.100.9, for=192.0.2.1, 10.0.0.2", "10.0.0.2"),
    ("10.0.0.1", "198.51.100.9" + " " * 1000, "198.51.100.9"),
]


@pytest.mark.parametrize(("peer", "said", "sender"), WHO)
def test_only_trusted_proxies_are_believed(peer: str, said: str, sender: str) -> None:
    assert Senders(TRUSTED).of(peer, said) == sender


@given(peer=st.ip_addresses().map(str), said=st.text(max_size=200))
def test_without_trusted_proxies_nobody_chooses_who_it_is(peer: str, said: str) -> None:
    assert Senders(()).of(peer, said) == peer
    assert Senders(()).header == ""


HOPS = st.lists(
    st.one_of(
        st.ip_addresses().map(str),
        st.ip_addresses(v=4, network="10.0.0.0/8").map(str),
        st.text(max_size=12).filter(lambda text: "," not in text),
    ),
    max_size=8,
)


@given(chosen=HOPS, seen=st.ip_addresses(v=4, network="198.51.100.0/24").map(str), behind=HOPS)
def test_nothing_that_a_sender_writes_moves_what_the_first_proxy_saw(
    chosen: list[str], seen: str, behind: list[str]
) -> None:
    proxies = [hop for hop in behind if hop.startswith("10.") and is_in(address(hop), TRUSTED)]
    assert Senders(TRUSTED).of("10.0.0.1", ", ".join([*chosen, seen, *proxies])) == seen


@given(said=st.text(max_size=300))
def test_whatever_a_header_says_it_is_read(said: str) -> None:
    assert Senders(TRUSTED).of("10.0.0.1", said)


KEYS = [
    ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("unix", "unix"),
    ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
]  # fmt: skip


@pytest.mark.parametrize(("sender", "key"), KEYS)
def test_a_network_of_ipv6_is_one_sender(sender: str, key: str) -> None:
    assert throttle_key(sender) == key


NAMED = [
    ("10.1.2.3/8", "10.255.0.1"), ("::ffff:10.0.0.0/104", "10.255.0.1"),
    ("::ffff:10.0.0.1", "::ffff:10.0.0.1"), ("2001:db8::/32", "2001:db8:1::1"), ("::/0", "::1"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "member"), NAMED)
def test_networks_have_their_members_however_they_are_written(word: str, member: str) -> None:
    assert is_in(address(member), networks([word], "TrustedProxies"))


@pytest.mark.parametrize("word", ["fe80::1%eth0", "10.0.0.1/33", "10", "[::1]", "10.0.0.1:80"])
def test_what_could_never_be_a_sender_is_no_network(word: str) -> None:
    with pytest.raises(ConfigError):
        networks([word], "TrustedProxies")


def test_a_word_that_is_no_network_is_named() -> None:
    with pytest.raises(ConfigError) as caught:
        networks(["10.0.0.0/8", "office"], "AllowedAddresses")
    assert caught.value.line() == (
        "AllowedAddresses: office is neither an address nor a network. Write 192.0.2.7, "
        "10.0.0.0/8 or 2001:db8::/32."
    )
