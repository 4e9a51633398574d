// The service: its parts, start and end.

import Audio
import CServiceLibraries
import Demucs
import ModelZoo
import Synchronization
import System

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
    /// Limit of the results' copies in bytes, above which the least recently used are removed.
    package var cacheBytes = 2_000_000_000
    package var tokenFile: String?
    /// Host names that browsers may use, besides the address.
    package var allowedHosts: [String] = []
    /// Other origins whose pages may use the service.
    package var allowedOrigins: [String] = []
    /// Addresses of proxies whose `X-Forwarded-For` tells the client's address.
    package var trustedProxies: [String] = []
    /// The folder of the page that separates in the browser; nil without one.
    package var webFolder: String?
    package var allowsFFmpeg = false
    package var limits = ServiceLimits()
    package var clock = ServiceClock.system
    package var gate: Gate = { _, _ in }
    /// Takes a line for the owner of the service.
    package var log: @Sendable (_ line: String) -> Void = { _ in }
    package var threads: Int
    package var precision = PrecisionChoice.ofModel
    package var version: String
    /// Name or path of the service's own model, for messages.
    package var modelName: String

    package init(dataFolder: String, modelName: String, threads: Int, version: String) {
        self.modelName = modelName
        self.dataFolder = dataFolder
        self.threads = threads
        self.version = version
    }
}

extension ServiceSettings {
    /// Called by each job before each of its segments, counted from 0, when the stems of the earlier
    /// ones can be read. Tests let the job wait here until it may go on or is cancelled.
    package typealias Gate = @Sendable (_ segment: Int, _ cancellation: CancellationToken) -> Void
}

