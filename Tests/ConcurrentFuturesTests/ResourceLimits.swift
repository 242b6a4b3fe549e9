import Glibc

/// Lets this process have descriptors below a number only.
func limitDescriptors(to value: UInt) {
    limit(RLIMIT_NOFILE, to: value)
}

/// Lowers what this process may have of something.
func limit(_ resource: __rlimit_resource, to value: UInt) {
    let resource = __rlimit_resource_t(resource.rawValue)
    var limit = rlimit()
    getrlimit(resource, &limit)
    limit.rlim_cur = min(value, limit.rlim_max)
    setrlimit(resource, &limit)
}
