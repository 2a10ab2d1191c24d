import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from mmpush_tui.errors import ConfigError
from mmpush_tui.protocol.paths import is_alive
from mmpush_tui.proxy.door.listen import bind, bind_unix, describe


def talks(listening: socket.socket, family: int, address: str | tuple[str, int]) -> bool:
    """Return whether a connection to ``address`` arrives at ``listening``."""
    with socket.socket(family, socket.SOCK_STREAM) as client:
        client.settimeout(10)
        client.connect(address)
        listening.settimeout(10)
        accepted, _ = listening.accept()
        accepted.close()
    return True


def port_of(sock: socket.socket) -> int:
    port: int = sock.getsockname()[1]
    return port


def test_binds_a_host_and_a_port() -> None:
    with bind("127.0.0.1:0") as sock:
        assert sock.family == socket.AF_INET
        assert sock.getsockname()[0] == "127.0.0.1"
        assert talks(sock, socket.AF_INET, ("127.0.0.1", port_of(sock)))
        assert describe(sock, "127.0.0.1:0") == f"http://127.0.0.1:{port_of(sock)}"


def test_binds_a_name() -> None:
    with bind("localhost:0") as sock:
        assert sock.getsockname()[0] in ("127.0.0.1", "::1")


def test_binds_ipv6_in_brackets() -> None:
    with bind("[::1]:0") as sock:
        assert sock.family == socket.AF_INET6
        assert sock.getsockname()[0] == "::1"
        assert talks(sock, socket.AF_INET6, ("::1", port_of(sock)))
        assert describe(sock, "[::1]:0") == f"http://[::1]:{port_of(sock)}"


def test_binds_every_interface_of_both_families() -> None:
    with bind(":0") as sock:
        assert talks(sock, socket.AF_INET, ("127.0.0.1", port_of(sock)))
        assert talks(sock, socket.AF_INET6, ("::1", port_of(sock)))
        assert describe(sock, ":0") == f"http://[::]:{port_of(sock)}"


def test_binds_the_port_that_is_asked_for() -> None:
    with bind("127.0.0.1:0") as first:
        port = port_of(first)
    with bind(f"127.0.0.1:{port}") as sock:
        assert port_of(sock) == port


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["umask 000", "umask 022", "umask 077"])
def _umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_umask")
def test_binds_a_unix_socket_for_user_and_group(short_tmp: Path) -> None:
    path = short_tmp / "worker.sock"
    with bind(f"unix:{path}") as sock:
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert talks(sock, socket.AF_UNIX, str(path))
        assert describe(sock, f"unix:{path}") == f"unix:{path}"


