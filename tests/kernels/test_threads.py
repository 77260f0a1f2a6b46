"""How many threads there are, who may have them, and that no second pool fights with them."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import tinygrad_lite as tg
from tinygrad_lite import kernels
from tinygrad_lite.kernels import threads


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(threads, "_chosen", None)


def answer(code, **environment):
    ours = {
        k: v for k, v in os.environ.items() if k not in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
    }
    command = [sys.executable, "-c", code]
    run = subprocess.run(
        command, env=ours | environment, capture_output=True, text=True, check=True, timeout=300
    )
    return run.stdout.strip()


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"OMP_NUM_THREADS": "1"}, 1),
        ({"NUMBA_NUM_THREADS": "1"}, 1),
        ({"OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "2"}, 1),
        ({"OMP_NUM_THREADS": "3,2"}, len(os.sched_getaffinity(0))),  # for nested loops: not read
        ({}, len(os.sched_getaffinity(0))),
    ],
)
def test_the_environment_is_honoured(environment, expected):
    code = "import tinygrad_lite as tg; print(tg.get_num_threads())"
    assert answer(code, **environment) == str(expected)


def test_asking_for_a_number():
    tg.set_num_threads(1)
    assert tg.get_num_threads() == 1
    with threads.Team(tg.get_num_threads()) as count:
        assert count == 1


@pytest.mark.parametrize("count", [0, -1, 1.5, True, "2"])
def test_a_number_that_is_not_possible(count):
    with pytest.raises(ValueError, match="no whole number from 1 on"):
        tg.set_num_threads(count)


def test_the_pool_belongs_to_one_thread_at_a_time():
    with threads.Team(2) as count:
        assert count == 2
        seen = []

        def other():
            with threads.Team(2) as count:
                seen.append(count)

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert seen == [1]
    with threads.Team(2) as count:
        assert count == 2


@pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
def test_two_threads_multiply_at_once(rng):
    a, b = rng.standard_normal((2, 300, 300))
    expected, results = a @ b, []

    def work():
        results.extend(kernels.gemm.gemm(a, b) for _ in range(20))

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(results) == 60
    for result in results:
        np.testing.assert_allclose(result, expected, atol=1e-10)


@pytest.mark.skipif(not kernels.available(), reason="nothing is compiled here")
def test_blas_keeps_to_one_thread_once_our_own_products_are_loaded():
    code = """if True:
        import numpy as np, tinygrad_lite as tg
        from threadpoolctl import threadpool_info
        def blas():
            return {p["num_threads"] for p in threadpool_info() if "numpy" in p["filepath"]}
        before = blas()
        tg.set_num_threads(2)
        tg.ones(200, 200) @ tg.ones(200, 200)
        print(before, blas())
    """
    assert answer(code, OPENBLAS_NUM_THREADS="2") == "{2} {1}"
