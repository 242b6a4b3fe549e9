@_exported public import ConcurrentFutures
