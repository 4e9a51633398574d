import Foundation
import Signal
import Synchronization
import System
import TestSupport
import Testing
import Tracks

/// One case of separation_fixtures.py.
struct GoldenCase: CustomTestStringConvertible, Sendable {
    let name: String
    let options: SeparationOptions
    var mix = "stereo"
    var padsToTraining = true

    var testDescription: String { name }

    static let all = [
        GoldenCase(name: "plain", options: .init(shifts: 0)),
        GoldenCase(name: "overlap-0", options: .init(shifts: 0, overlap: 0)),
        GoldenCase(name: "overlap-0.1", options: .init(shifts: 0, overlap: 0.1)),
        GoldenCase(name: "overlap-0.9", options: .init(shifts: 0, overlap: 0.9)),
        GoldenCase(name: "segment-1.3", options: .init(shifts: 0, segmentSeconds: 1.3)),
        GoldenCase(
            name: "segment-0.57", options: .init(shifts: 0, overlap: 0.6, segmentSeconds: 0.57)),
        GoldenCase(
            name: "segment-0.57-any-length", options: .init(shifts: 0, segmentSeconds: 0.57),
            padsToTraining: false),
        GoldenCase(name: "any-length", options: .init(shifts: 0), padsToTraining: false),
        GoldenCase(name: "power-2", options: .init(shifts: 0, transitionPower: 2)),
        GoldenCase(name: "power-2.5", options: .init(shifts: 0, transitionPower: 2.5)),
        GoldenCase(name: "shifts-1", options: .init(shifts: 1, seed: 7)),
        GoldenCase(name: "shifts-2", options: .init(shifts: 2, seed: 42)),
        GoldenCase(name: "shifts-3", options: .init(shifts: 3, seed: (1 << 40) + 5, overlap: 0.9)),
        GoldenCase(
            name: "shifts-5-short-segments",
            options: .init(shifts: 5, seed: 3, segmentSeconds: 0.21)),
        GoldenCase(name: "whole-strides", options: .init(shifts: 0), mix: "whole-strides"),
        GoldenCase(name: "mono", options: .init(shifts: 2, seed: 1), mix: "mono"),
        GoldenCase(name: "ten-samples", options: .init(shifts: 0), mix: "ten"),
        GoldenCase(name: "ten-samples-shifts", options: .init(shifts: 2, seed: 9), mix: "ten"),
        GoldenCase(name: "no-split", options: .init(shifts: 0, split: false), mix: "short"),
        GoldenCase(
            name: "no-split-shifts", options: .init(shifts: 3, seed: 5, split: false), mix: "short"),
        GoldenCase(
            name: "no-split-any-length", options: .init(shifts: 0, split: false),
            padsToTraining: false),
        GoldenCase(name: "silence", options: .init(shifts: 1, seed: 2), mix: "silence"),
    ]
}

struct TrackPipelineTests {
    let fixture: Fixture
    let network: PositionNetwork

    init() throws {
        fixture = try Fixture("separation/separation")
        network = try PositionNetwork()
    }

    /// The arithmetic is the reference's, in the same order, except for the mean, which the
    /// reference sums in float32 (one unit in the last place, −138 dB), and `pow`.
    @Test(arguments: GoldenCase.all)
    func matchesTheReference(_ golden: GoldenCase) throws {
        let track = try track(golden.mix, in: fixture)
        let configuration = try PositionNetwork.configuration(
            channels: track.count, padsToTraining: golden.padsToTraining)
        let stems = try separate(
            track, configuration: configuration, options: golden.options,
            network: network.callAsFunction)
        let comparison = try fixture.comparison(
            of: LaidOut([2, track.count, track[0].count], stems), with: "stems.\(golden.name)")
        #expect(comparison.snrDecibels >= 130, "\(comparison)")
    }

