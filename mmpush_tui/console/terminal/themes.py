"""The two looks: one for terminals with 16 million colours, one in the terminal's own sixteen."""

from typing import Final

from textual.theme import Theme

FULL: Final = Theme(
    name="mmpush",
    primary="#5b9dff",
    secondary="#7dd3c0",
    accent="#f2c14e",
    warning="#f2c14e",
    error="#ff6b6b",
    success="#63d297",
    foreground="#dce5f0",
    background="#0e1620",
    surface="#142030",
    panel="#1b2a3d",
    dark=True,
    variables={
        "block-cursor-background": "#2b4a73",
        "block-cursor-foreground": "#ffffff",
        "block-cursor-text-style": "bold",
        "input-selection-background": "#5b9dff 40%",
        "border": "#32475f",
        "border-blurred": "#223347",
        "quiet": "#8fa3ba",
    },
)

ANSI: Final = Theme(
    name="mmpush-ansi",
    ansi=True,
    primary="ansi_blue",
    secondary="ansi_cyan",
    accent="ansi_yellow",
    warning="ansi_yellow",
    error="ansi_red",
    success="ansi_green",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        "ansi-background": "ansi_black",
        "ansi-foreground": "ansi_white",
        "border": "ansi_blue",
        "border-blurred": "ansi_bright_black",
        "block-cursor-background": "ansi_white",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-text-style": "bold",
        "input-cursor-background": "ansi_white",
        "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_bright_blue",
        "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_bright_blue",
        "screen-selection-foreground": "ansi_black",
        "quiet": "ansi_default",
    },
)