@pytest.mark.usefixtures("_umask")
@pytest.mark.parametrize("mode", [0o600, 0o660], ids=["0600", "0660"])
def test_binds_a_unix_socket_with_the_mode_asked_for(mode: int, short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    with bind_unix(path, mode) as sock:
        assert stat.S_IMODE(path.stat().st_mode) == mode
        assert talks(sock, socket.AF_UNIX, str(path))


def refusal(address: str) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        bind(address).close()
    return error.value


NO_ADDRESSES = [
    "",
    "8066",
    "127.0.0.1",
    "127.0.0.1:",
    ":",
    "localhost:http",
    "127.0.0.1:65536",
    "127.0.0.1:99999",
    "127.0.0.1:100000",
    "127.0.0.1:-1",
    "::1:8066",
    "[::1]",
    "[::1:8066",
    "[localhost]:8066",
    "a b:8066",
    "http://127.0.0.1:8066",
    "127.0.0.1:8066/",
    "127.0.0.1:8066\n",
    "127.0.0.1:٨٠٦٦",
]


@pytest.mark.parametrize("address", NO_ADDRESSES, ids=repr)
def test_refuses_what_is_no_address(address: str) -> None:
    error = refusal(address)
    assert error.line() == f"listen address {address!r}: expected host:port, :port or unix:/path."
    assert error.code == "listen-address"


# None of these needs a name server to be found unknown.
UNKNOWN = [
    pytest.param("a..b", id="an empty label"),
    pytest.param("g" * 64, id="a label too long"),
    pytest.param(".".join(["a" * 60] * 6), id="a name too long"),
]


@pytest.mark.parametrize("host", UNKNOWN)
def test_refuses_a_name_that_nobody_has(host: str) -> None:
    error = refusal(f"{host}:8066")
    assert error.line() == f"listen address {host}:8066: the name {host} is unknown here."
    assert error.code == "listen-address"


def test_refuses_an_address_of_another_host() -> None:
    error = refusal("192.0.2.1:0")
    assert error.line() == "listen address 192.0.2.1:0: this host does not have that address."


@pytest.mark.parametrize("free", ["127.0.0.1", "[::1]", ""], ids=["IPv4", "IPv6", "every"])
def test_names_the_program_that_holds_a_port(free: str) -> None:
    with bind(f"{free}:0") as held:
        address = f"{free}:{port_of(held)}"
        error = refusal(address)
    name = psutil.Process().name()
    assert error.line() == (
        f"listen address {address}: the port is in use by {name} (pid {os.getpid()}). "
        "Stop that program, or choose another port with --listen."
    )
    assert error.code == "port-in-use"


def test_a_refused_port_can_be_had_when_its_holder_ended() -> None:
    with bind("127.0.0.1:0") as held:
        address = f"127.0.0.1:{port_of(held)}"
        refusal(address)
    bind(address).close()


@pytest.mark.usefixtures("without_rights")
def test_says_what_right_a_low_port_needs() -> None:
    lowest = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if lowest < 2:
        # As some containers set it; there is no refusal to be seen then.
        pytest.skip("here every user may bind every port")
    error = refusal("127.0.0.1:1")
    assert error.line() == (
        "listen address 127.0.0.1:1: ports below 1024 need a right this user lacks. "
        "Choose a higher port, or give the service CAP_NET_BIND_SERVICE."
    )
    assert error.code == "port-forbidden"


def refused(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as error:
        bind_unix(path, 0o600).close()
    return error.value


def test_leaves_another_file_where_it_is(short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    path.write_text("precious")
    error = refused(path)
    assert error.line() == f"socket {path}: something else is there."
    assert error.code == "socket-in-use"
    assert path.read_text() == "precious"


def test_leaves_a_folder_where_it_is(short_tmp: Path) -> None:
    assert refused(short_tmp).line() == f"socket {short_tmp}: something else is there."
    assert short_tmp.is_dir()


def test_leaves_a_link_to_a_file_where_it_is(short_tmp: Path) -> None:
    (short_tmp / "file").write_text("precious")
    path = short_tmp / "c.sock"
    path.symlink_to(short_tmp / "file")
    assert refused(path).line() == f"socket {path}: something else is there."
    assert path.is_symlink()
    assert path.read_text() == "precious"


def test_leaves_a_socket_that_somebody_listens_on(short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    with bind_unix(path, 0o600) as sock:
        error = refused(path)
        assert error.line() == f"socket {path}: another worker listens there."
        assert error.code == "socket-in-use"
        assert talks(sock, socket.AF_UNIX, str(path))


def test_replaces_a_socket_that_nobody_listens_on(short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    bind_unix(path, 0o660).close()
    assert path.exists()
    with bind_unix(path, 0o600) as sock:
        assert talks(sock, socket.AF_UNIX, str(path))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def padded(folder: Path, size: int) -> Path:
    return folder / ("x" * (size - len(os.fsencode(folder)) - 1))


def test_takes_a_path_of_107_bytes_and_no_longer_one(short_tmp: Path) -> None:
    path = padded(short_tmp, 107)
    with bind_unix(path, 0o600) as sock:
        assert talks(sock, socket.AF_UNIX, str(path))
    path = padded(short_tmp, 108)
    error = refused(path)
    assert error.line() == f"socket {path}: the path is longer than 107 bytes."
    assert error.code == "socket-path-long"


def test_measures_a_path_in_bytes(short_tmp: Path) -> None:
    path = short_tmp / ("漢" * 34)
    assert len(str(path)) < 107
    assert refused(path).code == "socket-path-long"


NOT_MADE = [
    pytest.param("none/c.sock", errno.ENOENT, id="no such folder"),
    pytest.param("file/c.sock", errno.ENOTDIR, id="below a file"),
]


@pytest.mark.parametrize(("name", "number"), NOT_MADE)
def test_says_why_a_socket_cannot_be_made(name: str, number: int, short_tmp: Path) -> None:
    (short_tmp / "file").touch()
    path = short_tmp / name
    error = refused(path)
    assert error.line() == f"socket {path}: cannot be made: {os.strerror(number)}."
    assert error.code == "socket-failed"


def test_says_that_a_path_is_none() -> None:
    assert refusal("unix:/tmp/a\0b").code == "socket-failed"


def test_tells_whether_somebody_listens(short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    assert not is_alive(path)
    with bind_unix(path, 0o600):
        assert is_alive(path)
    assert not is_alive(path)
    (short_tmp / "file").touch()
    assert not is_alive(short_tmp / "file")


def test_a_socket_with_a_full_queue_is_alive(short_tmp: Path) -> None:
    path = short_tmp / "c.sock"
    with contextlib.ExitStack() as sockets:
        sock = sockets.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        sock.bind(str(path))
        sock.listen(0)
        for _ in range(3):
            client = sockets.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            client.setblocking(False)
            client.connect_ex(str(path))
        assert is_alive(path)
        assert refused(path).line() == f"socket {path}: another worker listens there."
