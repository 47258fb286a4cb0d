"""Pictures, clips, sound and color: everything between a file and an array."""

from likeness.media.image import Image, rgb
from likeness.media.layers import write_layers
from likeness.media.movie import MovieWriter, write_movie
from likeness.media.picture import read_picture, write_image
from likeness.media.sound import read_sound
from likeness.media.source import Source, open_source

__all__ = [
    "Image",
    "MovieWriter",
    "Source",
    "open_source",
    "read_picture",
    "read_sound",
    "rgb",
    "write_image",
    "write_layers",
    "write_movie",
]
