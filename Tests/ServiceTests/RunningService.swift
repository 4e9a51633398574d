// A service for one test, with the demo model, on a free port.

import Demucs
import Foundation
import ModelZoo
import Service
import TestSupport
import Testing

/// A target of its requests that does not begin with a slash is below `/v1/separations/`.
final class RunningService {
    /// Nil after the end.
    private(set) var service: Service?
    private let clock: ManualClock?
    let folder: TemporaryFolder
    var port: Int { service?.port ?? 0 }
    var warnings: [String] { service?.warnings ?? [] }

    /// - Parameters:
    ///   - folder: holds the service's data; nil for a new one.
    ///   - earlier: a service that ends now, and whose jobs this one continues with.
    ///   - model: the path of the service's model.
    ///   - clock: a clock that the test advances; nil for the system's.
    ///   - gate: stops jobs; nil for none.
    ///   - tokens: the content of a file of tokens; nil for a service without users.
    ///   - change: changes the settings.
    ///   - beforeModel: called each time before the model is found.
    init(
        in folder: TemporaryFolder? = nil, after earlier: RunningService? = nil,
        model: String? = nil, clock: ManualClock? = nil, gate: JobGate? = nil,
        tokens: String? = nil, _ change: (inout ServiceSettings) -> Void = { _ in },
        beforeModel: @escaping @Sendable () throws -> Void = {}
    ) throws {
        earlier?.end()
        self.folder = folder ?? earlier?.folder ?? TemporaryFolder()
        let models = Fixture.bundledModels.path
        let path = model ?? "\(models)/demo.safetensors"
        var settings = ServiceSettings(
            dataFolder: self.folder.path("data"), modelName: path, threads: 2, version: "test")
        settings.port = 0
        if let clock { settings.clock = clock.clock }
        if let gate { settings.gate = gate.wait(before:_:) }
        if let tokens { settings.tokenFile = try self.folder.write(tokens, "tokens") }
        self.clock = clock
        change(&settings)
        let service = try Service(
            settings, store: ModelStore(isOffline: true, bundledFolders: [models], environment: [:])
        ) {
            try beforeModel()
            return ModelFiles(checkpoint: path)
        }
        try service.start()
        self.service = service
    }

    /// A service with a job that is done.
    static func withJob(
        _ sound: Data = Sound.short, query: String = "shifts=0"
    ) throws -> (RunningService, id: String) {
        let service = try RunningService()
        return (service, try service.doneJob(sound, query: query))
    }

    /// A file of tokens with two users, and for the metrics.
    static let tokens =
        "anna:anna-has-this-token\nben:ben-has-another-token\n/metrics:token-of-no-user\n"
    /// The headers of these users.
    static let anna = "Authorization: Bearer anna-has-this-token"
    static let ben = "Authorization: Bearer ben-has-another-token"

    deinit { end() }

    /// Ends the service, waits for the end of its jobs' threads, and frees its data folder.
    func end() {
        service?.stop()
        service = nil
    }

    // MARK: - Requests

    private func whole(_ target: String) -> String {
        target.hasPrefix("/") ? target : "/v1/separations/\(target)"
    }

    /// Sends a request and reads the complete reply.
    func request(
        _ method: String, _ target: String, _ headers: [String] = [], host: String? = nil,
        body: Data? = nil
    ) throws -> Answer {
        var headers = headers + ["Connection: close"]
        if let body, !headers.contains(where: { $0.hasPrefix("Transfer-Encoding") }) {
            headers.append("Content-Length: \(body.count)")
        }
        let connection = try Connection(port: port)
        connection.send(method, whole(target), headers, host: host ?? "127.0.0.1:\(port)")
        if let body { connection.send(body) }
        return try #require(Answer(connection.receiveAll()), "\(method) \(target) has no answer")
    }

    func get(_ target: String, _ headers: String...) throws -> Answer {
        try request("GET", target, headers)
    }

    /// The status of a reply.
    func status(_ target: String, _ headers: String..., method: String = "GET") throws -> Int {
        try request(method, target, headers).status
    }

    /// Opens a connection and sends the head of an upload.
    func openUpload(_ headers: String...) throws -> Connection {
        let connection = try Connection(port: port)
        connection.send("POST", "/v1/separations", headers)
        return connection
    }

    /// Opens a connection and sends the head of a request.
    func open(
        _ target: String, _ headers: String..., from source: String? = nil,
        receivedBytes: Int32? = nil
    ) throws -> Connection {
        let connection = try Connection(port: port, from: source, receivedBytes: receivedBytes)
        connection.send("GET", whole(target), headers)
        return connection
    }

    func upload(form: Data) throws -> Answer {
        try request("POST", "/v1/separations", [Form.type], body: form)
    }

    func upload(
        _ sound: Data = Sound.short, query: String = "shifts=0", _ header: String = Sound.name
    ) throws -> Answer {
        try request("POST", "/v1/separations?\(query)", [header], body: sound)
    }

    /// Uploads a sound that becomes a job.
    ///
    /// - Returns: the job's id.
    func job(
        _ sound: Data = Sound.short, query: String = "shifts=0", _ header: String = Sound.name
    ) throws -> String {
        let answer = try upload(sound, query: query, header)
        return try #require(answer["id"], "\(answer.text)")
    }

    /// Creates a job and waits until it is done.
    func doneJob(
        _ sound: Data = Sound.short, query: String = "shifts=0", _ header: String = Sound.name
    ) throws -> String {
        let id = try job(sound, query: query, header)
        try expectEnd("done", of: id, header)
        return id
    }

    /// Cancels or removes a job.
    @discardableResult
    func delete(_ id: String, _ headers: String...) throws -> Answer {
        try request("DELETE", id, headers)
    }

