"""Under mpirun -m mpi4py.futures: N no-op tasks, a message for each; prints tasks per second."""
import sys
import time

from mpi4py.futures import MPIPoolExecutor


def nothing(item):
    return None


if __name__ == "__main__":
    count = int(sys.argv[1])
    with MPIPoolExecutor() as executor:
        list(executor.map(nothing, range(100)))
        began = time.monotonic()
        for _ in executor.map(nothing, range(count), chunksize=1):
            pass
        print(count / (time.monotonic() - began))
