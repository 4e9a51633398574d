// The service: its parts, start and end.

import Audio
import Demucs
import Files
import LibC
import ModelZoo
import Synchronization
import Tensor

/// Settings of a service.
package struct ServiceSettings: Sendable {
    package var host = "127.0.0.1"
    /// The port; 0 takes any free one.
    package var port = 8765
    package var dataFolder: String
    /// Number of jobs that run at once.
    package var jobs = 1
    /// How long finished jobs are kept; nil for ever.
    package var keepSeconds: Double?
    /// Limit of results and their copies in bytes, above which first copies and then the oldest
    /// results are removed; nil for no limit.
    package var quotaBytes: Int?
    package var tokenFile: String?
    /// Host names that browsers may use, besides the address.
    package var allowedHosts: [String] = []
    /// Other origins whose pages may use the service.
    package var allowedOrigins: [String] = []
    package var allowsFFmpeg = false
    package var limits = ServiceLimits()
    package var threads: Int
    package var precision = PrecisionChoice.ofModel
    package var version: String

    package init(dataFolder: String, threads: Int, version: String) {
        self.dataFolder = dataFolder
        self.threads = threads
        self.version = version
    }
}

/// A running service.
package final class Service: Sendable {
    let settings: ServiceSettings
    let libraries: ServiceLibraries
    let rules: AccessRules
    let folder: DataFolder
    let hub = EventHub()
    let book: JobBook
    let shelf: ModelShelf
    let metrics = Metrics()
    let workshop: Workshop
    let connections: ConnectionTable
    /// Path of the track that is installed with the program.
    let example: String?
    /// Problems at the start that did not prevent it.
    package let warnings: [String]

    private let listener: ListeningSocket
    private let server: Mutex<HTTPServer?> = Mutex(nil)
    private let threads = Mutex<[SystemThread]>([])
    private let isClosing = Atomic(false)

    /// Opens the libraries, the data folder and the port.
    ///
    /// - Parameters:
    ///   - store: finds the models that jobs use.
    ///   - findModel: returns the service's own model; may take as long as a download.
    /// - Throws: ``ServiceError``.
    package init(
        _ settings: ServiceSettings, store: ModelStore,
        findModel: @escaping @Sendable () throws -> ModelFiles
    ) throws {
        let isLoopback = ListeningSocket.isLoopback(settings.host)
        if !isLoopback, settings.tokenFile == nil {
            throw ServiceError.tokenNeeded(host: settings.host)
        }
        self.settings = settings
        libraries = try ServiceLibraries()
        rules = AccessRules(
            hosts: Set(
                (["localhost", "127.0.0.1", "::1", settings.host] + settings.allowedHosts)
                    .map { $0.lowercased() }),
            origins: Set(settings.allowedOrigins),
            token: try settings.tokenFile.map { path throws(ServiceError) in
                try AccessRules.token(inFile: path)
            }, isLoopback: isLoopback)
        folder = try DataFolder(settings.dataFolder)
        var warnings: [String] = []
        book = try Service.book(libraries, folder, hub, settings.limits, &warnings)
        self.warnings = warnings
        shelf = ModelShelf(
            store: store, precision: settings.precision, threads: settings.threads,
            findOwn: findModel)
        workshop = Workshop(folder)
        example = try? store.bundledFile("demo_track.ogg")
        Service.raiseDescriptorLimit(for: settings.limits.connections)
        connections = ConnectionTable(limits: settings.limits)
        listener = try ListeningSocket(host: settings.host, port: settings.port)
    }

    /// The port that the service listens on.
    package var port: Int { listener.port }

    /// Methods and patterns of all routes.
    package static var addresses: [(method: String, pattern: String)] {
        Route.all.map { ($0.method, $0.pattern) }
    }

    /// Names of the page's files.
    package static var pageFiles: [String] { PageFile.all.map(\.name) }

    /// The address of the service, `http://127.0.0.1:8765`.
    package var address: String {
        "http://\(listener.isIPv6 ? "[\(settings.host)]" : settings.host):\(port)"
    }

    /// The reason why the model could not be loaded; nil if there is none.
    package var modelProblem: String? { shelf.failure }

    /// Opens the jobs of an earlier run. A damaged database is moved aside.
    private static func book(
        _ libraries: ServiceLibraries, _ folder: DataFolder, _ hub: EventHub,
        _ limits: ServiceLimits, _ warnings: inout [String]
    ) throws(ServiceError) -> JobBook {
        func open() throws(ServiceError) -> JobBook {
            try JobBook(
                JobDatabase(libraries, path: folder.database), folder: folder, hub: hub,
                mostQueued: limits.queue)
        }
        do {
            return try open()
        } catch {
            // A full disk is not a damaged database.
            guard FilePath.countBytes(folder.database) > 0,
                TemporaryFiles.freeBytes(in: folder.path) ?? .max > 1 << 20
            else { throw error }
            let aside = try folder.setAside()
            warnings.append(
                "\(error) Its jobs and their files are kept aside in \(aside); the service begins "
                    + "with no jobs.")
            return try open()
        }
    }

    /// Raises the limit of open files: a connection needs one or more descriptors.
    private static func raiseDescriptorLimit(for connections: Int) {
        #if canImport(Darwin)
            let resource = RLIMIT_NOFILE
        #else
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, rlim_t(2 * connections + 512)))
        setrlimit(resource, &limit)
    }

    // MARK: - Running

    /// Starts answering requests, loading the model and running jobs.
    ///
    /// - Throws: ``ServiceError``.
    package func start() throws {
        let server = HTTPServer(
            libraries, listener: listener, connections: connections,
            handlers: HTTPServer.Handlers(
                begin: { [unowned self] in begin($0) }, finish: { [unowned self] in finish($0) },
                end: { [unowned self] in end($0) }))
        try server.start()
        self.server.withLock { $0 = server }
        let runner = JobRunner(
            book: book, shelf: shelf, folder: folder, metrics: metrics,
            ffmpeg: settings.allowsFFmpeg ? .onPath : nil)
        run { [shelf, book] in
            shelf.loadOwn()
            book.tick()
        }
        for _ in 0..<settings.jobs { run { runner.run() } }
        run { [unowned self] in keepTime() }
    }

    private func run(_ body: @escaping @Sendable () -> Void) {
        if let thread = SystemThread(body) { threads.withLock { $0.append(thread) } }
    }

    /// Ends the service: the running job stops within its segment and is queued again.
    package func stop() {
        guard !isClosing.exchange(true, ordering: .relaxed) else { return }
        let server = self.server.withLock { $0 }
        server?.quiesce()
        book.close()
        hub.close()
        // Replies that are being sent get up to a second to arrive.
        let deadline = Timestamp.uptime + 1
        while connections.replying > 0, Timestamp.uptime < deadline { usleep(20_000) }
        server?.stop()
        self.server.withLock { $0 = nil }
        for thread in threads.withLock({ $0 }) { thread.join() }
    }

    /// Closes late connections, wakes streams and removes old results, periodically.
    private func keepTime() {
        var lastTick = 0.0
        var janitor = Janitor(
            book: book, folder: folder, workshop: workshop, metrics: metrics, settings: settings)
        while !isClosing.load(ordering: .relaxed) {
            usleep(100_000)
            connections.closeLate()
            let now = Timestamp.uptime
            guard now - lastTick >= 0.5 else { continue }
            lastTick = now
            hub.tick()
            book.tick()
            book.saveAgain()
            janitor.cleanUp()
        }
    }
}
