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
/// available and the free swap, or less if the process's control group has less left; on iOS, what is left
/// of an app's limit; nil if the system doesn't tell.
package func availableMemoryBytes() -> Int? {
    #if os(Linux)
        func text(_ path: String) -> String? {
            (try? readFile(path)).map { String(decoding: $0, as: UTF8.self) }
        }
        func bytes(_ path: String) -> Int? {
            text(path)?.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) }
        }
        var free: Int?
        for line in text("/proc/meminfo")?.split(separator: "\n") ?? []
        where line.hasPrefix("MemAvailable:") || line.hasPrefix("SwapFree:") {
            let kilobytes = line.split { !$0.isNumber }.first.flatMap { Int($0) } ?? 0
            free = (free ?? 0) + kilobytes * 1024
        }
        // "0::/system.slice/swift-demucs.service", or "4:memory:/user.slice" of version 1. The limit of a
        // group holds for the groups in it, too; a container may see its own group as the root.
        for line in text("/proc/self/cgroup")?.split(separator: "\n") ?? [] {
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { continue }
            let isSecond = parts[1].isEmpty
            guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
            let root = "/sys/fs/cgroup" + (isSecond ? "" : "/memory")
            let (limitFile, usedFile) =
                isSecond
                ? ("memory.max", "memory.current")
                : ("memory.limit_in_bytes", "memory.usage_in_bytes")
            var path = root + (parts[2] == "/" ? "" : parts[2])
            while path.hasPrefix(root) {
                if let limit = bytes("\(path)/\(limitFile)"),
                    let used = bytes("\(path)/\(usedFile)")
                {
                    // The cache of files goes when memory is needed.
                    let cache = text("\(path)/memory.stat")?.split(separator: "\n")
                        .first { $0.hasPrefix("inactive_file ") }?.split(separator: " ").last
                    let left = limit - used + (cache.flatMap { Int($0) } ?? 0)
                    free = min(free ?? .max, max(0, left))
                }
                path = FilePath.folder(of: path)
            }
        }
        return free
    #elseif canImport(Darwin)
        return Int(exactly: bytes_below_limit())
    #else
        return nil
    #endif
}
