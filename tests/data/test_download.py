"""Downloads from a server of our own that fails in every way; nothing half-written stays."""

import errno
import gzip
import hashlib
import socket
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.data.published import idx, images, serving, write_idx_folder
from tinygrad_lite import cli, data
from tinygrad_lite.data import download
from tinygrad_lite.errors import ArgumentError, DataError, DownloadError

NAMES = [f"{a}-{b}-ubyte.gz" for a in ("train", "t10k") for b in ("images-idx3", "labels-idx1")]
TRAIN = NAMES[0]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TINYGRAD_LITE_DATA", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache/mnist"


@pytest.fixture
def files(rng):
    """Four files as of MNIST, by name."""
    arrays = [images(rng, 400, 8, 8), np.zeros(400, "u1"), images(rng, 20, 8, 8), np.ones(20, "u1")]
    return {n: gzip.compress(idx(a)) for n, a in zip(NAMES, arrays, strict=True)}


@pytest.fixture
def server(files, monkeypatch):
    """publish(*ways): mnist is found at mirrors that answer so; requests: what they were asked."""

    class Server:
        def publish(self, *ways):
            published = [
                download.File(name, len(content), hashlib.sha256(content).hexdigest())
                for name, content in files.items()
            ]
            mirrors = tuple(way if "//" in way else f"{address}{way}/" for way in ways)
            source = download.Source(mirrors, tuple(published))
            monkeypatch.setitem(download.SOURCES, "mnist", source)

    with serving(files) as (address, requests):
        found = Server()
        found.address, found.requests = address, requests
        found.publish("good")
        yield found


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def whole(folder, files):
    """All is there, and nothing else."""
    assert names(folder) == sorted(files)
    assert all((folder / name).read_bytes() == content for name, content in files.items())


def says(call, *parts, kind=DownloadError):
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    for part in (*parts, "\n  fix: ", f"\n  at:  {__file__}:"):
        assert part in text, text
    return text


def quiet(*_):
    pass


# -- what is published ----------------------------------------------------------------------------


def test_every_published_file_is_pinned():
    assert set(download.SOURCES) == {"mnist", "fashion_mnist", "cifar10"}
    digests = [file.sha256 for source in download.SOURCES.values() for file in source.files]
    assert len(digests) == len(set(digests)) == 9
    for source in download.SOURCES.values():
        assert len(source.mirrors) >= 2
        assert all(
            m.startswith(("https://", "http://")) and m.endswith("/") for m in source.mirrors
        )
        for file in source.files:
            assert len(bytes.fromhex(file.sha256)) == 32
            assert file.size > 4000


def test_the_cache_folder(monkeypatch, tmp_path):
    assert data.cache_folder() == tmp_path / "cache"
    monkeypatch.delenv("TINYGRAD_LITE_DATA")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data.cache_folder() == tmp_path / "tinygrad_lite/data"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data.cache_folder() == tmp_path / ".cache/tinygrad_lite/data"


# -- when all goes well ---------------------------------------------------------------------------


def test_fetch_and_load(server, files, cache, capsys):
    assert data.fetch("mnist") == cache
    whole(cache, files)
    lines = capsys.readouterr().err.splitlines()  # no terminal: a line a file
    assert [line.split()[0] for line in lines] == NAMES
    train, test = data.mnist()
    assert (len(train), len(test)) == (400, 20)
    assert len(server.requests) == 4


def test_nothing_is_downloaded_unless_asked_for(server, cache, tmp_path):
    says(data.mnist, "lacks", "fetch mnist", kind=DataError)
    assert server.requests == []
    assert not cache.exists()
    train, _ = data.mnist(tmp_path / "mine", download=True)
    assert len(train) == 400
    assert not cache.exists()


def test_what_is_there_is_kept(server, files, cache):
    cache.mkdir(parents=True)
    (cache / TRAIN).write_bytes(files[TRAIN])
    data.fetch("mnist")
    assert [name for _, name, _ in server.requests] == NAMES[1:]
    data.fetch("mnist")
    assert len(server.requests) == 3


