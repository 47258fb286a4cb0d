"""One frame read ahead, so that decoding runs beside the effect's own work."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from likeness.media import Source
    from likeness.media.image import Image
    from likeness.media.look import Look


class ReadAhead:
    """A `Source` that reads the following frame while the last one is in use.

    All reading happens on one thread, so a decoder is never entered twice. `check` is called before
    each read and stops the job by raising.
    """

    def __init__(self, source: Source, check: Callable[[], None]) -> None:
        self._source = source
        self._check = check
        self._next = dict(zip(source.frames, source.frames[1:], strict=False))
        self._reader = ThreadPoolExecutor(1, "read-ahead")
        self._ahead: tuple[tuple[str, int], Future[Any]] | None = None

    @classmethod
    def of(cls, source: Source, check: Callable[[], None]) -> Source:
        """`source` with reading ahead; it has every attribute of the source itself."""
        return cast("Source", cls(source, check))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self, frame: int) -> Image:
        """The picture of `frame`; the reading of the one after it has then begun."""
        image: Image = self._ahead_of(self._source.read, frame)
        return image

    def look(self, frame: int) -> Look:
        """The same of `Source.look`."""
        look: Look = self._ahead_of(self._source.look, frame)
        return look

    def _ahead_of(self, read: Callable[[int], Any], frame: int) -> Any:
        self._check()
        ahead, self._ahead = self._ahead, None
        if ahead is not None and ahead[0] == (read.__name__, frame):
            got = ahead[1].result()
        else:
            got = self._reader.submit(read, frame).result()
        following = self._next.get(frame)
        if following is not None and not self._source.is_still:
            self._ahead = (read.__name__, following), self._reader.submit(read, following)
        return got

    def close(self) -> None:
        """Wait for a read under way, then close the source."""
        self._reader.shutdown(cancel_futures=True)
        self._source.close()

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
