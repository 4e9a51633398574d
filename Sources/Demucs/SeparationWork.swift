// The work of a separation, counted before it begins.

/// How often a separation runs its networks, and on how many samples.
package struct SeparationWork: Sendable, Equatable {
    /// Segments that enter a network, over all members and passes.
    package var segments = 0
    /// Samples of these segments with their padding. A segment of less than a second counts as one
    /// of a second: a network reads all of its weights for any segment.
    package var samples = 0.0
}

extension Bag {
    /// The bag for some of its stems.
    ///
    /// - Parameter stems: indices of the wanted sources, ascending.
    package func giving(_ stems: [Int]) -> Bag { Bag(members, stems: stems) }

    /// How each member cuts a track.
    ///
    /// - Throws: `SeparationError` for options that don't fit the networks or the track.
    func plans(_ options: SeparationOptions, trackSamples: Int) throws -> [SegmentPlan] {
        try members.map {
            try SegmentPlan($0.configuration, options: options, trackSamples: trackSamples)
        }
    }

    /// The work of a separation into the bag's stems, if all shifts are the longest.
    ///
    /// - Parameter trackSamples: length of the track at the networks' rate.
    /// - Throws: `SeparationError` for options that don't fit the networks or the track.
    package func work(
        _ options: SeparationOptions, trackSamples: Int
    ) throws -> SeparationWork {
        var work = SeparationWork()
        let plans = try plans(options, trackSamples: trackSamples)
        for (index, plan) in plans.enumerated() where !rows(ofMember: index).isEmpty {
            let configuration = members[index].configuration
            let count = trackSamples + (options.shifts > 0 ? configuration.maximumShiftSamples : 0)
            let segments = plan.segmentCount(forTrackSamples: count) * options.passCount
            let length = plan.inputSamples(
                forSegmentSamples: min(plan.segmentSamples, count))
            work.segments += segments
            work.samples += Double(segments) * Double(max(length, configuration.samplerate))
        }
        return work
    }

    /// Length in seconds of the longest segment that every member was trained on.
    package var trainingSeconds: Double {
        members.map { Double($0.configuration.segmentSamples) / Double(sampleRateHz) }.min() ?? 0
    }
}