def test_progress(server, files, monkeypatch):
    monkeypatch.setattr(download, "_CHUNK", 5000)
    told = []
    data.fetch("mnist", progress=lambda *step: told.append(step))
    size = len(files[TRAIN])
    steps = [(done, of) for name, done, of in told if name == TRAIN]
    assert steps == [(min(done, size), size) for done in range(5000, size + 5000, 5000)]


def test_progress_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    download.show_progress("a.gz", 1_500_000, 3_000_000)
    download.show_progress("a.gz", 3_000_000, 3_000_000)
    assert capsys.readouterr().err == "a.gz  1.5 of 3.0 MB\ra.gz  3.0 of 3.0 MB\n"


# -- resuming -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["good", "whole", "chunked"])
def test_a_partial_download_is_continued(server, files, cache, way):
    cache.mkdir(parents=True)
    server.publish(way)
    part = cache / f"{TRAIN}.part"
    part.write_bytes(files[TRAIN][:1000])
    data.fetch("mnist", progress=quiet)
    whole(cache, files)
    assert server.requests[0] == (way, TRAIN, "bytes=1000-")
    assert len(server.requests) == 4


def test_a_part_that_only_lacks_its_name(server, files, cache):
    cache.mkdir(parents=True)
    (cache / f"{TRAIN}.part").write_bytes(files[TRAIN])
    data.fetch("mnist", progress=quiet)
    whole(cache, files)
    assert TRAIN not in [name for _, name, _ in server.requests]


@pytest.mark.parametrize("length", [1000, 10**6])
def test_a_wrong_part_costs_a_good_mirror_nothing(server, files, cache, length):
    cache.mkdir(parents=True)
    (cache / f"{TRAIN}.part").write_bytes(bytes(length))
    data.fetch("mnist", progress=quiet)
    whole(cache, files)


def test_a_download_that_breaks_off_goes_on_elsewhere(server, files, cache):
    server.publish("truncated", "good")
    data.fetch("mnist", progress=quiet)
    whole(cache, files)
    half = len(files[TRAIN]) // 2
    assert server.requests[:2] == [("truncated", TRAIN, None), ("good", TRAIN, f"bytes={half}-")]


def test_an_interrupted_download_leaves_a_part_to_go_on_from(server, files, cache, monkeypatch):
    monkeypatch.setattr(download, "_CHUNK", 1000)

    def interrupt(_, done, __):
        if done >= 3000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        data.fetch("mnist", progress=interrupt)
    assert names(cache) == [f"{TRAIN}.part"]
    data.fetch("mnist", progress=quiet)
    whole(cache, files)
    assert server.requests[1] == ("good", TRAIN, "bytes=3000-")


# -- when mirrors fail ----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["broken", "wrong", "short", "http://127.0.0.1:9/"])
def test_the_next_mirror_helps_out(server, files, cache, way):
    server.publish(way, "good")
    data.fetch("mnist", progress=quiet)
    whole(cache, files)


def test_all_mirrors_fail_each_for_its_reason(server, files, cache):
    free = socket.socket()  # bound, but nobody listens
    free.bind(("127.0.0.1", 0))
    with free:
        closed = f"http://127.0.0.1:{free.getsockname()[1]}/"
        server.publish("broken", "wrong", "short", "missing", closed)
        text = says(lambda: data.fetch("mnist"), f"{TRAIN}: no mirror delivers it")
    reasons = dict(line.strip().split(": ", 1) for line in text.splitlines() if "http://" in line)
    digests = [hashlib.sha256(c).hexdigest() for c in (bytes(len(files[TRAIN])), files[TRAIN])]
    assert reasons[f"{server.address}broken/{TRAIN}"] == "HTTP 500 Internal Server Error"
    assert reasons[f"{server.address}wrong/{TRAIN}"] == (
        f"wrong checksum: SHA-256 {digests[0]}, not {digests[1]}"
    )
    assert reasons[f"{server.address}short/{TRAIN}"].startswith("it offers 26 bytes, not ")
    assert reasons[f"{server.address}missing/{TRAIN}"] == "HTTP 404 Not Found"
    assert "refused" in reasons[f"{closed}{TRAIN}"]
    assert len(reasons) == 5
    assert names(cache) == []


