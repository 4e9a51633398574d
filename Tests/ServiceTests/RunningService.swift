// A service for one test, with the demo model, on a free port.

import Demucs
import Foundation
import ModelZoo
import Service
import TestSupport
import Testing

final class RunningService {
    /// Nil after the end.
    private(set) var service: Service?
    private let clock: ManualClock?
    let folder: TemporaryFolder
    var port: Int { service?.port ?? 0 }

    /// - Parameters:
    ///   - folder: folder of an earlier service, to continue with its jobs.
    ///   - model: the path of the service's model.
    ///   - clock: a clock that the test advances; nil for the system's.
    ///   - gate: stops jobs; nil for none.
    ///   - tokens: the content of a file of tokens; nil for a service without users.
    ///   - change: changes the settings.
    ///   - beforeModel: called each time before the model is found.
    init(
        in folder: TemporaryFolder? = nil, model: String? = nil, clock: ManualClock? = nil,
        gate: JobGate? = nil, tokens: String? = nil,
        _ change: (inout ServiceSettings) -> Void = { _ in },
        beforeModel: @escaping @Sendable () throws -> Void = {}
    ) throws {
        self.folder = folder ?? TemporaryFolder()
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

    /// Sends a request and reads the complete reply.
    func request(
        _ method: String, _ target: String, _ headers: [String] = [], host: String? = nil,
        body: Data? = nil
    ) throws -> Answer {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: \(host ?? "127.0.0.1:\(port)")"]
        lines += headers + ["Connection: close"]
        if let body, !headers.contains(where: { $0.hasPrefix("Transfer-Encoding") }) {
            lines.append("Content-Length: \(body.count)")
        }
        let connection = try Connection(port: port)
        connection.send(Data((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8))
        if let body { connection.send(body) }
        return try #require(Answer(connection.receiveAll()), "\(method) \(target) has no answer")
    }

    func get(_ target: String, _ headers: [String] = []) throws -> Answer {
        try request("GET", target, headers)
    }

    /// Opens a connection and sends the head of a request.
    func open(
        _ target: String, _ headers: String..., method: String = "GET", receivedBytes: Int32? = nil
    ) throws -> Connection {
        let connection = try Connection(port: port, receivedBytes: receivedBytes)
        connection.send(method, target, headers)
        return connection
    }

    func upload(form: Data) throws -> Answer {
        try request("POST", "/v1/separations", [Form.type], body: form)
    }

    func upload(
        _ sound: Data, query: String = "shifts=0", headers: [String] = ["X-Filename: tone.wav"]
    ) throws -> Answer {
        try request("POST", "/v1/separations?\(query)", headers, body: sound)
    }

    /// Uploads a sound that becomes a job.
    ///
    /// - Returns: the job's id.
    func job(
        _ sound: Data, query: String = "shifts=0", headers: [String] = ["X-Filename: tone.wav"]
    ) throws -> String {
        let answer = try upload(sound, query: query, headers: headers)
        return try #require(answer.object["id"] as? String, "\(answer.text)")
    }

    /// Cancels or removes a job.
    @discardableResult
    func delete(_ id: String) throws -> Answer { try request("DELETE", "/v1/separations/\(id)") }

    /// Waits until a job is final.
    @discardableResult
    func finished(_ id: String, _ headers: [String] = []) throws -> [String: Any] {
        try waitForState([], of: id, headers)
        return try get("/v1/separations/\(id)", headers).object
    }

    /// Waits until a job has the stems of its first segment, 3 seconds.
    func waitForStems(_ id: String) throws { try waitForText(["\"ready_seconds\":3"], of: id) }

    func waitUntilRunning(_ id: String) throws { try waitForState(["running"], of: id) }

    /// Waits for an event with one of some states of a job, or with its end.
    private func waitForState(_ states: [String], of id: String, _ headers: [String] = []) throws {
        try waitForText(
            (states + ["done", "failed", "cancelled"]).map { "\"state\":\"\($0)\"" }, of: id,
            headers)
    }

    private func waitForText(_ words: [String], of id: String, _ headers: [String] = []) throws {
        let connection = try Connection(port: port)
        connection.send("GET", "/v1/separations/\(id)/events", headers)
        let received = connection.receive(untilOneOf: words)
        try #require(words.contains { received.contains($0) }, "job \(id): \(received.suffix(300))")
    }

    /// The JSON of a job's stems.
    func stems(of id: String, _ headers: String...) throws -> [[String: Any]] {
        let job = try get("/v1/separations/\(id)", headers).object
        return try #require(job["stems"] as? [[String: Any]], "\(job)")
    }

    /// Creates a job and waits until it is done.
    func doneJob(_ sound: Data, query: String = "shifts=0") throws -> String {
        let id = try job(sound, query: query)
        let job = try finished(id)
        #expect(job["state"] as? String == "done", "\(job)")
        return id
    }

    /// Waits until the model is loaded.
    @discardableResult
    func whenReady() throws -> RunningService {
        service?.waitUntilLoaded()
        #expect(try get("/readyz").status == 200)
        return self
    }

    /// The ids of a user's jobs, the newest first.
    func jobs(_ headers: String...) throws -> [String] {
        let list = try get("/v1/separations", headers).object["separations"] as? [[String: Any]]
        return (list ?? []).compactMap { $0["id"] as? String }
    }

    /// Names in a folder of the service's data.
    func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: self.folder.path("data/\(folder)"))
    }

