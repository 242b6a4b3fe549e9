import Foundation
import Testing

@testable import ConcurrentFutures

@Suite(.timeLimit(.minutes(5)), .timeLimit(.minutes(5))) struct AvailableProcessorsTests {
    /// Writes files below a directory that stands for the root.
    private func quota(_ files: [String: String]) throws -> Double? {
        let root = try TemporaryDirectory()
        for (path, text) in files {
            let url = URL(fileURLWithPath: root.path + path)
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(),
                withIntermediateDirectories: true
            )
            try Data(text.utf8).write(to: url)
        }
        return withExtendedLifetime(root) { AvailableProcessors.controlGroupQuota(root: root.path) }
    }

    private let unifiedMount = "31 23 0:27 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"

    @Test("the count is between one and the affinity's")
    func count() {
        #expect((1...AvailableProcessors.affinityCount).contains(AvailableProcessors.count()))
        #expect(AvailableProcessors.affinityCount <= ProcessInfo.processInfo.processorCount)
    }

    @Test("without control groups there is no quota")
    func none() throws {
        #expect(try quota([:]) == nil)
    }

    @Test("the tightest of the group and all its ancestors binds")
    func ancestors() throws {
        let files = [
            "/proc/self/cgroup": "0::/a/b/c\n",
            "/proc/self/mountinfo": "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n" + unifiedMount,
            "/sys/fs/cgroup/a/cpu.max": "150000 100000\n",
            "/sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
            "/sys/fs/cgroup/a/b/c/cpu.max": "400000 100000\n",
        ]
        #expect(try quota(files) == 1.5)
    }

    @Test("a container that sees only its own part finds its quota at the mount point")
    func container() throws {
        let mount = "31 23 0:27 /docker/12ab /sys/fs/cgroup ro - cgroup2 cgroup rw\n"
        let files = [
            "/proc/self/cgroup": "0::/docker/12ab\n",
            "/proc/self/mountinfo": mount,
            "/sys/fs/cgroup/cpu.max": "50000 100000\n",
        ]
        #expect(try quota(files) == 0.5)
    }

    @Test("the quota of version 1 counts, and -1 is none")
    func legacy() throws {
        let files = [
            "/proc/self/cgroup": "4:memory:/x\n3:cpu,cpuacct:/x/y\n0::/\n",
            "/proc/self/mountinfo": "40 23 0:30 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n",
            "/sys/fs/cgroup/cpu/x/cpu.cfs_quota_us": "200000\n",
            "/sys/fs/cgroup/cpu/x/cpu.cfs_period_us": "100000\n",
            "/sys/fs/cgroup/cpu/x/y/cpu.cfs_quota_us": "-1\n",
            "/sys/fs/cgroup/cpu/x/y/cpu.cfs_period_us": "100000\n",
        ]
        #expect(try quota(files) == 2)
    }

    @Test("files that make no sense are no quota")
    func garbage() throws {
        let files = [
            "/proc/self/cgroup": "\n::\nabc\n0::/\n",
            "/proc/self/mountinfo": "- - -\n" + unifiedMount,
            "/sys/fs/cgroup/cpu.max": "lots of time\n",
        ]
        #expect(try quota(files) == nil)
    }
}