    /// Sends a document.
    @discardableResult
    func send(
        _ method: String, _ target: String, _ document: String, _ header: String = "Accept: */*"
    ) throws -> Answer {
        try request(method, target, [header], body: Data(document.utf8))
    }

    /// Creates or replaces a set.
    @discardableResult
    func keepSet(
        _ id: String, _ name: String, _ songs: [(id: String, semitones: Double, speed: Double)],
        _ header: String = "Accept: */*"
    ) throws -> Answer {
        let songs = songs.map {
            #"{"id": "\#($0.id)", "semitones": \#($0.semitones), "speed": \#($0.speed)}"#
        }
        let list = songs.joined(separator: ", ")
        return try send(
            "PUT", "/v1/sets/\(id)", #"{"name": "\#(name)", "songs": [\#(list)]}"#, header)
    }

    /// Waits until a job is final, in a state that is expected.
    @discardableResult
    func expectEnd(
        _ state: String, of id: String, _ header: String = "Accept: */*",
        at place: SourceLocation = #_sourceLocation
    ) throws -> Answer {
        let ends = ["done", "failed", "cancelled"].map { "\"state\":\"\($0)\"" }
        try open("\(id)/events", header).receive(until: ends[0], ends[1], ends[2], at: place)
        let job = try get(id, header)
        #expect(job["state"] == state, "\(job.text)", sourceLocation: place)
        return job
    }

    /// Waits until a job has the stems of its first segment, 3 seconds.
    func waitForStems(_ id: String) throws {
        try open("\(id)/events").receive(until: "\"ready_seconds\":3")
    }

    func waitUntilRunning(_ id: String, _ header: String = "Accept: */*") throws {
        try open("\(id)/events", header).receive(until: "\"state\":\"running\"")
    }

    /// Waits until the model is loaded.
    @discardableResult
    func whenReady() throws -> RunningService {
        #expect(try whenLoaded().status("/readyz") == 200)
        return self
    }

    func whenLoaded() -> RunningService {
        service?.waitUntilLoaded()
        return self
    }

    /// The ids of a user's jobs, the newest first.
    func jobs(_ headers: String...) throws -> [String] {
        try request("GET", "/v1/separations", headers)["separations.*.id"] ?? []
    }

    // MARK: - Files

    /// Path of a file of the service's data.
    func path(_ name: String) -> String { folder.path("data/\(name)") }

    /// Names in a folder of the service's data.
    func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
    }

    /// Ids of the jobs whose tracks have a file, such as `input` or `stems`, sorted.
    func tracks(with name: String) throws -> [String] {
        try files("tracks").filter { folder.exists("data/tracks/\($0)/\(name)") }
    }

    /// A copy of the service's folder, as a kill would leave it.
    func copiedFolder() throws -> TemporaryFolder {
        let copy = TemporaryFolder()
        try #require(try Process.run(["cp", "-a", path(""), copy.path("data")]) == 0)
        return copy
    }

    /// Lets a stem of a finished job have more bytes than the system's buffers take from a reply.
    ///
    /// - Returns: the number of its bytes.
    func enlarge(stem index: Int, of id: String) -> Int {
        let bytes = 64 << 20
        truncate(path("tracks/\(id)/stems/\(index).wav"), bytes)
        return bytes
    }

    // MARK: - Time

    /// Advances the test's clock, and does the periodic work that is due then.
    func advance(by seconds: Double) {
        clock?.advance(by: seconds)
        service?.doDueWork()
    }

    /// A number of `/metrics`.
    func metric(_ name: String, _ headers: String...) throws -> Int {
        let lines = try request("GET", "/metrics", headers).text.split(separator: "\n")
        let line = try #require(lines.first { $0.hasPrefix("swift_demucs_\(name) ") })
        return try #require(Int(line.dropFirst("swift_demucs_\(name) ".count)))
    }

    /// Number of open connections, without that of the request for it.
    func connectionCount() throws -> Int { try metric("connections") - 1 }
}

/// Expects that a service does not start, with some words in its error.
///
/// - Returns: the error's text.
@discardableResult
func expectNoStart(
    _ words: String, at place: SourceLocation = #_sourceLocation,
    _ start: () throws -> RunningService
) -> String {
    let error = #expect(throws: ServiceError.self, sourceLocation: place) { _ = try start() }
    let text = error?.description ?? ""
    #expect(text.contains(words), sourceLocation: place)
    return text
}

/// Bodies of requests.
enum Form {
    /// A chunk of a body whose length is unknown at its beginning; an empty one ends it.
    static func chunk(_ bytes: Data) -> Data {
        Data("\(String(bytes.count, radix: 16))\r\n".utf8) + bytes + Data("\r\n".utf8)
    }

    private static let boundary = "----frontier"
    static let type = "Content-Type: multipart/form-data; boundary=\(boundary)"

    static func body(
        _ fields: [(String, String)], file: Data?, name: String = "tone.wav",
        boundary: String = boundary
    ) -> Data {
        func part(_ name: String, _ head: String, _ content: Data) -> Data {
            let disposition = "Content-Disposition: form-data; name=\"\(name)\"\(head)"
            let head = Data("--\(boundary)\r\n\(disposition)\r\n\r\n".utf8)
            return head + content + Data("\r\n".utf8)
        }
        let type = "; filename=\"\(name)\"\r\nContent-Type: audio/wav"
        let parts =
            fields.map { part($0, "", Data($1.utf8)) }
            + (file.map { [part("file", type, $0)] } ?? [])
        return parts.reduce(Data(), +) + Data("--\(boundary)--\r\n".utf8)
    }
}
