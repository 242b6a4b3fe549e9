import CSystemShims
import Glibc

/// How many CPUs this process may use: by its affinity, and by the time that its control groups leave it.
enum AvailableProcessors {
    /// At least one.
    ///
    /// - Parameter root: the directory under which `/proc` and the control groups are looked for.
    static func count(root: String = "") -> Int {
        guard let quota = controlGroupQuota(root: root) else { return max(1, affinityCount) }
        return max(1, min(affinityCount, Int(quota.rounded(.up))))
    }

    /// The number of CPUs in the affinity mask.
    static var affinityCount: Int {
        affinity?.count ?? Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    }

    /// The numbers of the CPUs in the affinity mask; `nil` if the system does not tell.
    static var affinity: Set<Int>? {
        // A mask of fixed size is refused on machines with more CPUs than it has bits.
        var mask = [UInt](repeating: 0, count: MemoryLayout<cpu_set_t>.size / MemoryLayout<UInt>.size)
        while mask.count <= 1 << 17 {
            if cf_sched_getaffinity(mask.count * MemoryLayout<UInt>.size, &mask) == 0 {
                return Set(
                    (0..<mask.count * UInt.bitWidth).filter {
                        mask[$0 / UInt.bitWidth] >> UInt($0 % UInt.bitWidth) & 1 != 0
                    }
                )
            }
            guard errno == EINVAL else { break }
            mask = [UInt](repeating: 0, count: mask.count * 2)
        }
        return nil
    }

    /// The smallest limit of CPU time among the process's control groups and all their ancestors, in CPUs.
    ///
    /// The limit of an ancestor binds too, and a group's own file does not show it.
    static func controlGroupQuota(root: String = "") -> Double? {
        guard let memberships = readTextFile(root + "/proc/self/cgroup"),
            let mounts = readTextFile(root + "/proc/self/mountinfo")
        else { return nil }
        let hierarchies = memberships.split(separator: "\n").compactMap(Membership.init)
        var quotas: [Double] = []
        for mount in mounts.split(separator: "\n").compactMap(Mount.init) {
            guard let membership = hierarchies.first(where: mount.holds) else { continue }
            for directory in mount.directories(of: membership) {
                let path = root + directory
                if let quota = mount.isUnified ? unifiedQuota(path) : legacyQuota(path) { quotas.append(quota) }
            }
        }
        return quotas.min()
    }

    private static func unifiedQuota(_ directory: String) -> Double? {
        guard let words = readTextFile(directory + "/cpu.max")?.split(whereSeparator: \.isWhitespace), words.count == 2
        else { return nil }
        return quota(words[0], per: words[1])
    }

    private static func legacyQuota(_ directory: String) -> Double? {
        guard let quota = readTextFile(directory + "/cpu.cfs_quota_us")?.split(whereSeparator: \.isWhitespace).first,
            let period = readTextFile(directory + "/cpu.cfs_period_us")?.split(whereSeparator: \.isWhitespace).first
        else { return nil }
        return self.quota(quota, per: period)
    }

    /// Nothing where there is no limit, which is written as "max" or as -1.
    private static func quota(_ quota: Substring, per period: Substring) -> Double? {
        guard let quota = Double(quota), let period = Double(period), quota > 0, period > 0 else { return nil }
        return quota / period
    }
}

/// A line of `/proc/self/cgroup`, such as `0::/user.slice` or `4:cpu,cpuacct:/docker/12ab`.
private struct Membership {
    let controllers: [Substring]
    let path: Substring

    init?(_ line: Substring) {
        let fields = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
        guard fields.count == 3 else { return nil }
        controllers = fields[1].split(separator: ",")
        path = fields[2]
    }
}

/// A line of `/proc/self/mountinfo` that mounts control groups with CPU limits.
private struct Mount {
    let isUnified: Bool
    /// Which group is seen at the mount point.
    private let root: Substring
    private let point: Substring

    init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard let separator = fields.firstIndex(of: "-"), separator >= 6, fields.count > separator + 3 else {
            return nil
        }
        switch fields[separator + 1] {
        case "cgroup2": isUnified = true
        case "cgroup" where fields[separator + 3].split(separator: ",").contains("cpu"): isUnified = false
        default: return nil
        }
        root = fields[3]
        point = fields[4]
    }

    func holds(_ membership: Membership) -> Bool {
        isUnified ? membership.controllers.isEmpty : membership.controllers.contains("cpu")
    }

    /// The group's directory and those of its ancestors, as far as they are mounted.
    func directories(of membership: Membership) -> [String] {
        // In a container the path may be as the host sees it, and the mount may show only the part from `root` on.
        var path = membership.path
        if root != "/" {
            let isBelowRoot = path == root || path.hasPrefix(root + "/")
            path = isBelowRoot ? path.dropFirst(root.count) : ""
        }
        var names = path.split(separator: "/")
        var directories: [String] = []
        while !names.isEmpty {
            directories.append(point + "/" + names.joined(separator: "/"))
            names.removeLast()
        }
        return directories + [String(point)]
    }
}
