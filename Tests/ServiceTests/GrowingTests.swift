import Foundation
import TestSupport
import Testing

/// Stems that are heard while their job runs, and after it was cancelled.
@Suite(.serialized)
struct GrowingTests {
    /// Stops jobs when they have 3 of 5 seconds.
    private let gate = JobGate(before: 1)

    /// A job that runs and has its first stems.
    private func growingJob(
        _ service: RunningService, _ query: String = "", of sound: Data = Sound.tone(seconds: 5)
    ) throws -> String {
        let id = try service.job(sound, query: "shifts=0\(query)")
        try service.waitForStems(id)
        return id
    }

    private func little(_ bytes: Data, _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[bytes.startIndex + offset + $1]) << (8 * $1) }
    }

    @Test func aRunningJobsStemsAreReadWhileTheyGrow() throws {
        let service = try RunningService(gate: gate)
        let id = try growingJob(service)
        let address = "/v1/separations/\(id)"
        let job = try service.get(address).object
        #expect(job["state"] as? String == "running")
        #expect(job["ready_seconds"] as? Double == 3)
        #expect(job["piece_frames"] as? Int == 65_536)
        #expect(job["stem_rate"] as? Int == 44_100)
        let stems = try #require(job["stems"] as? [[String: Any]])
        #expect(stems.map { $0["name"] as? String } == ["drums", "bass", "other", "vocals"])
        #expect(stems[1]["url"] as? String == String("\(address)/stems/bass.wav".dropFirst()))

        // A WAV file of floats, whose header has the whole length.
        let stem = "\(address)/stems/bass.wav"
        let head = try service.get(stem, ["Range: bytes=0-57"])
        #expect(head.status == 206)
        let total = 58 + 5 * 44_100 * 8
        #expect(head.headers["content-range"] == "bytes 0-57/\(total)")
        #expect(stems[1]["bytes"] as? Int == total)
        #expect(little(head.body, 54) == UInt32(total - 58))
        let second = try service.get(stem, ["Range: bytes=58-\(58 + 44_100 * 8 - 1)"])
        #expect(second.body.count == 44_100 * 8)
        // A range ends where the finished part does, and begins in it.
        let rest = try service.get(stem, ["Range: bytes=1000-"])
        #expect(rest.status == 206)
        #expect(rest.body.count == 3 * 44_100 * 8 + 58 - 1000)
        let beyond = try service.get(stem, ["Range: bytes=\(total - 8)-"])
        #expect(beyond.status == 409)
        #expect(beyond.detail.contains("finished up to"))
        #expect(try service.get(stem).status == 409)
        let peaks = try service.get("\(address)/peaks?points=5").object
        #expect(peaks["to"] as? Double == 5)
        #expect(peaks["duration_seconds"] as? Double == 3)
        let channels = try #require(
            (peaks["stems"] as? [[String: Any]])?[0]["channels"] as? [[String: [Int]]])
        #expect(channels[0]["max"]?.first != 0)
        #expect(channels[0]["max"]?.last == 0)

        gate.open()
        // The finished file has these samples, with the gain that is known at the end.
        let done = try service.finished(id)
        #expect(done["state"] as? String == "done")
        #expect(done["ready_seconds"] is NSNull)
        let gain = try #require((done["stems"] as? [[String: Any]])?[1]["gain"] as? Double)
        let samples = Sound.samples(try service.get(stem).body)
        let growing = (0..<2 * 44_100).map { Float(bitPattern: little(second.body, 4 * $0)) }
        #expect(
            zip(growing, samples).allSatisfy {
                abs(Double($0) * gain * 32_767 - Double($1)) <= 1.01
            })
        #expect(try service.files("tracks/\(id)/stems").count == 4)
    }

    @Test func aCancelledJobKeepsItsFinishedPart() throws {
        let folder = TemporaryFolder()
        var address = ""
        func checkPart(_ service: RunningService, _ job: [String: Any]) throws {
            #expect(job["state"] as? String == "cancelled")
            #expect(job["duration_seconds"] as? Double == 3)
            let stems = try #require(job["stems"] as? [[String: Any]])
            #expect(stems[0]["url"] as? String == String("\(address)/stems/drums.wav".dropFirst()))
            let stem = try service.get("\(address)/stems/drums.wav")
            #expect(stem.body.count == stems[0]["bytes"] as? Int)
            #expect(stem.body.count == 58 + 3 * 44_100 * 8)
            for part in ["stems/bass.flac", "stems.zip", "mix?bass=0", "peaks", "analysis"] {
                #expect(try service.get("\(address)/\(part)").status == 200, "\(part)")
            }
        }
        do {
            let service = try RunningService(in: folder, gate: gate)
            address = "/v1/separations/\(try growingJob(service, "&format=mp3"))"
            try checkPart(service, service.request("DELETE", address).object)
        }
        let service = try RunningService(in: folder)
        try checkPart(service, service.get(address).object)
        #expect(try service.request("DELETE", address).status == 204)
        #expect(try service.files("tracks").isEmpty)
    }

    /// Noise on the left channel whose samples are nearly the largest floats: the stems' samples are
    /// infinite wherever a stem is louder than the noise.
    private func loudestNoise() -> Data {
        let frames = 5 * 44_100
        var random = SplitMix64(seed: 1)
        var samples = [Float](repeating: 0, count: 2 * frames)
        for start in stride(from: 0, to: frames, by: 8) {
            let value: Float = random.unit() < 0.5 ? -3.4e38 : 3.4e38
            for frame in start..<min(start + 8, frames) { samples[2 * frame] = value }
        }
        return WAVFile.bytes(float32: samples, channels: 2, rateHz: 44_100)
    }

    @Test func stemsBeyondTheLargestFloatAreShownAndStored() throws {
        let folder = TemporaryFolder()
        let address: String
        /// Checks that JSON, which has no infinite numbers, shows such peaks as 0.
        func checkPeaks(_ job: [String: Any]) throws {
            let stems = try #require(job["stems"] as? [[String: Any]])
            #expect(stems.count == 5)
            #expect(stems.contains { $0["peak"] as? Double == 0 })
        }
        do {
            let service = try RunningService(in: folder, gate: gate)
            let id = try growingJob(
                service, "&mix=all=drums%2Bbass%2Bother%2Bvocals", of: loudestNoise())
            address = "/v1/separations/\(id)"
            try checkPeaks(service.get(address).object)
            #expect(try service.get("/v1/separations").object["total"] as? Int == 1)
            try checkPeaks(service.request("DELETE", address).object)
        }
        let service = try RunningService(in: folder)
        #expect(service.service?.warnings == [])
        let job = try service.get(address).object
        #expect(job["state"] as? String == "cancelled")
        try checkPeaks(job)
    }
}
