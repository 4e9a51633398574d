import Foundation
import TestSupport
import Testing

/// Results of a finished job: files, ranges, archives, mixes, waveforms.
@Suite(.serialized)
struct ResultTests {
    @Test func filesHaveRangesTagsAndHeads() throws {
        let service = try RunningService()
        let address = "/v1/separations/\(try service.doneJob(Sound.tone()))/stems/bass.wav"
        let whole = try service.get(address)
        let size = whole.body.count
        #expect(whole.headers["content-type"] == "audio/wav")
        #expect(whole.headers["accept-ranges"] == "bytes")
        let tag = try #require(whole.headers["etag"])
        for (range, bytes) in [
            ("bytes=0-43", 0..<44), ("bytes=100-", 100..<size), ("bytes=-10", size - 10..<size),
            ("bytes=50-9999999", 50..<size), ("bytes=0-1000000000000000", 0..<size),
            ("bytes=-1000000000000000", 0..<size),
        ] {
            let part = try service.get(address, ["Range: \(range)"])
            #expect(part.status == 206, "\(range)")
            #expect(part.body == whole.body[bytes], "\(range)")
            #expect(
                part.headers["content-range"]
                    == "bytes \(bytes.lowerBound)-\(bytes.upperBound - 1)/\(size)")
        }
        for range in ["bytes=\(size)-", "bytes=-0"] {
            let answer = try service.get(address, ["Range: \(range)"])
            #expect(answer.status == 416)
            #expect(answer.headers["content-range"] == "bytes */\(size)")
        }
        for range in [
            "bytes=0-1,3-4", "lines=1-2", "bytes=5-2", "bytes=x-y", "bytes=-", "bytes=--1",
            "bytes=", "bytes", "bytes=1", "bytes=18446744073709551616-",
            "bytes=0-1180591620717411303424",
        ] {
            let status = try service.get(address, ["Range: \(range)"]).status
            #expect(status == 200 || range.contains("6-") && status == 416, "\(range): \(status)")
        }
        for (condition, status) in [
            (tag, 304), ("*", 304), ("\"a\", \(tag)", 304), ("W/\(tag)", 304), ("\"a\"", 200),
        ] {
            let answer = try service.get(address, ["If-None-Match: \(condition)"])
            #expect(answer.status == status, "\(condition)")
        }
        for condition in ["\"other\"", "W/\(tag)", "Thu, 01 Jan 1970 00:00:00 GMT"] {
            let changed = try service.get(address, ["Range: bytes=0-1", "If-Range: \(condition)"])
            #expect(changed.status == 200, "\(condition)")
        }
        #expect(try service.get(address, ["Range: bytes=0-1", "If-Range: \(tag)"]).status == 206)
        let head = try service.request("HEAD", address)
        #expect(head.status == 200)
        #expect(head.body.isEmpty)
        #expect(head.headers["content-length"] == "\(size)")
        #expect(head.headers["etag"] == tag)
    }

    @Test func aStemComesInEveryFormat() throws {
        let service = try RunningService()
        // A title as the last chunk of the file.
        var sound = Sound.tone() + Data("LIST\u{16}\0\0\0INFOINAM\u{9}\0\0\0The song\0\0".utf8)
        let size = UInt32(sound.count - 8)
        withUnsafeBytes(of: size.littleEndian) { sound.replaceSubrange(4..<8, with: $0) }
        let job = "/v1/separations/\(try service.doneJob(sound))"
        for (path, title) in [
            ("stems/bass.flac", "The song (bass)"), ("stems/bass.mp3", "The song (bass)"),
            ("mix?format=mp3", "The song"), ("mix?bass=0.5&format=flac", "The song"),
        ] {
            let body = try service.get("\(job)/\(path)").body
            #expect(body.range(of: Data(title.utf8)) != nil, "\(path)")
            #expect(title.contains("(") || body.range(of: Data("\(title) (".utf8)) == nil)
        }
        let address = "\(job)/stems/bass"
        let wav = try service.get("\(address).wav")
        let flac = try service.get("\(address).flac")
        let mp3 = try service.get("\(address).mp3")
        #expect(flac.body.starts(with: Data("fLaC".utf8)))
        #expect(mp3.headers["content-type"] == "audio/mpeg")
        #expect(Set([wav, flac, mp3].map { $0.headers["etag"] }).count == 3)
        #expect(try service.get("\(address).flac").body == flac.body)
        #expect(try service.get("\(address).ogg").status == 404)
    }

    @Test func theMixIsTheSumOfItsStems() throws {
        let service = try RunningService()
        let address = "/v1/separations/\(try service.doneJob(Sound.tone()))"
        func samples(_ target: String) throws -> [Int] {
            let answer = try service.get(address + target)
            #expect(answer.status == 200, "\(answer.detail)")
            return Sound.samples(answer.body)
        }
        let stems = try ["drums", "bass", "other", "vocals"].map {
            try samples("/stems/\($0).wav")
        }
        let mix = try samples("/mix?vocals=0&drums=0.5")
        #expect(mix.count == stems[0].count)
        // Half a step for each rounding: reading at 1/32768, writing at 1/32767 toward zero.
        let worst = mix.indices.map { index in
            let sum =
                0.5 * Double(stems[0][index]) + Double(stems[1][index]) + Double(stems[2][index])
            return abs(Double(mix[index]) - sum)
        }.max()
        #expect(try #require(worst) <= 2)
        let all = try samples("/mix")
        let track = Sound.samples(Sound.tone())
        let sum = all.indices.map { index in stems.reduce(0) { $0 + $1[index] } }
        #expect(zip(all, sum).allSatisfy { abs($0 - $1) <= 2 })
        #expect(all.count == track.count)
        // Like StereoPannerNode: at -1 both channels are on the left; panned half right, the left
        // one keeps cos 45°.
        let plain = try samples("/mix?drums=0&other=0&vocals=0")
        let left = try samples("/mix?drums=0&other=0&vocals=0&bass.pan=-1&bass=0.5")
        let half = try samples("/mix?drums=0&other=0&vocals=0&bass.pan=0.5&bass=0.5")
        let cosine = 0.5.squareRoot()
        for frame in stride(from: 0, to: plain.count, by: 2) {
            let (l, r) = (Double(plain[frame]) / 2, Double(plain[frame + 1]) / 2)
            try #require(abs(Double(left[frame]) - (l + r)) <= 2 && left[frame + 1] == 0)
            try #require(abs(Double(half[frame]) - l * cosine) <= 2)
            try #require(abs(Double(half[frame + 1]) - (r + l * cosine)) <= 2)
        }
        for query in ["harp=1", "harp.pan=1", "bass.pan=1.1", "bass.pan=nan", "bass.pan="] {
            #expect(try service.get("\(address)/mix?\(query)").status == 422, "\(query)")
        }
        #expect(try service.get("\(address)/mix?bass=-1").status == 422)
        #expect(try service.get("\(address)/mix?bass=nan").status == 422)
    }

    @Test func sumsThatRepeatStemsAreMarkedAndSilentInTheMix() throws {
        let service = try RunningService()
        for (query, parts) in [
            (
                "mix=karaoke=drums%2Bbass%2Bother",
                "drums=1&bass=1&other=1&vocals=1&karaoke=0"
            ), ("stems=vocals&mix=rest=drums%2Bbass", "vocals=1&rest=1"),
            ("stems=rest&mix=rest=drums%2Bbass", "rest=1"),
            ("two-stems=vocals&mix=band=drums%2Bbass", "vocals=1&no_vocals=1&band=0"),
        ] {
            let id = try service.doneJob(Sound.tone(), query: "shifts=0&\(query)")
            let found = try service.stems(of: id).map { stem in
                "\(stem["name"] ?? "")=\(stem["is_part"] as? Bool == true ? 1 : 0)"
            }
            #expect(found.joined(separator: "&") == parts, "\(query)")
            // The default mix has each part once, and no sum that repeats them.
            let address = "/v1/separations/\(id)/mix"
            let asked = try service.get("\(address)?\(parts)").body
            #expect(try service.get(address).body == asked, "\(query)")
        }
    }

    @Test func theArchiveHoldsAllStemsAndItsLengthIsKnown() throws {
        let service = try RunningService()
        let address = "/v1/separations/\(try service.doneJob(Sound.tone()))"
        for query in ["?format=mp3", "?from=0.25&to=0.5&format=flac", ""] {
            let answer = try service.get("\(address)/stems.zip\(query)")
            #expect(answer.headers["content-type"] == "application/zip")
            #expect(answer.headers["content-length"] == "\(answer.body.count)", "\(query)")
            #expect(answer.body.count > 1_000)
            if query != "" { continue }
            let folder = TemporaryFolder()
            let path = try folder.write(answer.body, "stems.zip")
            #expect(
                try Process.run(["python3", "-m", "zipfile", "-e", path, folder.path("out")]) == 0)
            for stem in ["drums", "bass", "other", "vocals"] {
                let file = try Data(contentsOf: folder.url("out/\(stem).wav"))
                #expect(file == (try service.get("\(address)/stems/\(stem).wav")).body)
            }
        }
    }

    @Test func peaksAreTheExtremesOfTheSamples() throws {
        let service = try RunningService()
        let address = "/v1/separations/\(try service.doneJob(Sound.tone(seconds: 6)))"
        let samples = Sound.samples(try service.get("\(address)/stems/drums.wav").body)
        let frames = 6 * 44_100
        // The window's edges lie between blocks of 256 samples; between coarse ones if each point has one.
        for (query, points, blocks, size) in [
            ("points=100", 100, 0..<1034, 256), ("points=50000", 1034, 0..<1034, 256),
            ("from=1.5&to=3.5&points=1000", 345, 258..<603, 256),
            ("from=0&to=5.9&points=4", 4, 0..<32, 32 * 256),
        ] {
            let reply = try service.get("\(address)/peaks?\(query)").object
            #expect(reply["points"] as? Int == points, "\(query)")
            #expect(reply["duration_seconds"] as? Double == 6)
            #expect(reply["from"] as? Double == Double(blocks.lowerBound * size) / 44_100)
            let end = Double(min(blocks.upperBound * size, frames)) / 44_100
            #expect(reply["to"] as? Double == end, "\(query)")
            let stem = try #require((reply["stems"] as? [[String: Any]])?.first)
            #expect(stem["name"] as? String == "drums")
            let channels = try #require(stem["channels"] as? [[String: [Int]]])
            let edges = (0...points).map {
                min((blocks.lowerBound + $0 * blocks.count / points) * size, frames)
            }
            for (name, extreme) in [("max", { $0.max() }), ("min", { $0.min() })]
                as [(String, ([Int]) -> Int?)]
            {
                let expected = zip(edges, edges.dropFirst()).map { start, end in
                    let part = (start..<end).map { samples[2 * $0] }
                    return max(-128, min(127, Int((Double(extreme(part) ?? 0) / 256).rounded())))
                }
                #expect(channels[0][name] == expected, "\(query) \(name)")
            }
        }
        for query in ["points=0", "from=6", "from=-1", "from=nan", "from=3&to=3", "to=0", "to=x"] {
            #expect(try service.get("\(address)/peaks?\(query)").status == 422, "\(query)")
        }
    }

    @Test func damagedWaveformsAreMadeAgain() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone())
        let peaks = "/v1/separations/\(id)/peaks?points=10"
        let right = try service.get(peaks).body
        let path = service.folder.path("data/cache/\(id)/waveforms")
        let stored = try Data(contentsOf: URL(fileURLWithPath: path))
        // A file for more stems than the job has, and shorter ones.
        var other = stored
        other[0] = 5
        other += Data(count: (stored.count - 32) / 4)
        for damaged in [Data(), Data("damaged".utf8), Data(stored.dropLast()), other] {
            try damaged.write(to: URL(fileURLWithPath: path))
            let answer = try service.get(peaks)
            #expect(answer.status == 200, "\(answer.text)")
            #expect(answer.body == right)
        }
    }

    @Test func theAnalysisIsThatOfTheStemsAndIsKept() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 12), query: "shifts=0&analyze=1")
        let address = "/v1/separations/\(id)/analysis"
        let (job, analysis) = (
            try service.get("/v1/separations/\(id)").object, try service.get(address).object
        )
        // Clicks come four times a second.
        let tempo = try #require(analysis["tempo_bpm"] as? Double)
        #expect([60, 80, 120, 240].contains { abs(tempo / $0 - 1) < 0.02 }, "\(tempo)")
        #expect(job["tempo_bpm"] as? Double == tempo)
        #expect(try #require(job["key"] as? String) == analysis["key"] as? String)
        // Made once: the second reply is the file.
        let file = URL(fileURLWithPath: service.folder.path("data/cache/\(id)/analysis"))
        try Data("{\"key\":null}".utf8).write(to: file)
        #expect(try service.get(address).text == "{\"key\":null}\n")
    }

    @Test func aJobWithoutStemsHasNoFiles() throws {
        let service = try RunningService { $0.jobs = 0 }.whenReady()
        let id = try service.job(Sound.tone())
        for part in ["stems/bass.wav", "stems.zip", "mix", "peaks", "analysis"] {
            let answer = try service.get("/v1/separations/\(id)/\(part)")
            #expect(answer.status == 409)
            #expect(answer.detail.contains("expected done"))
        }
    }

    @Test func aPartOfTheStemsCanBeSaved() throws {
        let service = try RunningService()
        let address = "/v1/separations/\(try service.doneJob(Sound.tone(seconds: 6)))"
        let whole = Sound.samples(try service.get("\(address)/stems/bass.wav").body)
        let range = Int(1.5 * 44_100) * 2..<Int(2.25 * 44_100) * 2
        let part = try service.get("\(address)/stems/bass.wav?from=1.5&to=2.25")
        let samples = Sound.samples(part.body)
        #expect(samples.count == range.count)
        // Read at 1/32768, written at 1/32767 toward zero.
        #expect(zip(samples, whole[range]).allSatisfy { abs($0 - $1) <= 1 })
        #expect(part.headers["content-disposition"]?.contains("tone - bass 1.50-2.25.wav") == true)
        #expect(Sound.samples(try service.get("\(address)/mix?from=5").body).count == 2 * 44_100)
        // Two parts whose names for saving are equal.
        for path in ["stems/bass.wav?", "mix?"] {
            let near = try service.get("\(address)/\(path)from=1.001&to=1.5")
            let other = try service.get("\(address)/\(path)from=1.004&to=1.5")
            #expect(near.headers["etag"] != other.headers["etag"])
            let missing = Int(1.004 * 44_100) - Int(1.001 * 44_100)
            #expect(
                Array(Sound.samples(near.body).dropFirst(2 * missing))
                    == Array(Sound.samples(other.body)), "\(path)")
        }
        // A part that ends after the stems ends with them.
        let rest = try service.get("\(address)/stems/bass.wav?from=5&to=1e300")
        #expect(Sound.samples(rest.body).count == 2 * 44_100)
        #expect(rest.headers["content-disposition"]?.contains("tone - bass 5.00-end.wav") == true)
        let flac = try service.get("\(address)/stems/bass.flac?from=1&to=2")
        #expect(flac.body.starts(with: Data("fLaC".utf8)))
        let named = try service.get("\(address)/mix?format=mp3&named=tempo,key")
        #expect(
            named.headers["content-disposition"]?
                .contains(/tone - mix \d+\.\d BPM [A-G]#? (major|minor)\.mp3/) == true)
        for query in ["from=6", "from=2&to=1", "named=colour"] {
            #expect(try service.get("\(address)/stems/bass.wav?\(query)").status == 422, "\(query)")
        }
    }

    @Test func anArchiveThatCannotBeMadeLeavesNoFileOpen() throws {
        let service = try RunningService()
        let id = try service.doneJob(Sound.tone(seconds: 0.2))
        let results = service.folder.path("data/tracks/\(id)/stems")
        try FileManager.default.removeItem(atPath: "\(results)/3.wav")
        for _ in 0..<5 {
            #expect(try service.get("/v1/separations/\(id)/stems.zip").status == 404)
        }
        let descriptors =
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        let open = descriptors.compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")
        }
        #expect(open.filter { $0.contains(id) } == [])
    }

    @Test func mixesShareTheSlotsAndEndWithTheirClients() throws {
        let folder = TemporaryFolder()
        let first = try RunningService(in: folder)
        let id = try first.doneJob(Sound.tone(seconds: 0.2))
        first.end()
        func mixes(_ service: RunningService) throws -> [Connection] {
            try (1...3).map {
                try service.open("/v1/separations/\(id)/mix?bass=0.\($0)", "Connection: close")
            }
        }
        do {
            // Mixes that wait for the one slot, which is taken for ever.
            let service = try RunningService(in: folder, clock: ManualClock()) {
                $0.limits.workSlots = 0
            }
            let connections = try mixes(service)
            try waitUntil("three requests wait") { try service.connectionCount() == 3 }
            for connection in connections[..<2] { connection.shutDown() }
            try waitUntil("the clients that stay wait") {
                service.advance(by: 0)
                return try service.connectionCount() == 1
            }
            #expect(try service.files("cache/\(id)") == ["waveforms"])
        }
        let service = try RunningService(in: folder) { $0.limits.workSlots = 1 }
        for connection in try mixes(service) {
            #expect(Answer(connection.receiveAll())?.status == 200)
        }
    }

    @Test func aJobHasTheRateOfItsStems() throws {
        let service = try RunningService()
        let samples = (0..<24_000).map { 0.3 * sin(Float($0) / 20) }
        let sound = Sound.wav(channels: [samples, samples], rate: 48_000)
        for (query, rate) in [("shifts=0", 44_100), ("shifts=0&output-rate=input", 48_000)] {
            // The second time, the results of the first are found.
            for _ in 0..<2 {
                let id = try service.doneJob(sound, query: query)
                let job = try service.get("/v1/separations/\(id)").object
                #expect(job["sample_rate"] as? Int == 48_000)
                #expect(job["stem_rate"] as? Int == rate)
                let stem = try service.get("/v1/separations/\(id)/stems/bass.wav").body
                #expect(Array(stem[24..<28]) == [UInt8(rate & 255), UInt8(rate >> 8), 0, 0])
            }
        }
        let queued = try service.upload(Sound.tone()).object
        #expect(queued["stem_rate"] is NSNull)
    }
}
