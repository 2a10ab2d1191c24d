"""The console's tests draw as the console does: Textual reads these while it is imported."""

import os

from mmpush_tui.console.session import Session, prepare

prepare(Session(is_remote=False, theme="mmpush", flush_s=0.05, mouse=False), os.environ)
