"""frame.py FOLDER NUMBER FRAMES WIDTH HEIGHT DEPTH: draws one frame of a Julia set that goes once round, frames/NUMBER.png.

The set is that of z² + c, c on a circle: the last frame leads to the first again. DEPTH is how often z² + c is taken at most.
Prints how much of the picture never escapes."""
import os
import struct
import sys
import zlib

import numpy

folder = sys.argv[1]
number, frames, width, height, depth = map(int, sys.argv[2:])
turn = 2 * numpy.pi * number / frames
c = 0.7885 * numpy.exp(1j * turn)
ESCAPED = 50.0


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(pixels):
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows, 6)) + chunk(b"IEND", b"")


x = numpy.linspace(-1.6, 1.6, width)
y = numpy.linspace(-1.6, 1.6, height) * height / width
z = (x[numpy.newaxis, :] + 1j * y[:, numpy.newaxis]).ravel()
steps = numpy.full(z.shape, float(depth))
inside = numpy.arange(z.size)  # those that have not escaped yet
for step in range(depth):
    z = z * z + c
    size = numpy.abs(z)
    gone = size > ESCAPED
    # The fraction of a step makes colours run into each other instead of standing in bands.
    steps[inside[gone]] = step + 1 - numpy.log2(numpy.log(size[gone]) / numpy.log(ESCAPED))
    inside, z = inside[~gone], z[~gone]
shade = numpy.sqrt(numpy.clip(steps, 0, None) / depth)[:, numpy.newaxis]
colours = 0.5 + 0.5 * numpy.cos(2 * numpy.pi * (1.5 * shade + numpy.array([0.5, 0.6, 0.7])))
colours[inside] = 0.05
path = os.path.join(folder, "frames", "%04d.png" % number)
with open(path + ".part", "wb") as file:
    file.write(png((255 * colours).astype(numpy.uint8).reshape(height, width, 3)))
os.rename(path + ".part", path)
print(round(inside.size / steps.size, 6))
