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