    /// Ids of the jobs whose tracks have a file, such as `input` or `stems`, sorted.
    func tracks(with name: String) throws -> [String] {
        try files("tracks").sorted().filter {
            FileManager.default.fileExists(atPath: folder.path("data/tracks/\($0)/\(name)"))
        }
    }

    /// Lets a stem of a finished job have more bytes than the system's buffers take from a reply.
    ///
    /// - Returns: the number of its bytes.
    func enlarge(stem index: Int, of id: String) -> Int {
        let bytes = 64 << 20
        truncate(folder.path("data/tracks/\(id)/stems/\(index).wav"), bytes)
        return bytes
    }

    // MARK: - Time

    /// Advances the test's clock, and does the periodic work that is due then.
    func advance(by seconds: Double) {
        clock?.advance(by: seconds)
        service?.doDueWork()
    }

    /// Number of open connections, without that of the request for it.
    func connectionCount() throws -> Int {
        let metrics = try get("/metrics").text
        let line = try #require(metrics.firstMatch(of: /\nswift_demucs_connections (\d+)\n/))
        return try #require(Int(line.1)) - 1
    }
}

/// Sounds of tests.
enum Sound {
    /// A WAV file of 16-bit samples.
    static func wav(channels: [[Float]], rate: Int = 44_100) -> Data {
        let samples = channels[0].indices.flatMap { index in
            channels.map { Int16(($0[index] * 32_767).rounded()) }
        }
        return WAVFile.bytes(int16: samples, channels: channels.count, rateHz: rate)
    }

    /// A stereo tone with clicks.
    static func tone(seconds: Double = 1, pitchHz: Double = 220, channels: Int = 2) -> Data {
        let count = Int(seconds * 44_100)
        return wav(
            channels: (0..<channels).map { channel in
                (0..<count).map { index in
                    let phase = 2 * Double.pi * pitchHz * Double(index) / 44_100
                    let click: Float = index % 11_025 < 40 ? 0.4 : 0
                    return Float(0.4 * sin(phase + Double(channel))) + click
                }
            })
    }

    /// The samples of a 16-bit stereo WAV file, interleaved.
    static func samples(_ wav: Data) -> [Int] {
        guard let data = wav.range(of: Data("data".utf8)) else { return [] }
        let bytes = [UInt8](wav[(data.upperBound + 4)...])
        return stride(from: 0, to: bytes.count - 1, by: 2).map {
            Int(Int16(truncatingIfNeeded: Int(bytes[$0]) | Int(bytes[$0 + 1]) << 8))
        }
    }
}
