/// Peak resident memory of this process, in bytes; 0 if the system doesn't report it.
///
/// On Linux the peak of `getrusage` includes that of the parent process; the peak in
/// `/proc/self/status` does not.
package func peakResidentBytes() -> Int {
    #if os(Linux)
        let status = (try? readFile("/proc/self/status")).map {
            String(decoding: $0, as: UTF8.self)
        }
        let line = status?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        let kilobytes = line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) }
        return (kilobytes ?? 0) * 1024
    #else
        var usage = rusage()
        getrusage(RUSAGE_SELF, &usage)
        return usage.ru_maxrss
    #endif
}

/// Resets the peak resident memory to the memory in use now, on systems that can do so (Linux).
package func restartPeakResidentBytes() {
    let descriptor = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    defer { close(descriptor) }
    try? Array("5".utf8).withUnsafeBytes { try writeAll($0, to: descriptor) }
}

/// Memory that this process can still get without ending another one, in bytes: what the system calls
/// available and the free swap, or less if the process's control group or its own limits (`ulimit -v`, `-d`)
/// leave less; on iOS, what is left of an app's limit; nil if the system doesn't tell.
package func availableMemoryBytes() -> Int? {
    #if os(Linux)
        var free: Int?
        for line in text(ofFile: "/proc/meminfo")?.split(separator: "\n") ?? []
        where line.hasPrefix("MemAvailable:") || line.hasPrefix("SwapFree:") {
            let kilobytes = line.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
            free = (free ?? 0) + kilobytes * 1024
        }
        ControlGroup.forEach(with: "memory") { group in
            let names =
                group.isSecondVersion
                ? ("memory.max", "memory.current")
                : ("memory.limit_in_bytes", "memory.usage_in_bytes")
            guard let limit = group.numbers(names.0).first,
                let used = group.numbers(names.1).first
            else { return }
            // The cache of files goes when memory is needed.
            let cache = text(ofFile: "\(group.path)/memory.stat")?.split(separator: "\n")
                .first { $0.hasPrefix("inactive_file ") }?.split(separator: " ").last
            free = min(free ?? .max, max(0, limit - used + (cache.flatMap { Int($0) } ?? 0)))
        }
        // Arrays, threads and the libraries need some of what a limit leaves, too.
        let belowLimits = bytesBelowLimits().map { max(0, $0 - 1 << 27) }
        return [free, belowLimits].compactMap(\.self).min()
    #elseif canImport(Darwin)
        return Int(exactly: bytes_below_limit())
    #else
        return nil
    #endif
}

/// Bytes that this process may still get by its own limits of addresses and data (`ulimit -v`, `-d`); nil
/// without such limits.
package func bytesBelowLimits() -> Int? {
    #if os(Linux)
        let limits = [address_limit_bytes(), data_limit_bytes()]
        // Without limits, nothing has to be read.
        if limits.allSatisfy({ $0 < 0 }) { return nil }
        // Pages of address space, and of data.
        let pages = text(ofFile: "/proc/self/statm")?.split(separator: " ").map { Int($0) ?? 0 }
        guard let pages, pages.count > 5 else { return nil }
        let page = sysconf(Int32(_SC_PAGESIZE))
        return zip(limits, [pages[0], pages[5]]).filter { $0.0 >= 0 }
            .map { max(0, $0 - $1 * page) }.min()
    #else
        return nil
    #endif
}

#if os(Linux)
    private func text(ofFile path: String) -> String? {
        (try? readFile(path)).map { String(decoding: $0, as: UTF8.self) }
    }

    /// A control group of this process. Its limits hold beside those of the groups that it is in.
    private struct ControlGroup {
        let path: String
        let isSecondVersion: Bool

        /// Calls `body` with each group that has a controller.
        static func forEach(with controller: String, _ body: (ControlGroup) -> Void) {
            // "0::/system.slice/swift-demucs.service", or "4:memory:/user.slice" of version 1. A container
            // may see its own group as the root.
            for line in text(ofFile: "/proc/self/cgroup")?.split(separator: "\n") ?? [] {
                let parts = line.split(
                    separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
                guard parts.count == 3 else { continue }
                let controllers = parts[1].split(separator: ",").map(String.init)
                guard controllers.isEmpty || controllers.contains(controller) else { continue }
                let root = "/sys/fs/cgroup" + (controllers.isEmpty ? "" : "/\(controller)")
                var path = root + (parts[2] == "/" ? "" : parts[2])
                while path.hasPrefix(root) {
                    body(ControlGroup(path: path, isSecondVersion: controllers.isEmpty))
                    path = FilePath.folder(of: path)
                }
            }
        }

        /// The numbers in a file; without those that are words, such as "max".
        func numbers(_ file: String) -> [Int] {
            text(ofFile: "\(path)/\(file)")?.split(whereSeparator: \.isWhitespace).compactMap {
                Int($0)
            } ?? []
        }
    }
#endif

/// The cores that this process may use: those of its affinity, or as many as the quota of its control group
/// keeps busy, if that are fewer.
package func countAvailableCores() -> Int {
    var cores = Int(count_available_cores())
    #if os(Linux)
        ControlGroup.forEach(with: "cpu") { group in
            let quota =
                group.isSecondVersion
                ? group.numbers("cpu.max")
                : group.numbers("cpu.cfs_quota_us") + group.numbers("cpu.cfs_period_us")
            // Microseconds of all cores in a period; "max" or -1 for any number.
            guard quota.count == 2, quota[0] > 0, quota[1] > 0 else { return }
            cores = min(cores, max(1, (quota[0] + quota[1] - 1) / quota[1]))
        }
    #endif
    return cores
}
