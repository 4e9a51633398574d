// `swift-demucs serve`: runs the service until a signal ends it.

import Demucs
import ModelDownloads
import ModelZoo
import Service
import System
import Tensor

struct ServeCommand {
    private let arguments: ParsedArguments
    private let console: Console

    /// Interval of checks for the end of the service.
    private static let waitMicroseconds: UInt32 = 20_000

    private func run(_ settings: ServiceSettings) -> ExitCode {
        let cancellation = Interruption.cancellation()
        return console.reporting(failure: .trackFailed) {
            let store = try arguments.modelStore()
            let (name, member) = (arguments.value(.name), arguments.value(.member))
            let service = try Service(settings, store: store) { [console] in
                var files = try store.model(
                    named: name, console: console, cancellation: cancellation)
                files.submodel = member
                return files
            }
            for warning in service.warnings { console.warning(warning) }
            try service.start()
            console.status("Listening at \(service.address)")
            if let file = settings.tokenFile {
                console.detail("Clients need a token of \(file)")
            }
            var isProblemShown = false
            while !cancellation.isCancelled {
                usleep(ServeCommand.waitMicroseconds)
                if !isProblemShown, let problem = service.modelProblem {
                    isProblemShown = true
                    console.error(commandText(of: problem))
                }
            }
            console.status("Ending; jobs that are not done stay in the queue")
            service.stop()
            return .done
        }
    }

