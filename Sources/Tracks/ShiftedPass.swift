// One pass of one network over a track with one shift.
// Reference: the branches `shifts` and `split` of `apply_model` in demucs/apply.py.

import Signal
import System
import Tensor

/// Cuts the segments of a pass in their order, and sums the network's outputs.
///
/// Positions count from the track's first sample; the zeros before the track have negative
/// positions.
struct ShiftedPass {
    /// Index of the network.
    let member: Int
    /// Index of the shift.
    private let shift: Int
    private let plan: SegmentPlan
    /// Rows of the network's output that are kept; row `source · channels + channel` is a channel of
    /// a source.
    private let rows: [Int]
    /// Shape of the network's output before its samples.
    private let sourceCount: Int
    private let channelCount: Int
    /// Zeros before the track.
    private let leadSamples: Int
    /// Length of the zeros and the track together; `nil` for a live track that has not ended.
    private var sampleCount: Int?
    private var overlapAdd: OverlapAdd
    /// Zeros before the track that are still to be dropped from the output.
    private var leadLeft: Int
    /// Number of segments that were cut, and of segments whose outputs were added.
    private var cutSegments = 0
    private var addedSegments = 0

    /// - Parameters:
    ///   - rows: rows of the network's output that are kept.
    ///   - trackSamples: `nil` for a live track.
    init(
        member: Int, shift: Int, plan: SegmentPlan, rules: TrackRules, rows: [Int],
        leadSamples: Int, trackSamples: Int?
    ) {
        self.member = member
        self.shift = shift
        self.plan = plan
        self.rows = rows
        sourceCount = rules.sources.count
        channelCount = rules.audioChannels
        self.leadSamples = leadSamples
        leadLeft = leadSamples
        sampleCount = trackSamples.map { leadSamples + $0 }
        overlapAdd = OverlapAdd(
            weights: plan.weights, trackSamples: sampleCount ?? Int.max, rowCount: rows.count)
    }

    /// Ends a live track.
    mutating func end(trackSamples: Int) {
        sampleCount = leadSamples + trackSamples
    }

    /// Number of segments; `nil` for a live track that has not ended.
    var segmentCount: Int? { sampleCount.map(plan.segmentCount(forTrackSamples:)) }

    /// The network's input for a segment, with the context around a short one.
    private func input(of segment: Int) -> (start: Int, padLeft: Int, count: Int, padded: Int) {
        let start = segment * plan.strideSamples
        let count = min(plan.segmentSamples, (sampleCount ?? Int.max) - start)
        let padded = plan.inputSamples(forSegmentSamples: count)
        return (start - leadSamples, (padded - count) / 2, count, padded)
    }

    var hasSegments: Bool { cutSegments < segmentCount ?? Int.max }

    /// Whether the next segment can be cut: a live track must have all samples of it, or have
    /// ended.
    func canCutSegment(from window: TrackWindow) -> Bool {
        let input = input(of: cutSegments)
        return sampleCount != nil || input.start - input.padLeft + input.padded <= window.end
    }

    /// Samples of the track that are finished once the outputs of all cut segments are added.
    var coveredSamples: Int {
        max(0, min(cutSegments * plan.strideSamples, sampleCount ?? Int.max) - leadSamples)
    }

    /// First sample of the track that the next segment and later ones need. A short segment starts
    /// earlier by half of the samples that it lacks; any segment of a live track may become short.
    var firstNeededSample: Int {
        guard hasSegments else { return Int.max }
        let input = input(of: cutSegments)
        return input.start - (sampleCount == nil ? input.padded / 2 : input.padLeft)
    }

    /// Cuts the next segment; a short one is padded on both sides with the track's own samples.
    ///
    /// - Returns: `[channels, padded samples]`.
    /// - Throws: the errors of ``TrackWindow/fill(to:)``.
    mutating func cutSegment(
        from window: inout TrackWindow, on backend: Backend
    ) throws(AnyError) -> Tensor {
        let input = input(of: cutSegments)
        let first = input.start - input.padLeft
        try window.fill(to: first + input.padded)
        let mix = backend.keptTensor([channelCount, input.padded])
        window.read(from: first, into: mix)
        cutSegments += 1
        return mix
    }

    /// Trims the network's output for the oldest segment under way, and adds it.
    ///
    /// - Parameter output: `[sources, channels, padded samples]`.
    mutating func add(_ output: Tensor) {
        let input = input(of: addedSegments)
        precondition(output.shape == [sourceCount, channelCount, input.padded])
        let start = addedSegments * plan.strideSamples
        overlapAdd.add(
            at: start, count: input.count,
            finishing: min(start + plan.strideSamples, sampleCount ?? Int.max)
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
            offsetSamples: (addedSegments + number) * plan.strideSamples, hasEnded: hasEnded)
    }

    /// Rows of the network's output that are kept.
    var rowCount: Int { rows.count }

    /// Samples of the track that are ready to be taken.
    var finishedSamples: Int { overlapAdd.finishedSamples }

    mutating func take(_ count: Int, addingTo audio: inout PlanarAudio) {
        overlapAdd.take(count, addingTo: &audio)
    }
}
