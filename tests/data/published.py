"""Small files in the formats of the published data sets, and a server that misbehaves."""

import gzip
import io
import struct
import tarfile
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

CODES = {"u1": 8, "i1": 9, "i2": 11, "i4": 12, "f4": 13, "f8": 14}


def idx(array):
    """The bytes of an IDX file."""
    head = bytes([0, 0, CODES[array.dtype.str[1:]], array.ndim])
    return (
        head
        + struct.pack(f">{array.ndim}I", *array.shape)
        + array.astype(array.dtype.newbyteorder(">")).tobytes()
    )


def images(rng, count, *shape):
    return rng.integers(0, 256, (count, *shape), np.uint8)


def write_idx_folder(folder, rng, side=8, train=40, test=20, packed=False):
    """Four files as of MNIST; return x and y of both parts."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = []
    for name, count in (("train", train), ("t10k", test)):
        x, y = images(rng, count, side, side), np.arange(count, dtype=np.uint8) % 10
        parts += [x, y]
        for kind, array in (("images-idx3", x), ("labels-idx1", y)):
            data = idx(array)
            path = folder / f"{name}-{kind}-ubyte{'.gz' * packed}"
            path.write_bytes(gzip.compress(data) if packed else data)
    return parts


def cifar_batches(rng, count=4):
    """The six files of CIFAR-10 by name, and x and y of all 6 * count images."""
    x, y = images(rng, 6 * count, 3, 32, 32), np.arange(6 * count, dtype=np.uint8) % 10
    records = np.concatenate([y[:, None], x.reshape(len(x), -1)], axis=1)
    names = [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]
    files = {n: part.tobytes() for n, part in zip(names, np.split(records, 6), strict=True)}
    return files, x, y


def write_archive(path, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def png(pixels):
    """The bytes of a PNG file: (H, W) or (H, W, channels), 8 or 16 bits; all filters off."""
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    height, width = pixels.shape[:2]
    big = pixels.astype(pixels.dtype.newbyteorder(">"))
    rows = b"".join(b"\0" + row.tobytes() for row in big)
    header = struct.pack(">IIBBBBB", width, height, 8 * pixels.itemsize, colour, 0, 0, 0)

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(*c) for c in ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    )


def write_png(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(pixels))


class Handler(BaseHTTPRequestHandler):
    """Serves `server.files` below a first folder that says how: /good/name, /truncated/name …"""

    def do_GET(self):
        how, name = self.path.strip("/").split("/")
        asked = self.headers.get("Range")
        self.server.requests.append((how, name, asked))
        data = self.server.files[name]
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        if how in ("broken", "missing"):
            self.send_error({"broken": 500, "missing": 404}[how])
            return
        if how == "whole":  # what Range is, it does not know
            start = 0
        if how == "wrong":
            data = bytes(len(data))
        if how == "short":
            data = b"<html>we have moved</html>"
        body = data[start:]
        self.send_response(206 if asked and how != "whole" else 200)
        if how != "chunked":
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if how == "truncated" else body)

    def log_message(self, *_):
        pass


@contextmanager
def serving(files):
    """A server of `files` on 127.0.0.1: its address and its list of requests (how, name, Range)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.files, server.requests = files, []
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", server.requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