    /// Sums of the whole track in two buffers, as in the reference, give the same bits.
    @Test(arguments: [1, 10, 199, 200, 201, 449, 450, 451, 5003], [0, 0.1, 0.25, 0.5, 0.9])
    func streamingEqualsWholeTrackOverlapAdd(samples: Int, overlap: Double) throws {
        let track = scattered(samples: samples)
        let options = SeparationOptions(shifts: 0, overlap: overlap)
        // All outputs differ, and none depends on the input.
        let segments = Counter()
        let stems = try separate(track, options: options) { mix in
            let segmentIndex = segments.next()
            let output = network.backend.tensor([2, 2, 200])
            for index in 0..<800 { output.pointer[index] = Float(segmentIndex * 1000 + index) }
            withExtendedLifetime(mix) {}
            return output
        }

        let plan = try SegmentPlan(
            PositionNetwork.configuration().trackRules, options: options, trackSamples: samples)
        var statistics = TrackStatistics()
        statistics.add(PlanarAudio(channels: track, sampleRateHz: 100))
        var weightSums = [Float](repeating: 0, count: samples)
        var sums = [Float](repeating: 0, count: 4 * samples)
        for (segment, start) in stride(from: 0, to: samples, by: plan.strideSamples).enumerated() {
            let count = min(200, samples - start)
            let trim = (200 - count) / 2
            for sample in 0..<count {
                weightSums[start + sample] += plan.weights[sample]
                for row in 0..<4 {
                    let value = Float((segment + 1) * 1000 + row * 200 + trim + sample)
                    sums[row * samples + start + sample] += plan.weights[sample] * value
                }
            }
        }
        for index in sums.indices {
            sums[index] =
                sums[index] / weightSums[index % samples] * statistics.scale + statistics.mean
        }
        #expect(stems == sums)
    }