/// A running service.
package final class Service: Sendable {
    let settings: ServiceSettings
    let libraries: ServiceLibraries
    let rules: AccessRules
    let folder: DataFolder
    let eventLog: EventLog
    let queue: JobQueue
    let sets: SongSets
    let models: LoadedModels
    let machine: MachineState
    let metrics: Metrics
    let derivedFiles: DerivedFiles
    let clock: ServiceClock
    /// Slots for the work of requests outside the queue.
    let slots: WorkSlots
    let connections: ConnectionTable
    let pageFiles: [String: SentFile]
    /// The files of the page that separates in the browser, by their names.
    let webFiles: [String: SentFile]
    /// Path of the track that is installed with the program.
    let example: String?
    /// Problems at the start that did not prevent it.
    package let warnings: [String]

    let listener: ListeningSocket
    private let server: Mutex<HTTPServer?> = Mutex(nil)
    private let threads = Mutex<[SystemThread]>([])
    private let isClosing = Atomic(false)
    /// Broadcast when the service ends.
    private let closing = Condition()
    /// Locked during a cleanup, so that there is one at a time.
    private let cleanupTimes = Mutex(CleanupTimes())

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
        var settings = settings
        var warnings: [String] = []
        // A connection needs a descriptor, and many replies a file.
        let descriptors = Service.raiseDescriptorLimit(to: 2 * settings.limits.connections + 512)
        if descriptors / 2 < settings.limits.connections {
            settings.limits.connections = max(1, descriptors / 2)
            warnings.append(
                "The limit of \(descriptors) open files allows only \(settings.limits.connections) "
                    + "connections. Raise it with 'ulimit -n'.")
        }
        self.settings = settings
        libraries = try ServiceLibraries()
        rules = AccessRules(
            hosts: Set(
                (["localhost", "127.0.0.1", "::1", settings.host] + settings.allowedHosts)
                    .map { $0.lowercased() }),
            origins: Set(settings.allowedOrigins),
            tokens: try settings.tokenFile.map { path throws(ServiceError) in
                try UserTokens(file: path)
            }, isLoopback: isLoopback)
        folder = try DataFolder(settings.dataFolder)
        if let path = settings.tokenFile, UserTokens.isOpenToOthers(path) {
            warnings.append(
                "\(path): every user of this machine can read or change the tokens. Run: "
                    + "chmod 600 \(path)")
        }
        metrics = Metrics()
        clock = settings.clock
        eventLog = EventLog(clock, users: rules.users)
        let contents = try folder.contents()
        machine = MachineState(folder, contents.fault, settings)
        queue = JobQueue(
            folder, contents.jobs, held: contents.held, events: eventLog, metrics: metrics,
            machine: machine,
            ownPlaces: rules.share(of: settings.limits.queue), settings)
        sets = SongSets(folder, contents.sets, events: eventLog)
        if let fault = contents.fault { warnings.append(fault.detail) }
        if !contents.unusable.isEmpty {
            let count = contents.unusable.count
            warnings.append(
                "\(folder.path): \(count) of its tracks and sets can't be used and stay as they are: "
                    + contents.unusable.prefix(Service.mostNamed).joined(separator: ", ")
                    + (count > Service.mostNamed ? " and others" : ""))
        }
        self.warnings = warnings
        models = LoadedModels(settings, store: store, findOwn: findModel)
        slots = WorkSlots(count: settings.limits.workSlots)
        derivedFiles = DerivedFiles(folder, slots)
        pageFiles = SentFile.page(libraries)
        webFiles =
            try settings.webFolder.map { [libraries] folder throws(ServiceError) in
                try SentFile.files(in: folder, libraries)
            } ?? [:]
        example = try? store.bundledFile("demo_track.ogg")
        connections = ConnectionTable(
            limits: settings.limits, clock: clock,
            proxies: Set(settings.trustedProxies.compactMap { ClientAddress($0)?.text })
        ) {
            let count = http_received_bytes($0)
            return count >= 0 ? Int(count) : nil
        }
        listener = try ListeningSocket(host: settings.host, port: settings.port)
    }

    package var port: Int { listener.port }

    package static var pageFiles: [String] { SentFile.embedded.map(\.name) }

    /// The address of the service, `http://127.0.0.1:8765`.
    package var address: String {
        "http://\(listener.isIPv6 ? "[\(settings.host)]" : settings.host):\(port)"
    }

    /// The reason why the model could not be loaded; nil if there is none.
    package var modelProblem: (any Error)? { models.failure }

    /// Waits until the model is loaded, or has failed.
    package func waitUntilLoaded() { models.waitUntilLoaded() }

    /// Most tracks that a warning names.
    private static let mostNamed = 10

    /// Raises the limit of open files, as far as the system allows.
    ///
    /// - Returns: the limit.
    private static func raiseDescriptorLimit(to wanted: Int) -> Int {
        #if canImport(Darwin)
            let resource = RLIMIT_NOFILE
        #else
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #endif
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return wanted }
        limit.rlim_cur = min(limit.rlim_max, max(limit.rlim_cur, rlim_t(wanted)))
        setrlimit(resource, &limit)
        return Int(clamping: limit.rlim_cur)
    }

    // MARK: - Running

    /// Starts answering requests, loading the model and running jobs.
    ///
    /// - Throws: ``ServiceError``.
    package func start() throws {
        let server = HTTPServer(self)
        try server.start()
        self.server.withLock { $0 = server }
        do throws(ServiceError) {
            try run { [unowned self] in
                // What a machine lacks for the model it may have later.
                repeatUntilEnd(every: MachineState.seconds) {
                    if models.readiness == .loading || models.noModel.isOfMachine {
                        models.loadOwn()
                    }
                    queue.tick()
                }
            }
            for _ in 0..<settings.jobs { try run { [unowned self] in runJobs() } }
            try run { [unowned self] in keepTime() }
            try run { [unowned self] in
                repeatUntilEnd(every: 0.5) { cleanUp() }
                queue.saveClock()
            }
        } catch {
            stop()
            throw error
        }
        service_notify("READY=1")
    }

    private func run(_ body: @escaping @Sendable () -> Void) throws(ServiceError) {
        guard let thread = SystemThread(body) else { throw .cannotStart(.noThread) }
        threads.withLock { $0.append(thread) }
    }

    /// Ends the service: the running job stops within its segment and is queued again.
    package func stop() {
        guard !isClosing.exchange(true, ordering: .relaxed) else { return }
        service_notify("STOPPING=1")
        closing.withLock { closing.broadcast() }
        let server = self.server.withLock { $0 }
        server?.quiesce()
        queue.close()
        slots.close()
        eventLog.close()
        // Replies that are being sent get up to a second to arrive.
        connections.waitForReplies(atMost: 1)
        server?.stop()
        self.server.withLock { $0 = nil }
        for thread in threads.withLock({ $0 }) { thread.join() }
        folder.unlock()
    }

    private func repeatUntilEnd(every seconds: Double, _ action: () -> Void) {
        while !isClosing.load(ordering: .relaxed) {
            action()
            let deadline = clock.now() + seconds
            closing.withLock {
                while !isClosing.load(ordering: .relaxed), clock.now() < deadline {
                    clock.wait(closing, deadline)
                }
            }
        }
    }

    /// Closes late connections and wakes waiting requests, periodically.
    private func keepTime() {
        var lastTick = 0.0
        repeatUntilEnd(every: 0.1) {
            connections.closeLate()
            guard clock.now() - lastTick >= 0.5 else { return }
            lastTick = clock.now()
            slots.tick()
            queue.tick()
            // After the locks of requests and of the list: a service that hangs there shows no life.
            service_notify("WATCHDOG=1")
        }
    }

    /// Stores what could not be stored before, and removes old results. Not in ``keepTime()``, because
    /// it takes as long as the disk does.
    private func cleanUp() {
        cleanupTimes.withLock { times in
            queue.saveAgain()
            cleanUp(&times)
        }
        machine.look(hasJobs: queue.hasUnfinished)
    }

    /// Does the periodic work that is due. Tests call it after they have advanced the clock.
    package func doDueWork() {
        connections.closeLate()
        cleanUp()
        slots.tick()
        queue.tick()
    }
}
