// `swift-demucs serve`: runs the service until a signal ends it.

import CLI
import Demucs
import ModelZoo
import Service
import System
import Tensor

struct Server {
    private let arguments: ParsedArguments
    private let console: Console

    /// Runs the service until a signal ends it.
    ///
    /// - Parameter gate: of its jobs, which tests close.
    static func run(
        _ arguments: ParsedArguments, _ console: Console,
        gate: @escaping ServiceSettings.Gate
    ) throws(UsageError) -> ExitCode {
        var settings = try settings(arguments)
        settings.gate = gate
        settings.log = { console.error($0) }
        return Server(arguments: arguments, console: console).run(settings)
    }

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

extension ServiceError: ErrorWithRemedy {
    /// The option that makes the service start.
    package var remedy: Option? {
        switch self {
        case .cannotListen: .port
        case .notAnAddress: .host
        case .tokenNeeded: .tokenFile
        case .folderUnusable, .folderInUse: .data
        case .notAWebFolder: .web
        case .libraryMissing, .tokenUnusable, .cannotStart: nil
        }
    }
}
