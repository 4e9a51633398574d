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

    private func run(_ settings: ServiceSettings) -> ExitCode {
        let interrupted = Condition()
        let cancellation = Interruption.cancellation(
            onCancel: { interrupted.withLock { interrupted.broadcast() } })
        return console.reporting(failure: .trackFailed) {
            let store = try arguments.modelStore()
            let (name, member) = (arguments.value(.name), arguments.value(.member))
            let configuration = try arguments.value(.config).map(ConfigurationFile.read)
            let service = try Service(settings, store: store) { [console] in
                var files = try store.model(
                    named: name, console: console, cancellation: cancellation)
                files.submodel = member
                files.configuration = configuration ?? files.configuration
                return files
            }
            for warning in service.warnings { console.warning(warning) }
            try service.start()
            console.status("Listening at \(service.address)")
            if let file = settings.tokenFile {
                console.detail("Clients need a token of \(file)")
            }
            // A signal ends a download of the model too.
            service.waitUntilLoaded()
            if let problem = service.modelProblem, !cancellation.isCancelled {
                console.error(commandText(of: problem))
            }
            interrupted.withLock { while !cancellation.isCancelled { interrupted.wait() } }
            console.status("Ending; jobs that are not done stay in the queue")
            service.stop()
            return .done
        }
    }

    private static func settings(
        _ arguments: ParsedArguments
    ) throws(UsageError) -> ServiceSettings {
        var settings = ServiceSettings(
            dataFolder: arguments.value(.data) ?? defaultDataFolder,
            modelName: arguments.value(.name) ?? ModelStore.defaultModel,
            threads: try arguments.threads(), version: CommandLineTool.version)
        /// Replaces the default of a setting whose option is given.
        func set<Value>(_ setting: WritableKeyPath<ServiceSettings, Value>, _ value: Value?) {
            if let value { settings[keyPath: setting] = value }
        }
        func count(_ option: Option, upTo most: Int) throws(UsageError) -> Int? {
            try arguments.number(option, in: 1...most)
        }
        func time(_ option: Option, suchAs example: String) throws(UsageError) -> Double? {
            let units = [("s", 1.0), ("m", 60), ("h", 3600), ("d", 86_400)]
            return try arguments.value(
                option, allowed: "a number with s, m, h or d, such as \(example)"
            ) { number($0, units) }
        }
        func size(_ option: Option, atLeast least: Int? = nil) throws(UsageError) -> Int? {
            // Powers of 1000, not 1024.
            let units = [
                ("kB", 1e3), ("KB", 1e3), ("MB", 1e6), ("GB", 1e9), ("TB", 1e12), ("B", 1),
            ]
            let limit = least.map { ", of at least \($0 / 1_000_000)MB" } ?? ""
            return try arguments.value(
                option, allowed: "a number with kB, MB, GB or TB, such as 20GB\(limit)"
            ) { text in
                number(text, units).flatMap { Int(exactly: $0.rounded()) }
                    .flatMap { $0 >= least ?? 0 ? $0 : nil }
            }
        }
        func values(
            _ option: Option, allowed: String, _ isValid: (String) -> Bool
        ) throws(UsageError) -> [String] {
            let values = arguments.values(option)
            for value in values where !isValid(value) {
                throw .invalidValue(option, value: value, allowed: allowed)
            }
            return values
        }
        set(\.host, arguments.value(.host))
        try set(\.port, arguments.number(.port, in: 0...65_535))
        try set(\.jobs, count(.serveJobs, upTo: 64))
        settings.keepSeconds = try time(.keep, suchAs: "24h")
        settings.quotaBytes = try size(.diskQuota, atLeast: 10_000_000)
        try set(\.cacheBytes, size(.cacheQuota))
        try set(\.limits.bodyBytes, size(.maxBody))
        try set(\.limits.seconds, time(.maxLength, suchAs: "4h"))
        try set(\.limits.queue, count(.maxQueue, upTo: 100_000))
        try set(\.limits.connectionsOfAddress, count(.maxConnections, upTo: 4096))
        try set(\.limits.finished, count(.maxFinished, upTo: 1_000_000))
        try set(\.limits.work, count(.maxWork, upTo: 1_000_000))
        settings.tokenFile = arguments.value(.tokenFile)
        settings.allowedHosts = try values(
            .allowHost, allowed: "a name or an address without a port, such as example.org",
            ServiceSettings.isHost)
        settings.allowedOrigins = try values(
            .allowOrigin,
            allowed: "scheme://host or scheme://host:port in lower case, without the scheme's "
                + "own port, such as https://example.org",
            ServiceSettings.isOrigin)
        settings.trustedProxies = try values(
            .trustedProxy, allowed: "an address, such as 127.0.0.1", ServiceSettings.isAddress)
        settings.webFolder = arguments.value(.web)
        settings.allowsFFmpeg = arguments.has(.allowFFmpeg)
        settings.precision = try arguments.precisionChoice(.heardPrecision)
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
    fileprivate static let trustedProxy = Option(
        "trusted-proxy", value: "address",
        help:
            "A reverse proxy whose X-Forwarded-For tells the client's address, by which connections are "
            + "limited, requests take turns, and refused tokens are logged. Can be repeated.")
    static let web = Option(
        "web", value: "folder",
        help: "Offer separation in the browser too: the folder dist/web of tools/build_web.")
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
    fileprivate static let maxConnections = Option(
        "max-connections", value: "n",
        help:
            "Connections of a client's address, of IPv6 of its network of 64 bits. Behind a proxy that is not "
            + "trusted, whose address all clients share, 4096 is right. (default: 256)")
    fileprivate static let maxWork = Option(
        "max-work", value: "n",
        help: "The most work of a job, as a multiple of the default options' work for the same "
            + "track and model. (default: 20)")
}

extension ServeCommand {
    static let command = command(gate: { _, _ in })

    /// The command with a gate for its jobs, which tests close.
    static func command(gate: @escaping ServiceSettings.Gate) -> Command {
        Command(
            name: "serve",
            overview: "Run a service with a web page, by default for this machine alone.",
            topics: [
                "MODEL": [.name, .member, .config, .repo, .offline, .heardPrecision],
                "SERVICE": [
                    .host, .port, .data, .serveJobs, .keep, .diskQuota, .cacheQuota, .web, .threads,
                ],
                "ACCESS": [.tokenFile, .allowHost, .allowOrigin, .trustedProxy, .allowFFmpeg],
                "LIMITS": [
                    .maxBody, .maxLength, .maxQueue, .maxFinished, .maxWork, .maxConnections,
                ],
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
            var settings = try ServeCommand.settings(arguments)
            settings.gate = gate
            settings.log = { console.error($0) }
            return ServeCommand(arguments: arguments, console: console).run(settings)
        }
    }
}
