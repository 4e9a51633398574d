import Audio
import Demucs
import Foundation
import TestSupport
import Testing

/// Results of a finished job: files, ranges, archives, mixes, waveforms.
@Suite(.serialized)
struct ResultTests {
    @Test func filesHaveRangesTagsAndHeads() throws {
        let (service, id) = try RunningService.withJob()
        let stem = "\(id)/stems/bass.wav"
        let whole = try service.get(stem)
        let size = whole.body.count
        #expect(whole.headers["content-type"] == "audio/wav")
        #expect(whole.headers["accept-ranges"] == "bytes")
        let tag = try #require(whole.headers["etag"])
        for (range, bytes) in [
            ("bytes=0-43", 0..<44), ("bytes=100-", 100..<size), ("bytes=-10", size - 10..<size),
            ("bytes=50-9999999", 50..<size), ("bytes=0-1000000000000000", 0..<size),
            ("bytes=-1000000000000000", 0..<size),
        ] {
            let part = try service.get(stem, "Range: \(range)")
            #expect(part.status == 206, "\(range)")
            #expect(part.body == whole.body[bytes], "\(range)")
            let found = "bytes \(bytes.lowerBound)-\(bytes.upperBound - 1)/\(size)"
            #expect(part.headers["content-range"] == found)
        }
        for range in ["bytes=\(size)-", "bytes=-0"] {
            let answer = try service.get(stem, "Range: \(range)")
            #expect(answer.status == 416)
            #expect(answer.headers["content-range"] == "bytes */\(size)")
        }
        for range in [
            "bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=x-y", "bytes=-", "bytes=--1",
            "bytes=", "bytes", "bytes=1", "bytes=18446744073709551616-",
            "bytes=0-1180591620717411303424",
        ] {
            let status = try service.status(stem, "Range: \(range)")
            #expect(status == 200 || range.contains("6-") && status == 416, "\(range): \(status)")
        }
        let range = "Range: bytes=0-1"
        for (headers, status) in [
            (["If-None-Match: \(tag)"], 304), (["If-None-Match: *"], 304),
            (["If-None-Match: \"a\", \(tag)"], 304), (["If-None-Match: W/\(tag)"], 304),
            (["If-None-Match: \"a\""], 200), ([range, "If-Range: \"other\""], 200),
            ([range, "If-Range: W/\(tag)"], 200),
            ([range, "If-Range: Thu, 01 Jan 1970 00:00:00 GMT"], 200),
            ([range, "If-Range: \(tag)"], 206),
        ] {
            let answer = try service.request("GET", stem, headers)
            #expect(answer.status == status, "\(headers)")
        }
        let head = try service.request("HEAD", stem)
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
        #expect(head.headers["content-length"] == "\(size)")
        #expect(head.headers["etag"] == tag)
    }

    @Test func aStemComesInEveryFormat() throws {
        // A title as the last chunk of the file.
        var sound = Sound.tone() + Data("LIST\u{16}\0\0\0INFOINAM\u{9}\0\0\0The song\0\0".utf8)
        let size = UInt32(sound.count - 8)
        withUnsafeBytes(of: size.littleEndian) { sound.replaceSubrange(4..<8, with: $0) }
        let (service, id) = try RunningService.withJob(sound)
        for (path, title) in [
            ("stems/bass.flac", "The song (bass)"), ("stems/bass.mp3", "The song (bass)"),
            ("mix?format=mp3", "The song"), ("mix?bass=0.5&format=flac", "The song"),
        ] {
            let body = try service.get("\(id)/\(path)").body
            #expect(body.range(of: Data(title.utf8)) != nil, "\(path)")
            #expect(title.contains("(") || body.range(of: Data("\(title) (".utf8)) == nil)
        }
        let formats = ["wav", "flac", "mp3", "flac"]
        let replies = try formats.map { try service.get("\(id)/stems/bass.\($0)") }
        #expect(replies[1].body.starts(with: Data("fLaC".utf8)))
        #expect(replies[2].headers["content-type"] == "audio/mpeg")
        #expect(Set(replies.map { $0.headers["etag"] }).count == 3)
        #expect(replies[3].body == replies[1].body)
        #expect(try service.status("\(id)/stems/bass.ogg") == 404)
    }

