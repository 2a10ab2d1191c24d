"""The worker as a service: TLS, sockets, systemd, files that change, access, restarts, secrets."""

import asyncio
import base64
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mmpush_tui.proxy.records import journal_queries
from mmpush_tui.simulator.credentials import AppleKey
from mmpush_tui.simulator.net.ca import ThrowAwayCA
from mmpush_tui.simulator.net.connect_proxy import ConnectProxy
from mmpush_tui.watching.process import OURSELVES
from tests.proxy.vendors import PROJECT, Serving, Vendors, notification, serving
from tests.waiting import eventually

pytestmark = pytest.mark.slow


@pytest.fixture
async def vendors(short_tmp: Path) -> AsyncIterator[Vendors]:
    async with Vendors(short_tmp) as it:
        yield it


def log(vendors: Vendors) -> str:
    return (vendors.folder / "worker.log").read_text()


# TLS


def write_certificate(ca: ThrowAwayCA, folder: Path, name: str = "localhost") -> tuple[str, str]:
    issued = ca._ca.issue_cert(name)
    chain, key = folder / "tls.pem", folder / "tls.key"
    chain.write_bytes(b"".join(it.bytes() for it in issued.cert_chain_pems))
    key.write_bytes(issued.private_key_pem.bytes())
    key.chmod(0o600)
    return str(chain), str(key)


async def version_over_tls(stage: Serving, ca: ThrowAwayCA) -> str:
    context = ca.client_context(alpn=("http/1.1",))
    url = stage.worker.url.replace("127.0.0.1", "localhost")
    async with httpx.AsyncClient(verify=context, trust_env=False) as http:
        return str((await http.get(f"{url}/version")).json()["version"])


async def test_speaks_tls_and_takes_a_new_certificate_when_its_file_changes(
    vendors: Vendors,
) -> None:
    first, second = ThrowAwayCA(), ThrowAwayCA()
    chain, key = write_certificate(first, vendors.folder)
    vendors.write(vendors.apple_entry(), tls_certificate_file=chain, tls_key_file=key)
    async with serving(vendors) as stage:
        assert stage.worker.url.startswith("https://127.0.0.1:")
        assert await version_over_tls(stage, first) == "6.5.0"
        # A key that is another certificate's is no reason to stop serving.
        (vendors.folder / "tls.key").write_text("half a file")
        await eventually(lambda: logged(vendors, "reload failed"))
        assert await version_over_tls(stage, first) == "6.5.0"
        write_certificate(second, vendors.folder)
        await eventually(lambda: accepts(stage, second))
        with pytest.raises(httpx.ConnectError):
            await version_over_tls(stage, first)


async def accepts(stage: Serving, ca: ThrowAwayCA) -> bool:
    try:
        return await version_over_tls(stage, ca) == "6.5.0"
    except (httpx.HTTPError, ssl.SSLError):
        return False


async def logged(vendors: Vendors, words: str) -> bool:
    return words in log(vendors)


TLS_FILES = [
    ({"tls_key_file": "/k"}, "TLSKeyFile is set without TLSCertificateFile"),
    ({"tls_certificate_file": "/none"}, "TLS file /none: cannot be read: No such file"),
    ({"tls_certificate_file": "{ca}"}, "there is no certificate with its key, without a password"),
    ({"tls_certificate_file": "{chain}", "tls_key_file": "{other}"},
     "the key is another certificate's"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "words"), TLS_FILES)
async def test_tls_files_that_do_not_fit_are_named(
    vendors: Vendors, settings: dict[str, str], words: str
) -> None:
    chain, key = write_certificate(ThrowAwayCA(), vendors.folder)
    other = vendors.folder / "other.key"
    shutil.copy(key, other)
    write_certificate(ThrowAwayCA(), vendors.folder)
    files = {"ca": vendors.ca_file, "chain": chain, "other": other}
    proxy: dict[str, Any] = {name: value.format(**files) for name, value in settings.items()}
    vendors.write(vendors.apple_entry(), **proxy)
    with pytest.raises(Exception, match=words):
        async with serving(vendors):
            pass


