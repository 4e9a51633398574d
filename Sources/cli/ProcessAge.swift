// How long this process has been running, as the kernel counts it: its start-up is part of what a user
// waits for.

import Foundation

enum ProcessAge {
    /// Seconds since the process was started, to a hundredth; nil where /proc does not tell.
    static var seconds: Double? {
        #if os(Linux)
            return linuxSeconds
        #else
            return nil
        #endif
    }

    #if os(Linux)
        private static var linuxSeconds: Double? {
            // Field 22 of proc_pid_stat(5), in ticks since the system started. The second field, the
            // program's name in parentheses, may hold blanks.
            guard let stat = try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8),
                let end = stat.lastIndex(of: ")")
            else { return nil }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
            var now = timespec()
            guard clock_gettime(CLOCK_BOOTTIME, &now) == 0 else { return nil }
            let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
            return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9 - ticks / ticksPerSecond
        }
    #endif
}