    @Test func theMixIsTheSumOfItsStems() throws {
        let (service, id) = try RunningService.withJob(Sound.tone())
        func samples(_ part: String) throws -> [Double] {
            let answer = try service.get("\(id)/\(part)")
            #expect(answer.status == 200, "\(answer.detail)")
            return Sound.samples(answer.body).map(Double.init)
        }
        let stems = try ["drums", "bass", "other", "vocals"].map {
            try samples("stems/\($0).wav")
        }
        // Two steps, half a one for each rounding: reading at 1/32768, writing at 1/32767 toward zero.
        for (query, gains) in [("?vocals=0&drums=0.5", [0.5, 1, 1, 0]), ("", [1, 1, 1, 1])] {
            let mix = try samples("mix\(query)")
            #expect(mix.count == 2 * 44_100)
            for index in mix.indices {
                let sum = zip(stems, gains).reduce(0) { $0 + $1.0[index] * $1.1 }
                try #require(abs(mix[index] - sum) <= 2, "\(query): \(index)")
            }
        }
        // Like StereoPannerNode: at -1 both channels are on the left; panned half right, the left
        // one keeps cos 45°.
        let alone = "mix?drums=0&other=0&vocals=0"
        let plain = try samples(alone)
        let left = try samples("\(alone)&bass.pan=-1&bass=0.5")
        let half = try samples("\(alone)&bass.pan=0.5&bass=0.5")
        let cosine = 0.5.squareRoot()
        for index in stride(from: 0, to: plain.count, by: 2) {
            let (l, r) = (plain[index] / 2, plain[index + 1] / 2)
            try #require(abs(left[index] - (l + r)) <= 2 && left[index + 1] == 0)
            try #require(abs(half[index] - l * cosine) <= 2)
            try #require(abs(half[index + 1] - (r + l * cosine)) <= 2)
        }
        for query in [
            "harp=1", "harp.pan=1", "bass.pan=1.1", "bass.pan=nan", "bass.pan=", "bass=-1",
            "bass=nan",
        ] { try service.get("\(id)/mix?\(query)").expectProblem(422, "invalid-option") }
    }

    @Test(arguments: [
        ("mix=karaoke=drums%2Bbass%2Bother", "drums=1&bass=1&other=1&vocals=1&karaoke=0"),
        ("stems=vocals&mix=rest=drums%2Bbass", "vocals=1&rest=1"),
        ("stems=rest&mix=rest=drums%2Bbass", "rest=1"),
        ("two-stems=vocals&mix=band=drums%2Bbass", "vocals=1&no_vocals=1&band=0"),
    ])
    func sumsThatRepeatStemsAreMarkedAndSilentInTheMix(query: String, parts: String) throws {
        let (service, id) = try RunningService.withJob(query: "shifts=0&\(query)")
        let job = try service.get(id)
        let names: [String] = try #require(job["stems.*.name"])
        let areParts: [Bool] = try #require(job["stems.*.is_part"])
        let found = zip(names, areParts).map { "\($0)=\($1 ? 1 : 0)" }
        #expect(found.joined(separator: "&") == parts)
        // The default mix has each part once, and no sum that repeats them.
        #expect(try service.get("\(id)/mix").body == service.get("\(id)/mix?\(parts)").body)
    }

    /// A stem beyond full scale is scaled down for a format that can't hold it, and not limited.
    @Test func loudStemsKeepTheirShapeInOtherFormats() throws {
        let tone = (0..<17_640).map { 4 * sin(Float($0 / 2) * 0.05) }
        let sound = WAVFile.bytes(float32: tone, channels: 2, rateHz: 44_100)
        let query = "shifts=0&clip-mode=off&float32=1"
        let (service, id) = try RunningService.withJob(sound, query: query)
        let folder = TemporaryFolder()
        func read(_ name: String) throws -> PlanarAudio {
            let path = try folder.write(service.get("\(id)/stems/\(name)").body, name)
            return try AudioFile.read(path).buffer
        }
        var loud = 0
        for stem in ["drums", "bass", "other", "vocals"] {
            let (whole, coded) = (try read("\(stem).wav"), try read("\(stem).flac"))
            let peak = max(1, whole.peak)
            let pairs = zip(whole.channels.joined(), coded.channels.joined())
            #expect(pairs.allSatisfy { abs($0 / peak - $1) < 1e-3 }, "\(stem): \(peak)")
            loud += peak > 1 ? 1 : 0
        }
        #expect(loud > 0)
    }