# Unix socket, systemd


async def test_listens_on_a_unix_socket(vendors: Vendors) -> None:
    path = vendors.folder / "push.sock"
    vendors.write(vendors.apple_entry(), listen_address=f"unix:{path}")
    async with serving(vendors) as stage:
        assert stage.worker.url == f"unix:{path}"
        transport = httpx.AsyncHTTPTransport(uds=str(path))
        async with httpx.AsyncClient(transport=transport) as http:
            body = notification(vendors.phones.add_apple().token)
            response = await http.post("http://push/api/v1/send_push", content=body)
            assert response.json() == {"status": "OK"}
    assert not path.exists()


@contextlib.contextmanager
def told() -> Iterator[socket.socket]:
    """Give a socket as systemd's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(f"\0mmpush-test-{os.getpid()}-{random.random()}")  # noqa: S311 - a name
        sock.settimeout(15)
        yield sock


def hears(sock: socket.socket, wanted: str) -> str:
    while True:
        words = sock.recv(1000).decode()
        if wanted in words:
            return words


async def test_is_a_service_of_systemd(vendors: Vendors) -> None:
    vendors.write(vendors.apple_entry())
    with told() as manager, socket.create_server(("127.0.0.1", 0)) as listening:
        # What systemd does between fork and exec, which Python's subprocess cannot: the pid.
        script = (
            "import os,sys; os.dup2(int(sys.argv[1]), 3); os.set_inheritable(3, True); "
            "os.environ['LISTEN_PID'] = str(os.getpid()); "
            "os.environ['WATCHDOG_PID'] = str(os.getpid()); "
            "os.execv(sys.argv[2], sys.argv[2:])"
        )
        address = manager.getsockname()
        environment = os.environ | {
            "NOTIFY_SOCKET": "@" + address[1:].decode(), "LISTEN_FDS": "1",
            "WATCHDOG_USEC": "400000",
        }  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", script, str(listening.fileno())),
            *(*OURSELVES, "serve", "--config", str(vendors.config)),
            *("--control", str(vendors.folder / "c.sock")),
            env=environment, pass_fds=[listening.fileno()], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = listening.getsockname()[1]
            ready = await asyncio.to_thread(hears, manager, "READY=1")
            assert f"STATUS=listening on http://127.0.0.1:{port}" in ready
            for _ in range(3):
                await asyncio.to_thread(hears, manager, "WATCHDOG=1")
            async with httpx.AsyncClient(trust_env=False) as http:
                body = notification(vendors.phones.add_apple().token)
                url = f"http://127.0.0.1:{port}/api/v1/send_push"
                assert (await http.post(url, content=body)).json() == {"status": "OK"}
            process.send_signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in await asyncio.to_thread(hears, manager, "RELOADING=1")
            await asyncio.to_thread(hears, manager, "READY=1")
            process.terminate()
            await asyncio.to_thread(hears, manager, "STOPPING=1")
            assert await asyncio.wait_for(process.wait(), 20) == 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()


# Files that change (49)


async def test_a_key_that_is_replaced_is_used_and_half_a_key_is_not(vendors: Vendors) -> None:
    vendors.write(vendors.apple_entry())
    path = vendors.keys[0].write(vendors.folder)
    good = vendors.keys[0].private_pem
    async with serving(vendors) as stage:
        assert await stage.push(vendors.phones.add_apple()) == {"status": "OK"}
        vendors.folder.joinpath(path.name).write_text(good[: len(good) // 2])
        await eventually(lambda: logged(vendors, "kept=apple_rn"))
        assert await stage.push(vendors.phones.add_apple()) == {"status": "OK"}
        vendors.folder.joinpath(path.name).write_text(good)
        await eventually(lambda: reloads(vendors, 2))
        assert await stage.push(vendors.phones.add_apple()) == {"status": "OK"}


async def reloads(vendors: Vendors, count: int) -> bool:
    return log(vendors).count("info    reloaded") >= count


async def test_what_counts_from_the_next_start_is_said(vendors: Vendors) -> None:
    vendors.write(vendors.apple_entry(), watch_files=False)
    async with serving(vendors) as stage:
        vendors.write(
            vendors.apple_entry(), watch_files=False, enable_metrics=True, log_level="warn"
        )
        found = await stage.reload()
        assert found["needs_restart"] is True
        assert found["restart_for"] == ["enable_metrics", "log_level"]


# Who may send


async def test_access_is_asked_for_over_the_wire(vendors: Vendors) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = vendors.folder / "mattermost.pem"
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    vendors.write(
        vendors.apple_entry(), access_user="mm", access_password="s3cret", path_prefix="/hidden",
        allowed_server_ids=["server-1"], signature_key_file=str(public), enable_metrics=True,
    )  # fmt: skip
    vendors.config.chmod(0o600)
    async with serving(vendors) as stage:
        base, phone = stage.worker.url, vendors.phones.add_apple()
        url = base.replace("http://", "http://mm:s3cret@") + "/hidden"

        async def post(at: str, **fields: Any) -> httpx.Response:
            claims = {"ack_id": "a1", "device_id": phone.token}
            document = json.loads(notification(phone.token)) | {
                "ack_id": "a1", "signature": jwt.encode(claims, key, algorithm="ES256"),
            }  # fmt: skip
            body = json.dumps(document | fields).encode()
            return await stage.http.post(f"{at}/api/v1/send_push", content=body)

        assert (await post(url)).json() == {"status": "OK"}
        assert (await post(base)).status_code == 404
        assert (await post(f"{base}/hidden")).status_code == 401
        assert (await post(url, server_id="server-2")).json()["error"] == (
            "Failed because this server is not allowed here serverId=server-2"
        )
        assert (await post(url, ack_id="a2")).json()["error"] == (
            "Failed because of a wrong signature serverId=server-1"
        )
        assert (await post(url, signature="")).json()["error"] == (
            "Failed because of missing signature serverId=server-1"
        )
        assert (await post(url, signature="", type="test")).json() == {"status": "OK"}
        assert (await stage.http.get(f"{base}/healthz")).json() == {"status": "ok"}
        metrics = (await stage.http.get(f"{url}/metrics")).text
        assert 'mmpush_refused_total{reason="path"} 1.0' in metrics
        assert 'reason="signature_invalid"' in metrics
        assert "s3cret" not in log(vendors) + metrics


async def test_a_port_that_is_open_to_all_is_warned_of(vendors: Vendors) -> None:
    vendors.write(vendors.apple_entry(), listen_address="0.0.0.0:0")
    async with serving(vendors):
        assert "is open to everybody who reaches this host" in log(vendors)


# Health


async def test_health_says_what_is_wrong(vendors: Vendors) -> None:
    vendors.write(vendors.apple_entry(), vendors.apple_entry(type="apple_rnbeta", topic=""))
    async with serving(vendors) as stage:

        async def health() -> tuple[int, dict[str, Any]]:
            response = await stage.http.get(f"{stage.worker.url}/healthz")
            return response.status_code, response.json()

        assert await health() == (200, {"status": "degraded", "targets": {
            "apple_rn": "ready", "android_rn": "ready", "apple_rnbeta": "disabled",
        }})  # fmt: skip
        await vendors.apple.faults.raise_("upstream-down")
        await asyncio.gather(*(stage.push(vendors.phones.add_apple()) for _ in range(6)))
        status, document = await health()
        assert (status, document["targets"]["apple_rn"]) == (200, "open")
        targets = {it["type"]: it for it in (await stage.client.status())["targets"]}
        assert targets["apple_rn"]["breaker"] == "open"
        assert "refused the connection" in targets["apple_rn"]["cause"]
        await vendors.apple.faults.clear()


async def test_held_removals_are_released_by_hand(vendors: Vendors) -> None:
    vendors.write(vendors.apple_entry())
    async with serving(vendors) as stage:
        await vendors.apple.faults.raise_("apple-refuses")
        answers = [await stage.push(vendors.phones.add_apple()) for _ in range(7)]
        assert Counter(it["status"] for it in answers) == {"REMOVE": 5, "FAIL": 2}
        target = (await stage.client.status())["targets"][0]
        assert target["held_removals"] == 2
        done = await asyncio.create_subprocess_exec(
            *OURSELVES, "release", "apple_rn", "--control", str(stage.worker.control),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, err = await done.communicate()
        assert (done.returncode, out, err) == (
            0, b"apple_rn passes removals on again.\n", b"",
        )  # fmt: skip
        assert await stage.push(vendors.phones.add_apple()) == {"status": "REMOVE"}
        await vendors.apple.faults.clear()


# The journal


async def test_a_receipt_after_a_restart_finds_its_delivery(vendors: Vendors) -> None:
    path = vendors.folder / "journal.db"
    vendors.write(vendors.apple_entry(), journal_file=str(path))
    body = json.loads(notification(vendors.phones.add_apple().token)) | {"ack_id": "ack-1"}
    async with serving(vendors) as stage:
        url = f"{stage.worker.url}/api/v1/send_push"
        answer = await stage.http.post(url, content=json.dumps(body).encode())
        assert answer.json() == {"status": "OK"}
    async with serving(vendors) as stage:
        for ack in ("ack-1", "ack-2"):
            receipt = json.dumps({"id": ack, "platform": "ios", "type": "message"}).encode()
            answer = await stage.http.post(f"{stage.worker.url}/api/v1/ack", content=receipt)
            assert answer.json() == {"status": "OK"}
        await eventually(lambda: counted(stage, acknowledged=1, unmatched_acks=1))
    (kept,) = journal_queries.read_journal(path)
    assert kept.status == "OK"
    assert kept.ms["device"] > 0


async def counted(stage: Serving, **counts: int) -> bool:
    found = (await stage.client.status())["counts"]
    return all(found[name] == count for name, count in counts.items())


async def test_a_journal_that_cannot_be_written_stops_no_push(vendors: Vendors) -> None:
    (vendors.folder / "file").write_text("no folder")
    vendors.write(vendors.apple_entry(), journal_file=str(vendors.folder / "file" / "j.db"))
    async with serving(vendors) as stage:
        assert await stage.push(vendors.phones.add_apple()) == {"status": "OK"}
        await eventually(lambda: logged(vendors, "cannot be written, pushes go on without"))


# Connections that are dropped while pushes are under way


async def test_800_pushes_while_apple_drops_its_connections_four_times(vendors: Vendors) -> None:
    vendors.write(vendors.apple_entry(), throttle_per_sec=100_000)
    apple, phones = vendors.apple, vendors.phones
    devices = [phones.add_apple() for _ in range(800)]
    async with serving(vendors) as stage:
        await vendors.apple.faults.raise_("slow", seconds=0.05)
        answers: list[dict[str, str]] = []

        async def sender(mine: list[Any]) -> None:
            for phone in mine:
                answers.append(await stage.push(phone))
                await asyncio.sleep(0.03)

        async def chaos() -> None:
            for _ in range(4):
                await asyncio.sleep(0.25)
                for connection in apple.connections:
                    connection.abort(reset=True)

        async with asyncio.TaskGroup() as group:
            for index in range(40):
                group.create_task(sender(devices[index::40]))
            group.create_task(chaos())
        statuses = Counter(answer["status"] for answer in answers)
        got = Counter(received.token for received in phones.received)
        doubled = sum(count - 1 for count in got.values())
        lost = [phone for phone in devices if phone.token not in got]
        failed = [answer["error"] for answer in answers if answer["status"] != "OK"]
        print(f"{statuses}, {doubled} doubled, {len(lost)} never arrived")  # noqa: T201 - the count
        assert len(answers) == 800
        # What failed was ambiguous twice: the only thing that may.
        assert all("dropped the connection" in error for error in failed), failed
        assert len(lost) <= len(failed)
        tries = Counter(end.tries for end in await stage.ends())
        assert doubled <= sum(count for number, count in tries.items() if number > 1)
        assert max(got.values()) <= 2


# Nothing secret anywhere


CANARY = "canary-text-that-nobody-may-see"


async def test_no_secret_is_in_anything_the_worker_says(vendors: Vendors) -> None:
    key = AppleKey.make(7)
    async with ConnectProxy("ann:canary-proxy-password") as proxy:
        vendors.write(
            vendors.apple_entry(proxy=proxy.url),
            vendors.apple_entry(type="apple_wrong", proxy=proxy.url, auth_key_id=key.key_id,
                                team_id=key.team_id),
            android=vendors.android_entry(proxy=proxy.url),
            journal_file=str(vendors.folder / "j.db"), log_level="debug", enable_metrics=True,
            access_user="mm", access_password="canary-access", path_prefix="/canary-prefix",
            enable_file_log=True, log_file_location=str(vendors.folder / "push.log"),
        )  # fmt: skip
        vendors.config.chmod(0o600)
        phones = [vendors.phones.add_apple(), vendors.phones.add_android(PROJECT)]
        said: list[bytes] = []
        async with serving(vendors) as stage, stage.client.events() as events:
            base = stage.worker.url.replace("://", "://mm:canary-access@") + "/canary-prefix"

            async def post(token: str, platform: str, **fields: Any) -> None:
                body = json.loads(notification(token, platform)) | {
                    "message": CANARY, "sender_name": CANARY, "channel_name": CANARY,
                    "override_username": CANARY, "ack_id": "ack",
                } | fields  # fmt: skip
                for path in ("/api/v1/send_push", "/api/v1/ack"):
                    content = json.dumps(body).encode()
                    response = await stage.http.post(base + path, content=content)
                    said.append(response.content)

            for phone in phones:
                await post(phone.token, f"{phone.platform}-v2")
                await post(phone.token, f"{phone.platform}-v2", type=CANARY[:20])
                for fault in ("internal-error", "reset-after-body", "error-500-html"):
                    side = vendors.apple if phone is phones[0] else vendors.google
                    await side.faults.raise_(fault, times=1)
                    await post(phone.token, f"{phone.platform}-v2")
                    await side.faults.clear()
                await post(phone.token + "?x", f"{phone.platform}-v2")
            await post(phones[0].token, "apple_wrong")
            await post(phones[0].token, "apple_rn", badge="x")
            await post(phones[0].token, phones[0].token)
            proxy.mood = "auth"
            await proxy.drop()
            for phone in phones:
                await post(phone.token, f"{phone.platform}-v2")
            said.append((await stage.http.get(f"{base}/metrics")).content)
            said.append((await stage.http.get(f"{base}/healthz")).content)
            said.append(json.dumps(await stage.client.status()).encode())
            said.append(json.dumps(await stage.client.deliveries(limit=2000)).encode())
            await stage.client.command("stop")
            async for event in events:
                said.append(repr(event).encode())
        for path in vendors.folder.iterdir():
            if path.suffix in (".log", ".db", ".db-wal"):
                said.append(path.read_bytes())
        with contextlib.closing(sqlite3.connect(vendors.folder / "j.db")) as database:
            assert database.execute("SELECT count(*) FROM delivery").fetchone()[0] >= 15
    everything = b"\n".join(said)
    private = [line for line in vendors.keys[0].private_pem.splitlines() if "-----" not in line]
    secrets = [phone.token for phone in phones] + [phone.token[10:40] for phone in phones]
    secrets += [CANARY[:26], *private, "canary-proxy", "canary-access", "canary-prefix"]
    secrets += [base64.b64encode(b"ann:canary-proxy-password").decode()]
    secrets += [base64.b64encode(b"mm:canary-access").decode()]
    secrets += [token for token in vendors.apple.tokens if token]
    for secret in secrets:
        assert secret.encode() not in everything, secret[:12]
    assert vendors.apple.tokens
