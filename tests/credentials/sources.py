"""Where the right file comes from, as every answer about a wrong one ends."""

from typing import Final

APPLE_SOURCE: Final = (
    "Get the .p8 key at developer.apple.com > Certificates, Identifiers & Profiles > Keys, "
    "with the Apple Push Notifications service (APNs) enabled."
)
GOOGLE_SOURCE: Final = (
    "Get the right file at Firebase console > Project settings > Service accounts > "
    "Generate new private key."
)
COPY_AGAIN: Final = "Copy the file again without changing a character."