    @Test func theArchiveHoldsAllStemsAndItsLengthIsKnown() throws {
        let (service, id) = try RunningService.withJob(Sound.tone())
        let folder = TemporaryFolder()
        for query in ["?format=mp3", "?from=0.25&to=0.5&format=flac", ""] {
            let answer = try service.get("\(id)/stems.zip\(query)")
            #expect(answer.headers["content-type"] == "application/zip")
            #expect(answer.headers["content-length"] == "\(answer.body.count)", "\(query)")
            #expect(answer.body.count > 1_000)
            try folder.write(answer.body, "stems.zip")
        }
        if isInstalled("python3") {
            let archive = folder.path("stems.zip")
            try #require(
                Process.run(["python3", "-m", "zipfile", "-e", archive, folder.url.path]) == 0)
            for stem in ["drums.wav", "bass.wav", "other.wav", "vocals.wav"] {
                #expect(try folder.data(stem) == service.get("\(id)/stems/\(stem)").body)
            }
        }
        // One that can't be made leaves no file open.
        try FileManager.default.removeItem(atPath: service.path("tracks/\(id)/stems/3.wav"))
        for _ in 0..<5 { #expect(try service.status("\(id)/stems.zip") == 404) }
        let files = FileManager.default
        let descriptors = (try? files.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        let open = descriptors.compactMap {
            try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        #expect(open.filter { $0.contains(id) } == [])
    }

    @Test func peaksAreTheExtremesOfTheSamples() throws {
        // So loud that stems are scaled by factors of their own.
        let tone = Sound.samples(Sound.tone(seconds: 6)).map { Float($0) / 4096 }
        let (service, id) = try RunningService.withJob(
            WAVFile.bytes(float32: tone, channels: 2, rateHz: 44_100), query: "shifts=0&gain=stem")
        let names: [String] = try #require(try service.get(id)["stems.*.name"])
        let stems = try names.map { Sound.samples(try service.get("\(id)/stems/\($0).wav").body) }
        let frames = 6 * 44_100
        let gains: [Double] = try #require(try service.get(id)["stems.*.gain"])
        #expect(Set(gains).count > 1)
        // The window's edges lie between blocks of 256 samples; between coarse ones if each point has one.
        for (query, points, blocks, size) in [
            ("points=100", 100, 0..<1034, 256), ("points=50000", 1034, 0..<1034, 256),
            ("from=1.5&to=3.5&points=1000", 345, 258..<603, 256),
            ("from=0&to=5.9&points=4", 4, 0..<32, 32 * 256),
        ] {
            let reply = try service.get("\(id)/peaks?\(query)")
            #expect(reply["points"] == points, "\(query)")
            #expect(reply["duration_seconds"] == 6)
            #expect(reply["from"] == Double(blocks.lowerBound * size) / 44_100)
            let end = min(blocks.upperBound * size, frames)
            #expect(reply["to"] == Double(end) / 44_100, "\(query)")
            #expect(reply["stems.*.name"] == names)
            let edges = (0...points).map {
                min((blocks.lowerBound + $0 * blocks.count / points) * size, frames)
            }
            let extremes: [(String, ([Int]) -> Int?)] = [
                ("max", { $0.max() }), ("min", { $0.min() }),
            ]
            for (stem, samples) in stems.enumerated() {
                for (name, extreme) in extremes {
                    let expected = zip(edges, edges.dropFirst()).map { start, end in
                        let part = (start..<end).map { samples[2 * $0] }
                        return max(
                            -128, min(127, Int((Double(extreme(part) ?? 0) / 256).rounded())))
                    }
                    #expect(
                        reply["stems.\(stem).channels.0.\(name)"] == expected, "\(query) \(name)")
                }
            }
        }
        for query in ["points=0", "from=6", "from=-1", "from=nan", "from=3&to=3", "to=0", "to=x"] {
            try service.get("\(id)/peaks?\(query)").expectProblem(422, "invalid-option")
        }
        // Damaged waveforms are made again: a file for more stems than the job has, and shorter ones.
        let right = try service.get("\(id)/peaks?points=10").body
        let stored = try service.folder.data("data/cache/\(id)/waveforms")
        let other = [5] + stored.dropFirst() + Data(count: (stored.count - 32) / 4)
        for damaged in [Data(), Data("damaged".utf8), Data(stored.dropLast()), Data(other)] {
            try service.folder.write(damaged, "data/cache/\(id)/waveforms")
            #expect(try service.get("\(id)/peaks?points=10").body == right)
        }
    }

    @Test func theAnalysisIsThatOfTheStemsAndIsKept() throws {
        let (service, id) = try RunningService.withJob(
            Sound.tone(seconds: 12), query: "shifts=0&analyze=1")
        let (job, analysis) = (try service.get(id), try service.get("\(id)/analysis"))
        // Clicks come four times a second.
        let tempo: Double = try #require(analysis["tempo_bpm"])
        #expect([60, 80, 120, 240].contains { abs(tempo / $0 - 1) < 0.02 }, "\(tempo)")
        #expect(job["tempo_bpm"] == tempo)
        let key: String = try #require(analysis["key"])
        #expect(job["key"] == key)
        // Made once: the second reply is the file.
        try service.folder.write("{\"key\":null}", "data/cache/\(id)/analysis")
        #expect(try service.get("\(id)/analysis").text == "{\"key\":null}\n")
    }

    @Test func aPartOfTheStemsCanBeSaved() throws {
        let (service, id) = try RunningService.withJob(Sound.tone(seconds: 6))
        let bass = "\(id)/stems/bass.wav"
        let whole = Sound.samples(try service.get(bass).body)
        let range = Int(1.5 * 44_100) * 2..<Int(2.25 * 44_100) * 2
        let samples = Sound.samples(try service.get("\(bass)?from=1.5&to=2.25").body)
        #expect(samples.count == range.count)
        // Read at 1/32768, written at 1/32767 toward zero.
        #expect(zip(samples, whole[range]).allSatisfy { abs($0 - $1) <= 1 })
        for (path, seconds, name) in [
            ("stems/bass.wav?from=1.5&to=2.25", 0.75, /tone - bass 1\.50-2\.25\.wav/),
            // A part that ends after the stems ends with them.
            ("stems/bass.wav?from=5&to=1e300", 1, /tone - bass 5\.00-end\.wav/),
            ("mix?from=5", 1, /tone - mix 5\.00-end\.wav/),
            (
                "mix?format=mp3&named=tempo,key", nil,
                /tone - mix \d+\.\d BPM [A-G]#? (?:major|minor)\.mp3/
            ),
        ] as [(String, Double?, Regex<Substring>)] {
            let part = try service.get("\(id)/\(path)")
            let found = Double(Sound.samples(part.body).count) / 2 / 44_100
            #expect(seconds == nil || found == seconds, "\(path)")
            let disposition = part.headers["content-disposition"] ?? ""
            #expect(disposition.contains(name), "\(disposition)")
        }
        // Two parts whose names for saving are equal.
        for path in ["stems/bass.wav?", "mix?"] {
            let near = try service.get("\(id)/\(path)from=1.001&to=1.5")
            let other = try service.get("\(id)/\(path)from=1.004&to=1.5")
            #expect(near.headers["etag"] != other.headers["etag"])
            let missing = Int(1.004 * 44_100) - Int(1.001 * 44_100)
            let rest = Sound.samples(near.body).dropFirst(2 * missing)
            #expect(Array(rest) == Sound.samples(other.body), "\(path)")
        }
        let flac = try service.get("\(id)/stems/bass.flac?from=1&to=2")
        #expect(flac.body.starts(with: Data("fLaC".utf8)))
        for query in ["from=6", "from=2&to=1", "named=colour"] {
            try service.get("\(bass)?\(query)").expectProblem(422, "invalid-option")
        }
    }

    @Test func mixesShareTheSlotsAndEndWithTheirClients() throws {
        let (first, id) = try RunningService.withJob()
        func mixes(_ service: RunningService) throws -> [Connection] {
            try (1...3).map { try service.open("\(id)/mix?bass=0.\($0)", "Connection: close") }
        }
        // Mixes that wait for the one slot, which is taken for ever.
        let waiting = try RunningService(after: first, clock: ManualClock()) {
            $0.limits.workSlots = 0
        }
        let clients = try mixes(waiting)
        try waitUntil("three requests wait") { try waiting.connectionCount() == 3 }
        for client in clients[..<2] { client.shutDown() }
        try waitUntil("the clients that stay wait") {
            waiting.advance(by: 0)
            return try waiting.connectionCount() == 1
        }
        #expect(try waiting.files("cache/\(id)") == ["waveforms"])
        let working = try RunningService(after: waiting) { $0.limits.workSlots = 1 }
        for client in try mixes(working) { client.receive(until: " 200 OK") }
    }

    @Test func aJobHasTheRateOfItsStems() throws {
        let service = try RunningService()
        #expect(try service.upload()["stem_rate"] == NSNull())
        let samples = (0..<24_000).map { 0.3 * sin(Float($0) / 20) }
        let sound = Sound.wav(channels: [samples, samples], rate: 48_000)
        for (query, rate) in [("shifts=0", 44_100), ("shifts=0&output-rate=input", 48_000)] {
            // The second time, the results of the first are found.
            for _ in 0..<2 {
                let id = try service.doneJob(sound, query: query)
                let job = try service.get(id)
                #expect(job["sample_rate"] == 48_000)
                #expect(job["stem_rate"] == rate)
                let stem = try service.get("\(id)/stems/bass.wav").body
                #expect(Array(stem[24..<28]) == [UInt8(rate & 255), UInt8(rate >> 8), 0, 0])
            }
        }
    }
}
