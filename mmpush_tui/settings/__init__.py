"""The System Console's Push Notification Server page as data, and where its values live.

Everything here but :mod:`~mmpush_tui.settings.sources` is pure.
"""
