"""Replace parts of a text by offset, and tell where the replacements came to stand. The rest stays as the author wrote it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

Edit = tuple[int, int, str]
"""From one offset to another, this instead."""


@dataclass(slots=True)
class Splicing:
    """The replacements of one text."""

    text: str
    edits: list[Edit] = field(default_factory=list)

    def replace(self, start: int, end: int, replacement: str) -> None:
        """Replace offsets, with a blank where the replacement would grow into a word beside it."""
        if start and replacement and _is_word(self.text[start - 1]) and not _is_word(self.text[start]):
            replacement = f" {replacement}"
        if end < len(self.text) and replacement and _is_word(self.text[end]) and not _is_word(self.text[end - 1]):
            replacement = f"{replacement} "
        self.edits.append((start, end, replacement))

    def spliced(
        self, end: int, *, also: Iterable[Edit] = (), write: Callable[[str], str] = str
    ) -> tuple[str, Mapping[int, int]]:
        """Return the text up to an offset with everything replaced, and where each replacement begins in it, by its own
        offset. Of two that overlap the first is made; what reaches beyond the end is not.

        Args:
            end: where the text ends.
            also: more replacements, for this text only.
            write: makes the final form of each replacement, called in the order of the text.
        """
        parts: list[str] = []
        begins: dict[int, int] = {}
        at = length = 0
        for start, stop, replacement in sorted([*self.edits, *also]):
            if start >= at and stop <= end:
                begins[start] = length + start - at
                written = write(replacement)
                parts += (self.text[at:start], written)
                length = begins[start] + len(written)
                at = stop
        parts.append(self.text[at:end])
        return "".join(parts), begins


def _is_word(character: str) -> bool:
    return character.isalnum() or character in "_$" or character > "\x7f"
