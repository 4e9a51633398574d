import Foundation
import Service
import TestSupport
import Testing

/// Jobs that can't end well, or cost too much, are refused instead of queued.
@Suite(.serialized)
struct AcceptanceTests {
    /// The refusal of an upload, with the options in the query and in a form.
    private func refusals(
        _ service: RunningService, _ sound: Data, _ query: String
    ) throws -> [Answer] {
        let fields = query.split(separator: "&").map { field in
            let sides = field.split(separator: "=").map(String.init)
            return (sides[0], sides.count > 1 ? sides[1] : "")
        }
        return [
            try service.upload(sound, query: query),
            try service.upload(form: Form.body(fields, file: sound)),
        ]
    }

    private func kind(_ answer: Answer) -> String {
        (answer.object["type"] as? String)?.split(separator: ":").last.map(String.init) ?? ""
    }

    @Test func plansThatCannotBeRunAreRefusedBeforeTheQueue() throws {
        let service = try RunningService().whenReady()
        let sound = Sound.tone()
        let fast = Sound.wav(channels: [[Float](repeating: 0.1, count: 9600)], rate: 96_000)
        for (sound, query, kind, word) in [
            (sound, "overlap=0.99999&shifts=100", "too-much-work", "at most 20 times"),
            (sound, "segment=0.01", "too-much-work", "'segment'"),
            (sound, "shifts=21", "too-much-work", "'shifts'"),
            (sound, "overlap=0.9999999", "invalid-option", "overlap"),
            (sound, "segment=1e9", "invalid-option", "4.0 seconds"),
            (sound, "segment=0.00001", "invalid-option", "segment"),
            (sound, "start=99:00", "unusable-sound", "ends after 1.0 s"),
            (sound, "start=1", "unusable-sound", "Begin earlier"),
            (Sound.tone(seconds: 5), "no-split=1", "invalid-option", "'no-split'"),
            (fast, "format=mp3&output-rate=input", "invalid-option", "96000 Hz"),
            (sound, "format=ogg", "invalid-option", "wav, flac"),
            (sound, "nonsense=1", "invalid-option", "nonsense"),
            (sound, "model=../demo", "invalid-option", "'model'"),
            (sound, "model=hf://x/y", "invalid-option", "'model'"),
            (sound, "model=htdemucs", "invalid-option", "models fetch htdemucs"),
        ] {
            for answer in try refusals(service, sound, query) {
                #expect(answer.status == 422, "\(query): \(answer.text)")
                #expect(self.kind(answer) == kind, "\(query): \(answer.text)")
                #expect(answer.detail.contains(word), "\(query): \(answer.detail)")
                #expect(answer.headers["retry-after"] == nil)
                #expect(answer.headers["content-type"] == "application/problem+json")
            }
        }
        #expect(try service.get("/v1/separations").object["separations"] as? [String] == [])
        #expect(try service.tracks(with: "input").isEmpty)
        // Twenty times the default is accepted.
        let longest = try service.upload(sound, query: "shifts=20")
        #expect(longest.status == 202, "\(longest.text)")
    }

    @Test func theLimitOfWorkIsASetting() throws {
        let service = try RunningService { $0.limits.work = 3 }
        let limits = try service.get("/v1/models").object["limits"] as? [String: Any]
        #expect(limits?["max_work"] as? Int == 3)
        #expect(try service.upload(Sound.tone(), query: "shifts=4").status == 422)
        _ = try service.doneJob(Sound.tone(), query: "shifts=3")
    }

    @Test func aJobHasAtMostSixteenStems() throws {
        let service = try RunningService()
        func query(mixes: Int) -> String {
            "shifts=0&" + (0..<mixes).map { "mix=m\($0)=drums%2Bbass" }.joined(separator: "&")
        }
        for mixes in [13, 17, 90] {
            let answer = try service.upload(Sound.tone(seconds: 0.1), query: query(mixes: mixes))
            #expect(answer.status == 422)
            #expect(kind(answer) == "invalid-option")
            #expect(answer.detail.contains("at most 16"), "\(answer.detail)")
        }
        let id = try service.doneJob(Sound.tone(seconds: 0.1), query: query(mixes: 12))
        #expect(try service.stems(of: id).count == 16)
    }

    @Test func resultsBeyondTheQuotaAreRefusedAndOthersStay() throws {
        let service = try RunningService(clock: ManualClock()) { $0.quotaBytes = 1_000_000 }
        // Four stems of two seconds take 1.4 MB as WAV and at most 0.5 MB as MP3.
        let sound = Sound.tone(seconds: 2)
        let refused = try service.upload(sound)
        #expect(refused.status == 422, "\(refused.text)")
        #expect(kind(refused) == "no-room")
        #expect(refused.detail.contains("1.4 MB") && refused.detail.contains("1.0 MB"))
        #expect(try service.tracks(with: "input").isEmpty)
        let id = try service.doneJob(sound, query: "shifts=0&format=mp3")
        service.advance(by: 3)
        #expect(try service.get("/v1/separations/\(id)/stems/bass.mp3").status == 200)
    }

    /// Seconds of sound whose results are larger than the disk's free space. Sixteen stems of 44,100
    /// floats in two channels, and their temporary files, need 11.3 MB for each second of sound; the
    /// upload has 2 kB for it.
    private static func secondsBeyondTheDisk() throws -> Int {
        let system = try FileManager.default.attributesOfFileSystem(
            forPath: FileManager.default.temporaryDirectory.path)
        return try #require(system[.systemFreeSize] as? Int) / 11_289_600 + 1000
    }

    @Test(
        .enabled("a larger disk would need a very large upload") {
            try secondsBeyondTheDisk() <= 30_000
        })
    func resultsBeyondTheFreeSpaceAreRefusedInWordsForMusicians() throws {
        let service = try RunningService {
            $0.limits.seconds = 1e7
            $0.limits.bodyBytes = 1 << 30
        }.whenReady()
        let seconds = try AcceptanceTests.secondsBeyondTheDisk()
        let sound = Sound.wav(
            channels: [[Float](repeating: 0.1, count: seconds * 1000)], rate: 1000)
        let mixes = (0..<12).map { "mix=m\($0)=drums%2Bbass" }.joined(separator: "&")
        let refused = try service.upload(sound, query: "shifts=0&float32=1&\(mixes)")
        #expect(refused.status == 422, "\(refused.text)")
        #expect(kind(refused) == "no-room")
        #expect(refused.detail.contains("are free"))
        for word in ["clip", "folder", "--"] { #expect(!refused.detail.contains(word)) }
        #expect(try service.tracks(with: "input").isEmpty)
    }

    @Test func aFileWithHardlyAnythingToDecodeIsRefused() throws {
        let service = try RunningService()
        let whole = Sound.tone(seconds: 20)
        for bytes in [44 + 16, 44 + 30_000] {
            let refused = try service.upload(Data(whole.prefix(bytes)))
            #expect(refused.status == 422, "\(refused.text)")
            #expect(refused.detail.contains("of the announced 20.000 s"), "\(refused.detail)")
        }
        let salvaged = try service.upload(Data(whole.prefix(44 + 100_000)))
        #expect(salvaged.status == 202)
        #expect((salvaged.object["warnings"] as? [String])?.first?.contains("cut short") == true)
    }
}
