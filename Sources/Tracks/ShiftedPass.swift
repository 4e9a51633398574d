// Also Embedded Swift: typed throws, no key paths, no casts.
// One pass of one network over a track with one shift.
// Reference: the branches `shifts` and `split` of `apply_model` in demucs/apply.py.

import Networks
import Signal
import System
import Tensor

/// Cuts the segments of a pass in their order, and sums the network's outputs.
///
/// Positions count from the track's first sample; the lead before the track has negative positions.
struct ShiftedPass {
    /// Index of the network.
    let member: Int
    private let shift: Int
    private let plan: SegmentPlan
    /// Rows of the network's output that are kept; row `source · channels + channel` is a channel of
    /// a source.
    private let rows: [Int]
    /// Shape of the network's output before its samples.
    private let sourceCount: Int
    private let channelCount: Int
    /// Samples before the track: zeros of a shift, or a reflection of the track.
    private let leadSamples: Int
    /// Samples of the reflection at each end of the track.
    private let borderSamples: Int
    /// Length of the track.
    private let trackSamples: Int
    private var overlapAdd: OverlapAdd
    /// Samples before the first wanted one that are still to be dropped from the output.
    private var leadLeft: Int
    /// Samples of the track that were taken, or that an earlier separation has given.
    private var takenSamples: Int
    /// Number of segments that were cut, and of segments whose outputs were added; both count those
    /// that a resumed separation leaves out.
    private var cutSegments: Int
    private(set) var addedSegments: Int

    /// - Parameters:
    ///   - rows: rows of the network's output that are kept.
    ///   - zeros: samples of silence before the track.
    ///   - start: first sample of the track that is wanted. Segments that end before it are left
    ///     out; all later sums have the addends of a pass over the whole track, in their order.
    init(
        member: Int, shift: Int, plan: SegmentPlan, rules: TrackRules, rows: [Int],
        zeros: Int, trackSamples: Int, startingAt start: Int
    ) {
        self.member = member
        self.shift = shift
        self.plan = plan
        self.rows = rows
        sourceCount = rules.sources.count
        channelCount = rules.audioChannels
        self.trackSamples = trackSamples
        borderSamples = plan.borderSamples(forTrackSamples: trackSamples)
        leadSamples = zeros + borderSamples
        let position = leadSamples + start
        let first =
            start == 0 ? 0 : plan.firstSegment(reachingPast: position)
        let firstSample = plan.start(ofSegment: first)
        cutSegments = first
        addedSegments = first
        takenSamples = start
        leadLeft = position - firstSample
        overlapAdd = OverlapAdd(
            segmentSamples: plan.segmentSamples,
            trackSamples: leadSamples + trackSamples + borderSamples, rowCount: rows.count,
            start: firstSample)
    }

    /// Length of the lead, the track and the reflection after it.
    private var sampleCount: Int { leadSamples + trackSamples + borderSamples }

    /// Number of segments that begin before the track ends.
    var segmentCount: Int { plan.segmentCount(forTrackSamples: leadSamples + trackSamples) }

    /// The network's input for a segment, with the context around a short one.
    private func input(of segment: Int) -> (start: Int, padLeft: Int, count: Int, padded: Int) {
        let start = plan.start(ofSegment: segment)
        let count = min(plan.segmentSamples, sampleCount - start)
        let padded = plan.inputSamples(forSegmentSamples: count)
        let padLeft = if case .context = plan.ends { (padded - count) / 2 } else { 0 }
        return (start - leadSamples, padLeft, count, padded)
    }

    var hasSegments: Bool { cutSegments < segmentCount }

    /// Samples of the track that are finished once the outputs of all cut segments are added.
    var coveredSamples: Int {
        max(
            0,
            plan.finishedSamples(afterSegments: cutSegments, trackSamples: sampleCount)
                - leadSamples)
    }

    /// First sample of the track that the next segment and later ones need. A short segment starts
    /// earlier by half of the samples that it lacks.
    var firstNeededSample: Int {
        guard hasSegments else { return Int.max }
        let input = input(of: cutSegments)
        return min(input.start - input.padLeft, trackSamples - 1 - borderSamples)
    }

    /// Cuts the next segment; a short one is padded on both sides with the track's own samples.
    ///
    /// - Returns: `[channels, padded samples]`.
    /// - Throws: the errors of ``TrackWindow/fill(to:)``.
    mutating func cutSegment(
        from window: inout TrackWindow, by normalization: Normalization, on backend: Backend
    ) throws(AnyError) -> Tensor {
        let input = input(of: cutSegments)
        let first = input.start - input.padLeft
        // A reflection before the track needs as many samples after its beginning.
        try window.fill(to: max(first + input.padded, borderSamples > 0 ? 1 - first : 0))
        let mix = backend.keptTensor([channelCount, input.padded])
        window.read(from: first, into: mix, by: normalization, borderSamples: borderSamples)
        if case .reflected = plan.ends { reflect(mix, from: input.count) }
        cutSegments += 1
        return mix
    }

    /// Trims the network's output for the oldest segment under way, and adds it.
    ///
    /// - Parameter output: `[sources, channels, padded samples]`.
    mutating func add(_ output: Tensor) {
        let input = input(of: addedSegments)
        precondition(output.shape == [sourceCount, channelCount, input.padded])
        overlapAdd.add(
            at: input.start + leadSamples, count: input.count,
            weights: plan.segmentWeights(
                isFirst: addedSegments == 0,
                isLast: plan.segmentCount(forTrackSamples: sampleCount) == addedSegments + 1),
            finishing: plan.finishedSamples(
                afterSegments: addedSegments + 1, trackSamples: sampleCount)
        ) { row in
            // In bounds of the row: the segment with its padding is as long as the output.
            UnsafePointer(output.pointer + rows[row] * input.padded + input.padLeft)
        }
        withExtendedLifetime(output) {}
        addedSegments += 1
        let dropped = min(leadLeft, overlapAdd.finishedSamples)
        overlapAdd.discard(dropped)
        leadLeft -= dropped
    }

    /// The segment at index `number` of those under way, oldest first: cut, and output not added
    /// yet.
    func segmentUnderWay(_ number: Int, hasEnded: Bool) -> SeparationProgress.Segment {
        SeparationProgress.Segment(
            member: member, shift: shift,
            offsetSamples: plan.start(ofSegment: addedSegments + number), hasEnded: hasEnded)
    }

    /// Samples of the track that are ready to be taken.
    var finishedSamples: Int {
        min(overlapAdd.finishedSamples, trackSamples - takenSamples)
    }

    mutating func take(_ count: Int, addingTo audio: inout PlanarAudio) {
        overlapAdd.take(count, addingTo: &audio)
        takenSamples += count
    }

    /// Fills a chunk past its samples: with their reflection if they fill more than half of it, else
    /// with silence.
    private func reflect(_ mix: Tensor, from count: Int) {
        let samples = mix.shape[1]
        guard count < samples, count > samples / 2 else { return }
        for channel in 0..<channelCount {
            let row = mix.pointer + channel * samples
            for place in count..<samples { row[place] = row[2 * (count - 1) - place] }
        }
        withExtendedLifetime(mix) {}
    }
}
