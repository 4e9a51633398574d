import Foundation
import TestSupport
import Testing

/// Stems that are heard while their job runs, and after it was cancelled.
@Suite(.serialized)
struct GrowingTests {
    /// A service with a job that runs and has 3 of 5 seconds of its stems.
    private func growingJob(
        _ gate: JobGate = JobGate(before: 1), _ query: String = "shifts=0",
        of sound: Data = Sound.tone(seconds: 5)
    ) throws -> (RunningService, id: String) {
        let service = try RunningService(gate: gate)
        let id = try service.job(sound, query: query)
        try service.waitForStems(id)
        return (service, id)
    }

    private func little(_ bytes: Data, _ offset: Int) -> UInt32 {
        (0..<4).reduce(0) { $0 | UInt32(bytes[bytes.startIndex + offset + $1]) << (8 * $1) }
    }

    @Test func aRunningJobsStemsAreReadWhileTheyGrow() throws {
        let gate = JobGate(before: 1)
        let (service, id) = try growingJob(gate)
        let job = try service.get(id)
        let total = 58 + 5 * 44_100 * 8
        #expect(job["state"] == "running")
        #expect(job["ready_seconds"] == 3)
        #expect(job["piece_frames"] == 65_536)
        #expect(job["stem_rate"] == 44_100)
        #expect(job["stems.*.name"] == ["drums", "bass", "other", "vocals"])
        #expect(job["stems.1.url"] == "v1/separations/\(id)/stems/bass.wav")
        #expect(job["stems.1.bytes"] == total)

        // A WAV file of floats, whose header has the whole length.
        let stem = "\(id)/stems/bass.wav"
        let head = try service.get(stem, "Range: bytes=0-57")
        #expect(head.status == 206)
        #expect(head.headers["content-range"] == "bytes 0-57/\(total)")
        #expect(little(head.body, 54) == UInt32(total - 58))
        let second = try service.get(stem, "Range: bytes=58-\(58 + 44_100 * 8 - 1)")
        #expect(second.body.count == 44_100 * 8)
        // A range ends where the finished part does, and begins in it.
        let rest = try service.get(stem, "Range: bytes=1000-")
        #expect(rest.status == 206)
        #expect(rest.body.count == 3 * 44_100 * 8 + 58 - 1000)
        let beyond = try service.get(stem, "Range: bytes=\(total - 8)-")
        beyond.expectProblem(409, "conflict", "finished up to")
        #expect(try service.status(stem) == 409)
        let peaks = try service.get("\(id)/peaks?points=5")
        #expect(peaks["to"] == 5)
        #expect(peaks["duration_seconds"] == 3)
        let heights: [Int] = try #require(peaks["stems.0.channels.0.max"])
        #expect(heights.first != 0 && heights.last == 0)

        gate.open()
        // The finished file has these samples, with the gain that is known at the end.
        let done = try service.expectEnd("done", of: id)
        #expect(done["ready_seconds"] == NSNull())
        let gain: Double = try #require(done["stems.1.gain"])
        let samples = Sound.samples(try service.get(stem).body)
        #expect(
            (0..<2 * 44_100).allSatisfy {
                let growing = Double(Float(bitPattern: little(second.body, 4 * $0)))
                return abs(growing * gain * 32_767 - Double(samples[$0])) <= 1.01
            })
        #expect(try service.files("tracks/\(id)/stems").count == 4)
    }

    @Test func aCancelledJobKeepsItsFinishedPart() throws {
        let (first, id) = try growingJob(JobGate(before: 1), "shifts=0&format=mp3")
        func checkPart(_ service: RunningService, _ job: Answer) throws {
            #expect(job["state"] == "cancelled")
            #expect(job["duration_seconds"] == 3)
            #expect(job["stems.0.url"] == "v1/separations/\(id)/stems/drums.wav")
            let bytes = 58 + 3 * 44_100 * 8
            #expect(job["stems.0.bytes"] == bytes)
            #expect(try service.get("\(id)/stems/drums.wav").body.count == bytes)
            for part in ["stems/bass.flac", "stems.zip", "mix?bass=0", "peaks", "analysis"] {
                #expect(try service.status("\(id)/\(part)") == 200, "\(part)")
            }
        }
        try checkPart(first, first.delete(id))
        let second = try RunningService(after: first)
        try checkPart(second, second.get(id))
        #expect(try second.delete(id).status == 204)
        #expect(try second.files("tracks").isEmpty)
    }

    /// Noise on the left channel whose samples are nearly the largest floats: the stems' samples are infinite wherever
    /// a stem is louder than the noise.
    @Test func stemsBeyondTheLargestFloatFailTheJob() throws {
        var random = SplitMix64(seed: 1)
        var samples: [Float] = []
        for _ in 0..<44_100 / 8 {
            let value: Float = random.unit() < 0.5 ? -3.4e38 : 3.4e38
            for _ in 0..<8 { samples += [value, 0] }
        }
        let service = try RunningService()
        let id = try service.job(WAVFile.bytes(float32: samples, channels: 2, rateHz: 44_100))
        let job = try service.expectEnd("failed", of: id)
        let detail: String? = job["error.detail"]
        #expect(detail?.contains("not finite") == true, "\(job.text)")
    }
}
