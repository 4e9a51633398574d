// One pass of one network over a track, moved by one offset.
// Reference: the branches `shifts` and `split` of `apply_model` in demucs/apply.py.

import HTDemucs
import Tensor

/// Cuts the segments of a pass in their order, and adds up what the network made of them.
///
/// Positions are those of the track; the zeros before it have negative ones.
struct ShiftedPass {
    /// Index of the network.
    let member: Int
    let segmentCount: Int
    private let plan: SegmentPlan
    private let format: NetworkFormat
    /// Zeros before the track.
    private let leadSamples: Int
    /// The zeros and the track.
    private let sampleCount: Int
    private var overlapAdd: OverlapAdd
    /// Of the zeros, those that are still to be dropped from the output.
    private var leadLeft: Int
    /// Segments that were cut, and those whose outputs came back.
    private var cutSegments = 0
    private var addedSegments = 0

    /// - Parameter rows: which rows of the network's output are kept.
    init(
        member: Int, plan: SegmentPlan, format: NetworkFormat, rows: [Int], leadSamples: Int,
        trackSamples: Int
    ) {
        self.member = member
        self.plan = plan
        self.format = format
        self.leadSamples = leadSamples
        leadLeft = leadSamples
        sampleCount = leadSamples + trackSamples
        segmentCount = plan.segmentCount(forTrackSamples: sampleCount)
        overlapAdd = OverlapAdd(plan: plan, trackSamples: sampleCount, rows: rows)
    }

    /// Samples that the network sees of a segment, the context around a short one included.
    private func input(of segment: Int) -> (start: Int, padLeft: Int, count: Int, padded: Int) {
        let start = segment * plan.strideSamples
        let count = min(plan.segmentSamples, sampleCount - start)
        let padded = plan.paddedSamples ?? count
        return (start - leadSamples, (padded - count) / 2, count, padded)
    }

    var hasSegments: Bool { cutSegments < segmentCount }

    /// Samples of the track that are finished once all segments that were cut have come back.
    var coveredSamples: Int {
        max(0, min(cutSegments * plan.strideSamples, sampleCount) - leadSamples)
    }

    /// Where the part of the track begins that this and later segments are cut from: a short segment
    /// reaches back by half of what it lacks, which is less than the step to it.
    var firstNeededSample: Int {
        guard hasSegments else { return Int.max }
        let input = input(of: cutSegments)
        return input.start - input.padLeft
    }

    /// Cuts the next segment, padded to both sides with what the track has there.
    ///
    /// - Returns: `[channels, padded samples]`.
    mutating func cutSegment(from window: inout TrackWindow, on backend: Backend) throws -> Tensor {
        let input = input(of: cutSegments)
        let first = input.start - input.padLeft
        try window.fill(to: first + input.padded)
        let mix = backend.tensor([format.channelCount, input.padded])
        window.read(from: first, into: mix)
        cutSegments += 1
        return mix
    }

    /// Takes the network's output for the oldest segment that has not come back, and trims it.
    ///
    /// - Parameter output: `[sources, channels, padded samples]`.
    mutating func add(_ output: Tensor) {
        let input = input(of: addedSegments)
        precondition(
            output.shape == [format.sourceCount, format.channelCount, input.padded])
        overlapAdd.add(output, trim: input.padLeft, count: input.count, segment: addedSegments)
        addedSegments += 1
        let dropped = min(leadLeft, overlapAdd.finishedSamples)
        overlapAdd.discard(dropped)
        leadLeft -= dropped
    }

    /// Samples of the track that are ready to be taken.
    var finishedSamples: Int { overlapAdd.finishedSamples }

    mutating func take(_ count: Int, addingTo samples: inout [Float]) {
        overlapAdd.take(count, addingTo: &samples)
    }
}
