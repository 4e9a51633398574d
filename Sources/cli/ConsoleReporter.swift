// The reports of a run on the console: lines for people on stderr, paths or events on stdout.

import Demucs
import Runs
import Synchronization
import System

final class ConsoleReporter: RunReporter {
    private let console: Console
    let display: ProgressDisplay
    let takesEvents: Bool
    private let style: ProgressDisplay.Style
    /// Whether the first segment has begun.
    private let hasBegun = Mutex(false)

    /// - Parameter takesEvents: whether events are printed instead of paths.
    init(console: Console, style: ProgressDisplay.Style, takesEvents: Bool) {
        self.console = console
        self.style = style
        self.takesEvents = takesEvents
        display = ProgressDisplay(console: console, style: style)
    }

    func event(_ line: String, failure: ErrorCause?) { console.result(line) }

    func file(_ path: String) {
        if !takesEvents, style == .bar { console.result(path) }
    }

    func status(_ text: String) {
        if style == .bar { console.status(text) } else { console.detail(text) }
    }
    func detail(_ text: String) { console.detail(text) }
    func warning(_ text: String) { console.warning(text) }
    func error(_ text: String) { console.error(text) }

    /// What demucs says once it has its models, to programs that read it.
    func loaded(modelCount: Int, folder: String?) {
        guard style == .tqdm else { return }
        display.modelCount.withLock { $0 = modelCount }
        console.result(
            "Selected model is a bag of \(modelCount) models. You will see that many progress bars "
                + "per track.")
        if let folder {
            console.result("Separated tracks will be stored in \(FilePath.absolute(folder))")
        }
    }

    func begin(_ track: String, label: String) {
        switch style {
        case .bar: console.status("Separating \(label.isEmpty ? "" : label + " ")\(track)")
        case .tqdm: console.result("Separating track \(track)")
        }
        display.begin(label: label)
    }

    func progress(_ progress: SeparationProgress) -> Double? {
        let isFirst = hasBegun.withLock { hasBegun in
            defer { hasBegun = true }
            return !hasBegun
        }
        if isFirst, let age = ProcessAge.seconds {
            console.detail("\(age.fixed(2)) s from the start of the process to the first segment")
        }
        return display.update(progress)
    }

    func end() { display.end() }

    func interrupted(_ label: String, done: Int, of count: Int?) {
        let next =
            switch count {
            case nil: "\(done) tracks before it are done"
            case 1: "run the same command to separate it"
            case let count?:
                "\(done) of \(count) tracks are done; run the same command with "
                    + "\(Option.skipExisting.long) for the rest"
            }
        console.error("interrupted while separating \(label); \(next)")
    }

    var isReaderGone: Bool { console.isReaderGone }
}

enum ProcessAge {
    /// Seconds since the process started, to a hundredth; nil without /proc.
    static var seconds: Double? {
        #if os(Linux)
            // Field 22 of proc_pid_stat(5), in ticks since boot. The second field, the program's name
            // in parentheses, may contain spaces.
            guard let bytes = try? readFile("/proc/self/stat") else { return nil }
            let stat = String(decoding: bytes, as: UTF8.self)
            guard let end = stat.lastIndex(of: ")") else { return nil }
            let fields = stat[stat.index(after: end)...].split(separator: " ")
            guard fields.count > 19, let ticks = Double(fields[19]) else { return nil }
            var now = timespec()
            guard clock_gettime(CLOCK_BOOTTIME, &now) == 0 else { return nil }
            let ticksPerSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
            return Double(now.tv_sec) + Double(now.tv_nsec) * 1e-9 - ticks / ticksPerSecond
        #else
            return nil
        #endif
    }
}
