"""Whether the worker's port is open to everybody."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mmpush_tui.proxy.delivery.push_access import PushAccess
from mmpush_tui.proxy.door.request_access import RequestAccess
from mmpush_tui.proxy.exposure import wildcard_warning
from tests.proxy.settings import proxy_config

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


OPEN = [
    ('listen_address = ":8066"', True), ('listen_address = "0.0.0.0:8066"', True),
    ('listen_address = "[::]:8066"', True), ('listen_address = "127.0.0.1:8066"', False),
    ('listen_address = "10.0.0.1:8066"', False), ('listen_address = "unix:/x"', False),
    ('listen_address = ":8066"\nallowed_addresses = ["10.0.0.0/8"]', False),
    ('listen_address = ":8066"\npath_prefix = "x"', False),
    ('listen_address = ":8066"\nallowed_server_ids = ["x"]', True),
    ('listen_address = "[0:0::0]:8066"', True), ('listen_address = "0:8066"', True),
    ('listen_address = ":8066"\nallowed_addresses = ["10.0.0.0/8", "0.0.0.0/0"]', True),
    ('listen_address = ":8066"\nsignature_key_file = "key"', False),
    ('listen_address = ":8066"\nsignature_key_file = "key"\nunsigned_pushes = "accept"', True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "warned"), OPEN)
def test_a_port_that_is_open_to_everybody_is_warned_of(
    text: str, warned: bool, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(PEM)
    found = proxy_config(tmp_path, text)
    warning = wildcard_warning(found, RequestAccess(found), PushAccess(found))
    assert bool(warning) is warned
    if warned:
        assert "is open to everybody who reaches this host" in warning
    assert ("AllowedAddresses keeps nobody out" in warning) is ("0.0.0.0/0" in text)
    assert ("SignatureKeyFile keeps nobody out" in warning) is ("accept" in text)
