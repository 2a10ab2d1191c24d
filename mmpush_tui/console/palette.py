"""The palette: every action that makes sense now, found by its name."""

from collections.abc import Iterator
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider

from mmpush_tui.console.actions import ACTIONS, Action
from mmpush_tui.console.screens.base import ConsoleScreen, explain_action


class Actions(Provider):
    """The registry's actions, those of the screen in front first."""

    def _now(self) -> Iterator[Action]:
        if isinstance(self.screen, ConsoleScreen):
            yield from self.screen.actions_now()
        yield from (action for action in ACTIONS if not action.screen)

    async def discover(self) -> Hits:
        """Offer everything."""
        for action in self._now():
            yield DiscoveryHit(explain_action(action), partial(self._run, action))

    async def search(self, query: str) -> Hits:
        """Offer what matches."""
        matcher = self.matcher(query)
        for action in self._now():
            text = explain_action(action)
            if (score := matcher.match(text)) > 0:
                yield Hit(score, matcher.highlight(text), partial(self._run, action))

    async def _run(self, action: Action) -> None:
        await (self.screen if action.screen else self.app).run_action(action.do)
