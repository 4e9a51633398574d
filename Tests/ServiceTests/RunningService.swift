// A service for one test, with the demo model, on a free port.

import Demucs
import Foundation
import ModelZoo
import Service
import TestSupport
import Testing

final class RunningService {
    let service: Service
    let folder: TemporaryFolder
    var port: Int { service.port }

    /// - Parameters:
    ///   - folder: folder of an earlier service, to continue with its jobs.
    ///   - model: the path of the service's model.
    ///   - findSeconds: time until the model is found, as for a download.
    ///   - change: changes the settings.
    init(
        in folder: TemporaryFolder? = nil, model: String? = nil, findSeconds: Double = 0,
        _ change: (inout ServiceSettings) -> Void = { _ in }
    ) throws {
        self.folder = try folder ?? TemporaryFolder()
        var settings = ServiceSettings(
            dataFolder: self.folder.path("data"), threads: 2, version: "test")
        settings.port = 0
        change(&settings)
        let models = Fixture.bundledModels.path
        let path = model ?? "\(models)/demo.safetensors"
        service = try Service(
            settings, store: ModelStore(isOffline: true, bundledFolders: [models], environment: [:])
        ) {
            Thread.sleep(forTimeInterval: findSeconds)
            return ModelFiles(checkpoint: path)
        }
        try service.start()
    }

    deinit { service.stop() }

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

    /// Uploads a sound.
    func upload(
        _ sound: Data, query: String = "shifts=0", headers: [String] = ["X-Filename: tone.wav"]
    ) throws -> Answer {
        try request("POST", "/v1/separations?\(query)", headers, body: sound)
    }

    /// Waits until a job is final.
    @discardableResult
    func finished(_ id: String) throws -> [String: Any] {
        let deadline = Date(timeIntervalSinceNow: 120)
        while Date() < deadline {
            let job = try get("/v1/separations/\(id)").object
            if ["done", "failed", "cancelled"].contains(job["state"] as? String) { return job }
            Thread.sleep(forTimeInterval: 0.02)
        }
        Issue.record("job \(id) does not end")
        return [:]
    }

    /// Creates a job and waits until it is done.
    func doneJob(_ sound: Data, query: String = "shifts=0") throws -> String {
        let answer = try upload(sound, query: query)
        #expect(answer.status == 202, "\(answer.text)")
        let id = try #require(answer.object["id"] as? String)
        let job = try finished(id)
        #expect(job["state"] as? String == "done", "\(job)")
        return id
    }

    /// Waits until the model is loaded.
    func waitUntilReady() throws {
        while try get("/readyz").status != 200 { Thread.sleep(forTimeInterval: 0.01) }
    }
}

/// Sounds of tests.
enum Sound {
    /// A WAV file of 16-bit samples.
    static func wav(channels: [[Float]], rate: Int = 44_100) -> Data {
        var data = Data()
        func add(_ value: Int, _ bytes: Int) {
            for index in 0..<bytes { data.append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
        }
        let count = channels[0].count * channels.count * 2
        data += Data("RIFF".utf8)
        add(36 + count, 4)
        data += Data("WAVEfmt ".utf8)
        add(16, 4)
        add(1, 2)
        add(channels.count, 2)
        add(rate, 4)
        add(rate * channels.count * 2, 4)
        add(channels.count * 2, 2)
        add(16, 2)
        data += Data("data".utf8)
        add(count, 4)
        for index in channels[0].indices {
            for channel in channels { add(Int((channel[index] * 32_767).rounded()), 2) }
        }
        return data
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
