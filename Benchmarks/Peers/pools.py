"""The peers behind one face: submit, value, map, close."""

import concurrent.futures
import multiprocessing


class NoSuchThing(Exception):
    """What is to be measured does not exist in this pool."""


class Executor:
    """concurrent.futures.ProcessPoolExecutor, with a fork server as this project has one."""

    def __init__(self, workers, tasks_each=None):
        options = {} if tasks_each is None else {"max_tasks_per_child": tasks_each}
        try:
            self.pool = concurrent.futures.ProcessPoolExecutor(
                workers, mp_context=multiprocessing.get_context("forkserver"), **options
            )
        except TypeError:
            raise NoSuchThing from None

    def submit(self, function, argument):
        return self.pool.submit(function, argument)

    def value(self, future):
        return future.result()

    def map(self, function, items, chunk_size):
        return self.pool.map(function, items, chunksize=chunk_size)

    def close(self):
        self.pool.shutdown()


class Loky(Executor):
    def __init__(self, workers, tasks_each=None):
        import loky

        if tasks_each is not None:
            raise NoSuchThing
        self.pool = loky.ProcessPoolExecutor(workers)


class Pool:
    """multiprocessing.Pool, with the platform's own start method."""

    def __init__(self, workers, tasks_each=None):
        self.pool = multiprocessing.Pool(workers, maxtasksperchild=tasks_each)

    def submit(self, function, argument):
        return self.pool.apply_async(function, (argument,))

    def value(self, result):
        return result.get()

    def map(self, function, items, chunk_size):
        return self.pool.map(function, items, chunksize=chunk_size)

    def close(self):
        self.pool.close()
        self.pool.join()


class Pebble:
    def __init__(self, workers, tasks_each=None):
        import pebble

        self.pool = pebble.ProcessPool(max_workers=workers, max_tasks=tasks_each or 0)

    def submit(self, function, argument):
        return self.pool.schedule(function, args=(argument,))

    def value(self, future):
        return future.result()

    def map(self, function, items, chunk_size):
        return self.pool.map(function, items, chunksize=chunk_size).result()

    def close(self):
        self.pool.close()
        self.pool.join()


class Joblib:
    """joblib.Parallel has no futures: a call alone is a list of one, and many are one list, which it divides by itself."""

    def __init__(self, workers, tasks_each=None):
        import joblib

        if tasks_each is not None:
            raise NoSuchThing
        self.delayed = joblib.delayed
        self.parallel = joblib.Parallel(n_jobs=workers)
        self.parallel.__enter__()
        self.workers = workers

    def submit(self, function, argument):
        return self.run_all(function, [argument])

    def value(self, results):
        return results[0]

    def run_all(self, function, arguments):
        delayed = self.delayed(function)
        return self.parallel(delayed(argument) for argument in arguments)

    def map(self, function, items, chunk_size):
        import joblib

        delayed = self.delayed(function)
        # Without its own estimate of how many to put together, and with as much under way as the others have.
        with joblib.Parallel(n_jobs=self.workers, batch_size=chunk_size, pre_dispatch="all") as parallel:
            return parallel(delayed(item) for item in items)

    def close(self):
        from joblib.externals.loky import get_reusable_executor

        self.parallel.__exit__(None, None, None)
        # The processes would outlive it otherwise, ready for another one.
        get_reusable_executor().shutdown(wait=True)


POOLS = {
    "ProcessPoolExecutor": Executor,
    "multiprocessing.Pool": Pool,
    "loky": Loky,
    "Pebble": Pebble,
    "joblib": Joblib,
}


def run_all(pool, function, arguments):
    """Every call handed over before the first value is asked for."""
    if isinstance(pool, Joblib):
        return pool.run_all(function, arguments)
    handles = [pool.submit(function, argument) for argument in arguments]
    return [pool.value(handle) for handle in handles]