    /// Segments overlap by up to nine tenths, and by nothing; the last starts are in the last segment,
    /// which is short. Two members have segments of different lengths.
    @Test(
        arguments: [
            SeparationOptions(shifts: 0, overlap: 0), SeparationOptions(shifts: 0),
            SeparationOptions(shifts: 3, seed: 5, overlap: 0.9),
            SeparationOptions(shifts: 2, seed: 5, segmentSeconds: 0.3),
        ])
    func aResumedSeparationHasTheBitsOfAWholeOne(options: SeparationOptions) throws {
        let channels = scattered(samples: 2003)
        // A member of another family, which has no shifts, shares a stem.
        let chunks = chunkRules(3, samples: 90)
        let others = options.shifts > 1 ? [] : [Bag.Member(chunks, weights: [1, 2])]
        let bag = try Bag(
            [
                Bag.Member(PositionNetwork.configuration().trackRules, weights: [1, 3]),
                Bag.Member(
                    PositionNetwork.configuration(segmentSamples: 140, padsToTraining: false)
                        .trackRules,
                    weights: [2, 1]),
            ] + others)
        let rows = 2 * bag.stems.count
        var whole = PlanarAudio(channelCount: rows, sampleRateHz: 100)
        var calls = 0
        try separate(
            measured(channels), bag: bag, options: options, progress: { _ in calls += 1 },
            network: network.callAsFunction, sink: { whole.append($0.stems) })
        for start in [1, 49, 50, 149, 150, 151, 200, 777, 1999, 2000, 2002] {
            var rest = PlanarAudio(channelCount: rows, sampleRateHz: 100)
            var mixture = PlanarAudio(channelCount: 2, sampleRateHz: 100)
            var progress: [SeparationProgress] = []
            try separate(
                measured(channels), bag: bag, options: options, startingAt: start,
                progress: { progress.append($0) }, network: network.callAsFunction,
                sink: {
                    rest.append($0.stems)
                    mixture.append($0.mixture)
                })
            #expect(rest.channels == whole[start..<2003].channels, "from \(start)")
            #expect(mixture.channels == channels.map { Array($0[start...]) })
            #expect(progress.count <= calls)
            #expect(progress.last?.segmentsDone == progress.last?.segmentsTotal)
            if start > 1000 { #expect(progress.count < calls / 2) }
        }
    }

    /// Segments of any length leave in blocks that fit into the cache; the blocks' boundaries
    /// change no sample.
    @Test(arguments: [true, false])
    func longSegmentsLeaveInBlocks(split: Bool) throws {
        let track = scattered(samples: 200_000)
        let configuration = try PositionNetwork.configuration(
            segmentSamples: 90_000, padsToTraining: false)
        var stems = PlanarAudio(channelCount: 4, sampleRateHz: 100)
        var mixture = PlanarAudio(channelCount: 2, sampleRateHz: 100)
        var longest = 0
        try separate(
            measured(track), bag: Bag(configuration.trackRules),
            options: .init(shifts: 2, seed: 3, split: split),
            network: { mix in
                network.backend.tensor([2, 2, mix.shape[1]], mix.floats + mix.floats)
            },
            sink: { block in
                longest = max(longest, block.stems.sampleCount)
                stems.append(block.stems)
                mixture.append(block.mixture)
            })
        #expect(longest == 32_768)
        #expect(mixture.channels == track)
        let comparison = Comparison(
            actual: stems.channels.flatMap { $0 }, expected: (track + track).flatMap { $0 })
        #expect(comparison.snrDecibels >= 130, "\(comparison)")
    }

    @Test func silenceStaysExactlyZeroThroughANetworkWithoutOffset() throws {
        let stems = try separate(
            constant(0, samples: 777), options: .init(shifts: 2, seed: 4)
        ) { mix in
            network.backend.tensor([2, 2, mix.shape[1]], mix.floats + mix.floats.map { -$0 })
        }
        #expect(stems.allSatisfy { $0 == 0 && $0.sign == .plus })
    }

    @Test func progressCountsTheSegmentsOfAllShifts() throws {
        var reports: [SeparationProgress] = []
        _ = try separate(
            track("stereo", in: fixture), options: .init(shifts: 2, seed: 42),
            progress: { reports.append($0) }, network: network.callAsFunction)
        // 531 samples after at most 50 zeros: four segments of stride 150 in each shift.
        #expect(reports.filter(\.isBegin).map(\.segmentsDone) == Array(0...7))
        #expect(reports.filter { !$0.isBegin }.map(\.segmentsDone) == Array(0...8))
        #expect(reports.allSatisfy { $0.segmentsTotal == 8 })
        #expect(reports.last?.audioSecondsDone == 5.31)
        #expect(reports.last?.audioSecondsTotal == 5.31)
        let edges = [(0, 0), (3, 0), (0, 1), (1, 1), (1, 2)].map { done, total in
            reports[0].with(segmentsDone: done, segmentsTotal: total).fractionCompleted
        }
        #expect(edges == [0, 0, 0, 1, 0.5])
    }

    @Test(arguments: [1, 2, 3])
    func everySegmentBeginsAndEndsOnce(workers: Int) throws {
        var begun: [String] = []
        var ended: [String] = []
        _ = try separate(
            track("stereo", in: fixture), options: .init(shifts: 3, seed: 42), workers: workers,
            progress: { report in
                guard let segment = report.segment else { return }
                let name = "\(segment.shift) \(segment.offsetSamples)"
                if segment.hasEnded { ended.append(name) } else { begun.append(name) }
            }, network: network.callAsFunction)
        // Four in each shift.
        #expect(begun == ended && Set(begun).count == 12)
    }

    /// The track has four segments: a cancellation counts even in the last one.
    @Test(arguments: 1...4) func cancellationStopsBeforeTheNextSegment(last: Int) throws {
        let cancellation = CancellationToken()
        let segments = Counter()
        #expect(throws: CancellationError.self) {
            _ = try separate(
                track("stereo", in: fixture), options: .init(shifts: 0), cancellation: cancellation
            ) { mix in
                if segments.next() == last { cancellation.cancel() }
                return network(mix)
            }
        }
        #expect(segments.next() == last + 1)
    }

