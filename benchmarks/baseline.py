"""What a push proxy is when one takes the usual parts: uvicorn, Starlette and httpx.

The forwarder that ours is measured against: no throttle, no retries, no metrics, no log.
"""

import os
import sys
import uuid

import httpx
import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


def make_app(upstream: str, ca_file: str, key_file: str, topic: str) -> Starlette:
    """Return the forwarder to ``upstream``."""
    with open(key_file, encoding="ascii") as file:
        token = jwt.encode({"iss": "TEAM567890", "iat": 0}, file.read(), algorithm="ES256")
    client = httpx.AsyncClient(http2=True, verify=httpx.create_ssl_context(verify=ca_file))

    async def send_push(request: Request) -> JSONResponse:
        push = await request.json()
        payload = {
            "aps": {"alert": {"title": push["channel_name"], "body": push["message"]}},
            "channel_id": push["channel_id"],
            "server_id": push["server_id"],
            "type": push["type"],
        }
        response = await client.post(
            f"{upstream}/3/device/{push['device_id']}",
            json=payload,
            headers={
                "authorization": f"bearer {token}",
                "apns-topic": topic,
                "apns-push-type": "alert",
                "apns-priority": "10",
                "apns-id": str(uuid.uuid4()),
            },
        )
        return JSONResponse({"status": "OK" if response.status_code == 200 else "FAIL"})

    return Starlette(routes=[Route("/api/v1/send_push", send_push, methods=["POST"])])


def main() -> None:
    """Serve on a port that the kernel chooses, and say which."""
    config = uvicorn.Config(
        make_app(*sys.argv[1:5]), port=0, http="httptools", loop="uvloop", log_level="info",
        access_log=False,
    )  # fmt: skip
    sys.stderr.write(f"{os.getpid()}\n")
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
