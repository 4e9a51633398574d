// The memory of this process.

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
/// available and the free swap, or less if the process's control group has less left; nil if the system
/// doesn't tell.
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
        // "0::/system.slice/swift-demucs.service" of version 2; a group's limit holds for those in it.
        let group = text("/proc/self/cgroup")?.split(separator: "\n")
            .first { $0.hasPrefix("0::") }?.dropFirst(3)
        var path = "/sys/fs/cgroup" + (group.map { $0 == "/" ? "" : String($0) } ?? "")
        while path.hasPrefix("/sys/fs/cgroup") {
            if let limit = bytes("\(path)/memory.max"), let used = bytes("\(path)/memory.current") {
                free = min(free ?? .max, max(0, limit - used))
            }
            path = FilePath.folder(of: path)
        }
        return free
    #else
        return nil
    #endif
}
