"""The next frames read ahead, so that decoding runs beside the effect's own work."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

from likeness.abreast import at_once, large

if TYPE_CHECKING:
    from likeness.media import Source
    from likeness.media.image import Image
    from likeness.media.look import Look


class ReadAhead:
    """A `Source` that reads the next frames while the last ones are in use, as many as are drawn abreast.

    Large pictures are not read ahead: one more of 100 MB would lie beside all layers of a frame of 4K, which
    takes far longer than the reading.
    All reading happens on one thread, so a decoder is never entered twice; any thread may ask. `check` is
    called before each read and stops the job by raising.
    """

    def __init__(self, source: Source, check: Callable[[], None]) -> None:
        self._source = source
        self._check = check
        self._frames: Sequence[int] = () if source.is_still else source.frames
        self._place = {frame: place for place, frame in enumerate(self._frames)}
        size, most = (source.width, source.height), at_once(source.width, source.height)
        self._most = {"look": most, "read": 0 if large(*size) else most}
        self._reader = ThreadPoolExecutor(1, "read-ahead")
        self._asking = threading.Lock()
        self._ahead: dict[tuple[str, int], Future[Any]] = {}  # by what is read, and the place
        self._end = 0  # the place before which all reading has begun

    @classmethod
    def of(cls, source: Source, check: Callable[[], None]) -> Source:
        """`source` with reading ahead; it has every attribute of the source itself."""
        return cast("Source", cls(source, check))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def read(self, frame: int) -> Image:
        """The picture of `frame`; the reading of those after it has then begun."""
        image: Image = self._read(self._source.read, frame)
        return image

    def look(self, frame: int) -> Look:
        """The same of `Source.look`."""
        look: Look = self._read(self._source.look, frame)
        return look

    def _read(self, read: Callable[[int], Any], frame: int) -> Any:
        self._check()
        place = self._place.get(frame)
        if place is None:
            return self._reader.submit(read, frame).result()
        with self._asking:
            got = self._ahead.pop((read.__name__, place), None)
            if got is None:
                self._ahead.clear()  # another way through the frames begins
                self._end = place + 1
                got = self._reader.submit(read, frame)
            most = self._most[read.__name__]
            for passed in [key for key in self._ahead if key[1] < place - most]:
                del self._ahead[passed]
            following = range(self._end, min(place + 1 + most, len(self._frames)))
            for then in following:
                self._ahead[read.__name__, then] = self._reader.submit(read, self._frames[then])
            self._end = max(self._end, following.stop)
        return got.result()

    def close(self) -> None:
        """Wait for a read under way, then close the source."""
        self._reader.shutdown(cancel_futures=True)
        self._source.close()

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
