import Glibc

/// Lets this process have descriptors below a number only.
func limitDescriptors(to value: UInt) {
    lowerLimit(RLIMIT_NOFILE, to: value)
}

/// Lets another process of the same user have descriptors below a number only.
///
/// - Returns: below which it could have had them.
func limitDescriptors(of pid: Int32, to value: UInt) -> UInt {
    // Glibc's module does not show it.
    typealias Call = @convention(c) (pid_t, Int32, UnsafePointer<rlimit>?, UnsafeMutablePointer<rlimit>?) -> Int32
    let prlimit = unsafeBitCast(dlsym(nil, "prlimit"), to: Call.self)
    let resource = Int32(RLIMIT_NOFILE.rawValue)
    var limit = rlimit()
    _ = prlimit(pid, resource, nil, &limit)
    let earlier = limit.rlim_cur
    limit.rlim_cur = value
    _ = prlimit(pid, resource, &limit, nil)
    return earlier
}

/// Lowers what this process may have of something.
func lowerLimit(_ resource: __rlimit_resource, to value: UInt) {
    let resource = __rlimit_resource_t(resource.rawValue)
    var limit = rlimit()
    getrlimit(resource, &limit)
    limit.rlim_cur = min(value, limit.rlim_max)
    setrlimit(resource, &limit)
}
