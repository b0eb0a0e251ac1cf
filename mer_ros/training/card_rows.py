"""Parts of a card that models of one task alone have: words as heard, orders of clips, worse conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def order_rows(found: Mapping[str, Any] | None) -> Iterator[str]:
    """Rows on the clips in several orders."""
    if found is not None:
        low, high = found["uar_range"]
        orders = f"{found['orders']} orders of the clips"
        yield f"| {orders}: UAR, mean and range | {found['uar']:.3f} | {low:.3f} to {high:.3f} |"
        yield f"| {orders}: mean confidence | {found['confidence']:.3f} | |"
        yield f"| {orders}: accuracy | {found['accuracy']:.3f} | |"
        low, high = found["ece_range"]
        yield f"| {orders}: ECE of each, range | | {low:.3f} to {high:.3f} |"
        yield f"| {orders}: ECE of all answers together | {found['ece']:.3f} | |"
        yield f"| {orders}: the same of perfectly calibrated answers, by chance | {found['ece_by_chance']:.3f} | |"


def word_rows(measured: Mapping[str, Any]) -> Iterator[str]:
    """Rows on short answers, and on words as they were heard."""
    short = measured.get("short_answers", {})
    for key, words in (("with_context", "after the turns before"), ("without_context", "alone")):
        if key in short:
            yield f"| {short['n']} short answers ({words}): weighted F1 | {short[key]['weighted_f1']:.3f} | |"
    for heard in measured.get("heard", ()):
        what = f"heard from {' and '.join(heard['voices'])}, word error rate {heard['word_error_rate']:.3f}"
        yield f"| {what}: weighted F1 | {heard['weighted_f1']:.3f} | |"
        yield f"| {what}: drop from the {heard['n']:,} lines as written | {heard['drop']:.3f} | |"
        if "unmarked_weighted_f1" in heard:
            lost = heard["written_weighted_f1"] - heard["unmarked_weighted_f1"]
            yield f"| {what}: of that, from exclamation marks, which nobody hears | {lost:.3f} | |"


def robust_table(found: Mapping[str, Any], scores: Mapping[str, str]) -> Iterator[str]:
    """A table of what is left under worse conditions."""
    if not found:
        return
    same = ', or, for "same answer", the share answered as before' if "same answer" in found else ""
    yield f"Under worse conditions, {scores[found['score']]}{same} (n = {found['n']:,}):"
    yield ""
    yield "| changed | how | value |"
    yield "|---|---|---|"
    for kind, settings in found.items():
        if isinstance(settings, Mapping):
            yield from (f"| {kind} | {how} | {value:.3f} |" for how, value in settings.items())
    yield ""
