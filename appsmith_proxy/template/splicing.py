"""Replace parts of a text by offset, and tell where the replacements came to stand. The rest stays as the author wrote it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(slots=True)
class Splicing:
    """The replacements of one text."""

    text: str
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    def replace(self, start: int, end: int, replacement: str) -> None:
        """Replace offsets, with a blank where the replacement would grow into a word beside it."""
        if start and replacement and _is_word(self.text[start - 1]) and not _is_word(self.text[start]):
            replacement = f" {replacement}"
        if end < len(self.text) and replacement and _is_word(self.text[end]) and not _is_word(self.text[end - 1]):
            replacement = f"{replacement} "
        self.edits.append((start, end, replacement))

    def spliced(self, end: int) -> tuple[str, Mapping[int, int]]:
        """Return the text up to an offset with everything replaced, and where each replacement begins in it, by its own
        offset. Of two that overlap the first is made; what reaches beyond the end is not.
        """
        parts: list[str] = []
        begins: dict[int, int] = {}
        at = length = 0
        for start, stop, replacement in sorted(self.edits):
            if start >= at and stop <= end:
                begins[start] = length + start - at
                parts += (self.text[at:start], replacement)
                length = begins[start] + len(replacement)
                at = stop
        parts.append(self.text[at:end])
        return "".join(parts), begins


def _is_word(character: str) -> bool:
    return character.isalnum() or character in "_$" or character > "\x7f"
