import Foundation
import TestSupport
import Testing

/// Jobs that can't end well, or cost too much, are refused instead of queued.
@Suite(.serialized)
struct AcceptanceTests {
    /// Requests that every door takes or refuses.
    @Test func theServiceAgreesWithTheOtherDoors() throws {
        let service = try RunningService().whenReady()
        for request in RequestCase.all {
            let fields = request.fields.map { ($0.name, $0.value) }
            let form = Form.body(fields, file: Sound.tone(), name: "a/b\\c.wav")
            let answer = try service.upload(form: form)
            if request.outputs.isEmpty {
                answer.expectProblem(422, "invalid-option", request.refusal)
                continue
            }
            #expect(answer.status == 202, "\(request): \(answer.text)")
            #expect(answer["name"] == "c.wav")
            let job = try service.expectEnd("done", of: try #require(answer["id"]))
            #expect(job["stems.*.name"] == request.outputs, "\(request)")
        }
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
            (sound, "nonsense=1", "invalid-option", "nonsense"),
            (sound, "model=../demo", "invalid-option", "'model'"),
            (sound, "model=hf://x/y", "invalid-option", "'model'"),
            (sound, "model=htdemucs", "invalid-option", "models fetch htdemucs"),
        ] {
            let fields = query.split(separator: "&").map { field in
                let sides = field.split(separator: "=").map(String.init)
                return (sides[0], sides[1])
            }
            let form = Form.body(fields, file: sound)
            try service.upload(sound, query: query).expectProblem(422, kind, word)
            try service.upload(form: form).expectProblem(422, kind, word)
        }
        #expect(try service.jobs().isEmpty)
        #expect(try service.files("tracks").isEmpty)
        // Twenty times the default is accepted.
        #expect(try service.upload(sound, query: "shifts=20").status == 202)
    }

    /// Options with sums of stems.
    private func sums(_ count: Int) -> String {
        (0..<count).map { "&mix=m\($0)=drums%2Bbass" }.joined()
    }

    @Test func aJobHasAtMostSixteenStemsAndTheWorkOfTheSetting() throws {
        let service = try RunningService { $0.limits.work = 3 }
        #expect(try service.get("/v1/models")["limits.max_work"] == 3)
        try service.upload(query: "shifts=4").expectProblem(422, "too-much-work")
        _ = try service.doneJob(query: "shifts=3")
        for count in [13, 17, 90] {
            let refused = try service.upload(query: "shifts=0\(sums(count))")
            refused.expectProblem(422, "invalid-option", "at most 16")
        }
        let job = try service.get(service.doneJob(query: "shifts=0\(sums(12))"))
        #expect((job["stems"] ?? [Any]()).count == 16)
    }

    @Test func resultsBeyondTheQuotaAreRefusedAndOthersStay() throws {
        let service = try RunningService(clock: ManualClock()) { $0.quotaBytes = 1_000_000 }
        // Four stems of two seconds take 1.4 MB as WAV and at most 0.5 MB as MP3.
        let sound = Sound.tone(seconds: 2)
        try service.upload(sound).expectProblem(422, "no-room", "1.4 MB", "1.0 MB")
        #expect(try service.files("tracks").isEmpty)
        let id = try service.doneJob(sound, query: "shifts=0&format=mp3")
        service.advance(by: 3)
        #expect(try service.status("\(id)/stems/bass.mp3") == 200)
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
        let refused = try service.upload(sound, query: "shifts=0&float32=1\(sums(12))")
        refused.expectProblem(422, "no-room", "are free")
        for word in ["clip", "folder", "--"] { #expect(!refused.detail.contains(word)) }
        #expect(try service.files("tracks").isEmpty)
    }

    @Test func aFileWithHardlyAnythingToDecodeIsRefused() throws {
        let service = try RunningService()
        let whole = Sound.tone(seconds: 20)
        for bytes in [44 + 16, 44 + 30_000] {
            let refused = try service.upload(Data(whole.prefix(bytes)))
            refused.expectProblem(422, "unusable-sound", "of the announced 20.000 s")
        }
        let salvaged = try service.upload(Data(whole.prefix(44 + 100_000)))
        #expect(salvaged.status == 202)
        #expect((salvaged["warnings.0"] ?? "").contains("cut short"))
    }
}
