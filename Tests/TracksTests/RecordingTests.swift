import CAllocations
import Foundation
import Signal
import System
import Tensor
import TestSupport
import Testing
import Tracks

/// Recordings before their separation, and signals after it.
struct RecordingTests {
    @Test(arguments: [1, 2], [1, 2, 3])
    func onlyChannelsThatAreLeftOutGiveAWarning(modelChannels: Int, channels: Int) throws {
        let audio = NoiseTrack.buffer(samples: 10, channels: channels)
        let warning = AudioWarning.channelsLeftOut(path: "the audio", channelCount: 3, used: 2)
        for downmix in Downmix.allCases {
            let recording = try Recording(
                channelCount: modelChannels, sampleRateHz: 1_600, downmix: downmix,
                cancellation: CancellationToken(), open: { RangeReader(audio) })
            let isCut = (modelChannels, channels, downmix) == (2, 3, .first)
            #expect(recording.warnings == (isCut ? [warning] : []), "\(downmix)")
        }
    }

    /// In a process of its own, so that no other allocations are counted.
    @Test(.enabled(if: allocations_are_counted() != 0))
    func aPieceAtTheEndTakesMemoryForOnePiece() async {
        await #expect(processExitsWith: .success) {
            let track = try measured([[Float](repeating: 0.5, count: 500_000)])
            let backend = try Backend(threads: 1)
            _ = largest_allocation()
            try track.forEachPiece(
                at: [100, 499_000], length: 1000, on: backend, cancellation: CancellationToken()
            ) { _, piece in
                #expect(piece.shape == [1, 1000])
            }
            #expect(largest_allocation() < 20_000)
        }
    }

    /// A spool takes and gives blocks of 16,384 samples; pieces and excerpts are at and beside them.
    @Test(arguments: [16_383, 16_384, 16_385, 40_000])
    func excerptsOfSpooledPiecesAreSlices(pieceSamples: Int) throws {
        let audio = NoiseTrack.buffer(samples: 50_000, rateHz: 1_024)
        let spool = try SampleSpool(
            in: FilePath.temporaryFolder, channelCount: 2, sampleRateHz: 1_024)
        for start in stride(from: 0, to: 50_000, by: pieceSamples) {
            try spool.append(audio[start..<min(start + pieceSamples, 50_000)])
        }
        try spool.finish()
        let edges = [0, 1, 16_383, 16_384, 16_385, 32_768, 49_999, 50_000]
        for (start, end) in edges.flatMap({ start in edges.map { (start, $0) } }) where start < end
        {
            let excerpt = Excerpt(
                startSeconds: Double(start) / 1_024, durationSeconds: Double(end - start) / 1_024)
            let recording = try Recording(
                excerpt: excerpt, channelCount: 2, sampleRateHz: 1_024,
                cancellation: CancellationToken(), open: { spool.reader() })
            let stream = try recording.track.stream()
            var samples = PlanarAudio(channelCount: 2, sampleRateHz: 1_024)
            while let block = try stream.next() { samples.append(block) }
            #expect(samples == audio[start..<end], "\(start)..<\(end)")
        }
    }

    #if os(Linux)
        @Test func aSpoolClosesItsFile() throws {
            let folder = TemporaryFolder()
            func openFiles() throws -> Int {
                let descriptors = try FileManager.default.contentsOfDirectory(
                    atPath: "/proc/self/fd")
                return descriptors.filter {
                    let target = try? FileManager.default.destinationOfSymbolicLink(
                        atPath: "/proc/self/fd/\($0)")
                    return target?.contains(folder.url.lastPathComponent) == true
                }.count
            }
            var spool: SampleSpool? = try SampleSpool(
                in: folder.url.path, channelCount: 1, sampleRateHz: 1)
            #expect(try spool?.reader().sampleRateHz == 1 && openFiles() == 1)
            spool = nil
            #expect(try openFiles() == 0)
        }
    #endif

    @Test func aSignalIsASumOfStemsOrWhatTheyLeave() throws {
        let rows = NoiseTrack.buffer(samples: 50, channels: 8).channels
        let block = StemBlock(
            stems: PlanarAudio(channels: Array(rows[..<6]), sampleRateHz: 1_600),
            mixture: PlanarAudio(channels: Array(rows[6...]), sampleRateHz: 1_600))
        let shape = SignalShape(
            channelCount: 2, modelRateHz: 1_600, sampleRateHz: 1_600, sampleCount: 50)
        var signals = SignalRows(
            [
                .stem("b"), .sum(["c", "a"]), .mixtureMinus(["b"]), .mixtureMinus(["a", "c"]),
                .mixture,
            ],
            stems: ["a", "b", "c"], shape: shape)
        var found = try signals.append(block, sampleCount: 50)
        found.append(try signals.append(nil, sampleCount: 50))
        for (row, index) in (0..<2).flatMap({ row in (0..<50).map { (row, $0) } }) {
            let sample = stride(from: row, to: 8, by: 2).map { rows[$0][index] }
            let (a, b, c, track) = (sample[0], sample[1], sample[2], sample[3])
            #expect(
                stride(from: row, to: 10, by: 2).map { found.channels[$0][index] }
                    == [b, a + c, track - b, track - (a + c), track])
        }
    }
}