    /// The settings from the options.
    private static func settings(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> ServiceSettings {
        var settings = ServiceSettings(
            dataFolder: arguments.value(.data) ?? defaultDataFolder,
            modelName: arguments.value(.name) ?? ModelStore.defaultModel,
            threads: try arguments.threads(), version: CommandLineTool.version)
        settings.host = arguments.value(.host) ?? settings.host
        settings.port = try arguments.number(.port, in: 0...65_535) ?? settings.port
        settings.jobs = try arguments.number(.serveJobs, in: 1...64) ?? settings.jobs
        settings.keepSeconds = try arguments.value(
            .keep, allowed: "a number with s, m, h or d, such as 24h", seconds)
        let sizes = "a number with kB, MB, GB or TB, such as 20GB"
        settings.quotaBytes = try arguments.value(
            .diskQuota, allowed: "\(sizes), of at least 10MB"
        ) { text in bytes(text).flatMap { $0 >= 10_000_000 ? $0 : nil } }
        settings.cacheBytes =
            try arguments.value(.cacheQuota, allowed: sizes, bytes) ?? settings.cacheBytes
        settings.limits.bodyBytes =
            try arguments.value(.maxBody, allowed: sizes, bytes) ?? settings.limits.bodyBytes
        settings.limits.seconds =
            try arguments.value(
                .maxLength, allowed: "a number with s, m, h or d, such as 4h", seconds)
            ?? settings.limits.seconds
        settings.limits.queue =
            try arguments.number(.maxQueue, in: 1...100_000) ?? settings.limits.queue
        settings.limits.finished =
            try arguments.number(.maxFinished, in: 1...1_000_000) ?? settings.limits.finished
        settings.limits.work =
            try arguments.number(.maxWork, in: 1...1_000_000) ?? settings.limits.work
        settings.tokenFile = arguments.value(.tokenFile)
        settings.allowedHosts = arguments.values(.allowHost)
        settings.allowedOrigins = arguments.values(.allowOrigin)
        settings.allowsFFmpeg = arguments.has(.allowFFmpeg)
        settings.precision = try arguments.precisionChoice()
        return settings
    }

    /// Default data folder by the XDG Base Directory Specification.
    private static var defaultDataFolder: String {
        func variable(_ name: String) -> String? {
            getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
        }
        let base = variable("XDG_DATA_HOME") ?? "\(variable("HOME") ?? ".")/.local/share"
        return "\(base)/swift-demucs"
    }

    /// A duration such as `90`, `90s`, `15m`, `24h`, `7d`.
    private static func seconds(_ text: String) -> Double? {
        let units: [(String, Double)] = [("s", 1), ("m", 60), ("h", 3600), ("d", 86_400)]
        return number(text, units)
    }

    /// A size such as `500MB`, `20GB`; units are powers of 1000, not 1024.
    private static func bytes(_ text: String) -> Int? {
        let units: [(String, Double)] = [
            ("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1),
        ]
        return number(text, units).flatMap { Int(exactly: $0.rounded()) }
    }

    /// A positive number with one of the units, or without a unit.
    private static func number(_ text: String, _ units: [(name: String, factor: Double)]) -> Double?
    {
        let unit = units.first { text.hasSuffix($0.name) }
        let digits = text.dropLast(unit?.name.count ?? 0)
        guard digits.allSatisfy({ $0.isASCII && ($0.isNumber || $0 == ".") }),
            let value = Double(digits), value > 0
        else { return nil }
        return value * (unit?.factor ?? 1)
    }
}

// MARK: - Options

extension Option {
    static let host = Option(
        "host", value: "address",
        help:
            "The address to listen on. An address other than loopback, such as 0.0.0.0, "
            + "requires --token-file. (default: 127.0.0.1)")
    static let port = Option(
        "port", value: "n", help: "The port; 0 chooses a free one. (default: 8765)")
    static let data = Option(
        "data", value: "folder",
        help: "The folder of jobs and results. (default: swift-demucs in XDG_DATA_HOME or "
            + "~/.local/share)")
    fileprivate static let serveJobs = Option(
        "jobs", short: "j", value: "n",
        help: "Jobs to run at once, which share --threads. (default: 1)")
    fileprivate static let keep = Option(
        "keep", value: "time",
        help: "Remove finished jobs after this time, such as 24h or 7d. (default: never)")
    fileprivate static let diskQuota = Option(
        "disk-quota", value: "size",
        help:
            "Limit results and their copies to this size, such as 20GB, at least 10MB: the copies "
            + "are removed first, then the oldest results. (default: no limit)")
    fileprivate static let cacheQuota = Option(
        "cache-quota", value: "size",
        help:
            "Limit the results' copies in other formats, mixes and waveforms to this size: the least "
            + "recently used are removed first. (default: 2GB)")
    static let tokenFile = Option(
        "token-file", value: "file",
        help: "A file with the tokens that clients must send, one a line. A line NAME:TOKEN gives "
            + "the user NAME jobs of their own.")
    fileprivate static let allowHost = Option(
        "allow-host", value: "name",
        help: "Another name of the service, as a reverse proxy passes it on. Can be repeated.")
    fileprivate static let allowOrigin = Option(
        "allow-origin", value: "origin",
        help: "Another site whose pages may use the service, such as https://example.org. Can be "
            + "repeated.")
    fileprivate static let allowFFmpeg = Option(
        "allow-ffmpeg",
        help: "Decode formats that libsndfile doesn't know with the ffmpeg on PATH.")
    fileprivate static let maxBody = Option(
        "max-body", value: "size", help: "The largest upload. (default: 4.3GB)")
    fileprivate static let maxLength = Option(
        "max-length", value: "time", help: "The longest track. (default: 4h)")
    fileprivate static let maxQueue = Option(
        "max-queue", value: "n", help: "Jobs that may wait. (default: 100)")
    fileprivate static let maxFinished = Option(
        "max-finished", value: "n",
        help: "Finished jobs to keep; older ones are removed. (default: 10000)")
    fileprivate static let maxWork = Option(
        "max-work", value: "n",
        help: "The most work of a job, as a multiple of the default options' work for the same "
            + "track and model. (default: 20)")
}

extension ServeCommand {
    static let command = Command(
        name: "serve",
        overview: "Run a service with a web page, by default for this machine alone.",
        topics: [
            "MODEL": [.name, .member, .repo, .offline, .precision],
            "SERVICE": [.host, .port, .data, .serveJobs, .keep, .diskQuota, .cacheQuota, .threads],
            "ACCESS": [.tokenFile, .allowHost, .allowOrigin, .allowFFmpeg],
            "LIMITS": [.maxBody, .maxLength, .maxQueue, .maxFinished, .maxWork],
            "OTHER": [.quiet, .verbose, .version, .help],
        ], exclusive: [[.quiet, .verbose]],
        examples: [
            "swift-demucs serve": "Then open http://127.0.0.1:8765 in a browser.",
            "swift-demucs serve -n demo --port 9000 --keep 24h --disk-quota 20GB":
                "Another model and port; results are deleted after a day, or when they fill 20 GB.",
            "curl -T song.mp3 http://127.0.0.1:8765/v1/separate/vocals.wav > vocals.wav":
                "From a shell, while the service runs.",
        ]
    ) { arguments, console throws(UsageError) in
        let settings = try ServeCommand.settings(arguments)
        return ServeCommand(arguments: arguments, console: console).run(settings)
    }
}