def test_a_wrong_checksum_leaves_nothing(server, cache):
    server.publish("wrong")
    says(lambda: data.mnist(download=True), f"wrong/{TRAIN}: wrong checksum")
    assert names(cache) == []


def test_a_download_that_always_breaks_off(server, files, cache):
    server.publish("truncated")
    size = len(files[TRAIN])
    says(lambda: data.fetch("mnist"), f"it ends after {size // 2:,} of {size:,} bytes")
    assert names(cache) == [f"{TRAIN}.part"]  # to go on from, under no name that is ever read


def test_a_mirror_that_says_nothing(server, cache, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server.publish(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        says(lambda: data.fetch("mnist"), "timed out")
    assert names(cache) == []


def test_another_file_of_that_name_is_not_overwritten(server, cache):
    cache.mkdir(parents=True)
    (cache / TRAIN).write_bytes(b"mine")
    says(lambda: data.fetch("mnist"), "is not the file of mnist that was published", kind=DataError)
    assert (cache / TRAIN).read_bytes() == b"mine"


def test_an_unknown_name(server):
    says(lambda: data.fetch("mnits"), "no published data set 'mnits'", "mnist", kind=ArgumentError)


# -- when the disk fails --------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_full_disk(server, cache):
    cache.mkdir(parents=True)
    (cache / f"{TRAIN}.part").symlink_to("/dev/full")
    says(lambda: data.fetch("mnist"), f"{TRAIN}: cannot be written: the disk is full", "make room")
    assert names(cache) == []


def test_a_disk_that_fills_while_the_file_is_written(server, cache, monkeypatch):
    monkeypatch.setattr(download, "_CHUNK", 1000)

    def fills(_, done, __):
        assert names(cache) == [f"{TRAIN}.part"]
        if done >= 3000:
            raise OSError(errno.ENOSPC, "No space left on device")

    says(lambda: data.fetch("mnist", progress=fills), "the disk is full")
    assert names(cache) == []


def test_permission_denied(server, cache, monkeypatch):
    """Whoever runs the tests as root may write anywhere, so the refusal is made here."""

    def refuse(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", refuse)
        says(lambda: data.fetch("mnist"), "cannot be written: Permission", "TINYGRAD_LITE_DATA")
    monkeypatch.setattr(Path, "open", refuse)
    says(lambda: data.fetch("mnist"), "cannot be written: Permission denied")
    assert names(cache) == []


def test_a_folder_that_is_a_file(server, tmp_path):
    (tmp_path / "file").write_text("")
    says(lambda: data.fetch("mnist", tmp_path / "file"), "cannot be written: File exists")


# -- the command ----------------------------------------------------------------------------------


def command(*arguments):
    with pytest.raises(SystemExit) as caught:
        cli.guarded(cli.cli, arguments, "tinygrad-lite")
    return caught.value.code


def test_the_command(server, files, cache, tmp_path, capsys):
    assert command("fetch", "mnist") == 0
    whole(cache, files)
    assert capsys.readouterr().out == f"mnist is in {cache}\n"
    assert command("fetch", "mnist", "--folder", str(tmp_path / "here")) == 0
    whole(tmp_path / "here", files)


def test_the_command_fails_with_a_message(server, cache, capsys):
    server.publish("broken")
    assert command("fetch", "mnist") == 1
    assert "no mirror delivers it" in capsys.readouterr().err
    assert command("fetch", "mnits") == 2
    assert "'mnits' is not one of 'mnist'" in capsys.readouterr().err


def test_fetched_data_can_be_trained_on(server, cache, tmp_path, rng, capsys):
    write_idx_folder(tmp_path / "plain", rng)  # the same, by hand
    assert command("fetch", "mnist") == 0
    assert command("run", "dnn", "--epochs", "1", "--plain", "--data", str(cache)) == 0
    assert "epoch 1/1" in capsys.readouterr().out