    /// Of four segments, the begins and the ends are reported after a first report.
    @Test(arguments: 1...9) func nothingIsReportedAfterACancellation(last: Int) throws {
        let cancellation = CancellationToken()
        let reports = Counter()
        #expect(throws: CancellationError.self) {
            _ = try separate(
                track("stereo", in: fixture), options: .init(shifts: 0), cancellation: cancellation,
                progress: { _ in if reports.next() == last { cancellation.cancel() } },
                network: network.callAsFunction)
        }
        #expect(reports.next() == last + 1)
    }

    /// Workers finish in any order; their results are summed in the segments' order.
    @Test(arguments: [2, 3, 7])
    func anyNumberOfWorkersGivesTheSameBits(workers: Int) throws {
        let track = try track("stereo", in: fixture)
        let options = SeparationOptions(shifts: 3, seed: 5, overlap: 0.6)
        let segments = Counter()
        let several = try separate(track, options: options, workers: workers) { mix in
            if segments.next() % 3 == 1 { Thread.sleep(forTimeInterval: 0.002) }
            return network(mix)
        }
        #expect(
            try separate(track, options: options, network: network.callAsFunction) == several)
    }

    @Test(arguments: [1, 3])
    func aNetworkThatFailsEndsTheWork(workers: Int) throws {
        struct Failure: Error {}
        let segments = Counter()
        let running = Atomic(0)
        #expect(throws: Failure.self) {
            _ = try separate(
                constant(0.5, samples: 5000), options: .init(shifts: 0), workers: workers
            ) { mix in
                running.add(1, ordering: .relaxed)
                defer { running.subtract(1, ordering: .relaxed) }
                let number = segments.next()
                // One after the other ends, and others run while the fourth one fails.
                Thread.sleep(forTimeInterval: 0.01 * Double(number))
                if number == 4 { throw Failure() }
                return network(mix)
            }
        }
        #expect(running.load(ordering: .relaxed) == 0)
        // Segments under way were finished, and no more began.
        #expect(segments.next() <= 4 + workers + 2)
    }

    /// For tracks of any length, memory holds no more than the segments under way, the shifts'
    /// offsets, and a block.
    @Test(
        arguments: [1, 4],
        [SeparationOptions(shifts: 2, seed: 6), .init(shifts: 0, overlap: 0.9)])
    func theTrackIsReadNoFurtherThanSegmentsReach(
        workers: Int, options: SeparationOptions
    ) throws {
        let configuration = try PositionNetwork.configuration()
        let track = constant(0.25, samples: 20_000)
        var (samplesIn, samplesOut, most) = (0, 0, 0)
        let watched = try measured(track) {
            samplesIn = 0
            return shortBlockReader(track) { count in
                samplesIn += count
                most = max(most, samplesIn - samplesOut)
            }
        }
        for start in [0, 19_000] {
            // The first pass reads the whole track.
            (most, samplesOut) = (0, start)
            try separate(
                watched, options: options, startingAt: start, workers: workers,
                watch: { most = max(most, (try? heldSamples($0)) ?? .max) },
                network: network.callAsFunction,
                sink: {
                    #expect($0.mixture.channels.allSatisfy { $0.allSatisfy { $0 == 0.25 } })
                    samplesOut += $0.mixture.sampleCount
                })
            #expect(samplesOut == 20_000)
            let segments = (workers + 1) * configuration.segmentSamples
            #expect(most <= segments + configuration.trackRules.maximumShiftSamples + 77)
        }
    }

    @Test(arguments: [499, 501, 700])
    func aTrackWhoseLengthChangesIsRefused(samples: Int) throws {
        var counts = [samples, 500]
        let track = try measured([[], []]) {
            shortBlockReader(constant(0.25, samples: counts.removeFirst()))
        }
        #expect(throws: SeparationError.inputChanged) {
            try separate(
                track, options: .init(shifts: 0), network: network.callAsFunction, sink: { _ in })
        }
    }

    /// Members with different segments advance at their own pace; no pass holds more than one
    /// segment.
    @Test func membersOfDifferentSegmentsAdvanceTogether() throws {
        let backend = network.backend
        let members = try [200, 31].map { samples in
            Bag.Member(
                try PositionNetwork.configuration(
                    sources: 1, channels: 1, segmentSamples: samples
                ).trackRules,
                weights: [1])
        }
        let samples = (0..<1000).map { Float($0 % 17) }
        var output: [Float] = []
        var longestBlock = 0
        try separate(
            measured([samples]), bag: Bag(members), options: .init(shifts: 2, seed: 3),
            network: { mix in backend.tensor([1, 1, mix.shape[1]], mix.floats) },
            sink: { block in
                longestBlock = max(longestBlock, block.stems.sampleCount)
                output += block.stems.channels[0]
            })
        // Networks that return their input don't change the track, up to rounding.
        let comparison = Comparison(actual: output, expected: samples)
        #expect(comparison.snrDecibels >= 130, "\(comparison)")
        #expect(longestBlock <= 31)
    }
}
