// Also Embedded Swift: typed throws, no key paths, no casts.
// The networks of a separation, their weights for each stem, and their work, counted before it
// begins.
// Reference: `BagOfModels` in demucs/apply.py.

import Networks

/// One or more networks, of any families, whose outputs are averaged into the wanted stems.
///
/// A stem is the sum of the outputs of the members that have it, each times its weight for that
/// source, divided by the sum of the weights. A member with no weight in any wanted stem does not run.
/// Each member cuts and normalises a track as it does alone.
package struct Bag: Sendable {
    package struct Member: Sendable {
        package let rules: TrackRules
        /// The member's weight for each of its sources, `[source]`.
        package let weights: [Double]

        package init(_ rules: TrackRules, weights: [Double]) {
            self.rules = rules
            self.weights = weights
        }

        /// Index of a source that has a weight; nil if the member gives nothing to the stem.
        package func source(named name: String) -> Int? {
            rules.sources.firstIndex(of: name).flatMap { weights[$0] == 0 ? nil : $0 }
        }
    }

    /// A source of a member that contributes to a stem.
    struct Contribution {
        /// Position among the wanted stems.
        let stem: Int
        let source: Int
        let weight: Float
    }

    package let members: [Member]
    /// Names of the members' sources: those of the first member, then those that others alone have.
    package let sources: [String]
    /// Indices of the wanted sources, ascending.
    package let stems: [Int]
    package let sampleRateHz: Int
    package let channelCount: Int
    /// The sum of the weights of each wanted stem.
    package let totals: [Float]

    /// A bag of networks that agree in rate and channels.
    ///
    /// - Parameter stems: indices of the wanted sources, ascending; `nil` wants all.
    package init(_ members: [Member], stems: [Int]? = nil) {
        precondition(!members.isEmpty)
        let sources = Self.sources(of: members.map { $0.rules })
        self.members = members
        self.sources = sources
        self.stems = stems ?? Array(sources.indices)
        sampleRateHz = members[0].rules.sampleRateHz
        channelCount = members[0].rules.audioChannels
        // Summed in double precision, as in Python.
        totals = self.stems.map { stem in
            Float(
                members.reduce(0.0) { sum, member in
                    sum + (member.source(named: sources[stem]).map { member.weights[$0] } ?? 0)
                })
        }
    }

    /// Names of the sources of a bag with such members.
    package static func sources(of members: [TrackRules]) -> [String] {
        var names: [String] = []
        for member in members { names += member.sources.filter { !names.contains($0) } }
        return names
    }

    /// A single network.
    package init(_ rules: TrackRules) {
        let weights = [Double](repeating: 1, count: rules.sources.count)
        self.init([Member(rules, weights: weights)])
    }

    /// The sources of a member that the stems need, in the order of the stems; empty if the member
    /// does not run.
    func contributions(ofMember index: Int) -> [Contribution] {
        let member = members[index]
        return stems.enumerated().compactMap { stem, name in
            member.source(named: sources[name]).map { source in
                Contribution(stem: stem, source: source, weight: Float(member.weights[source]))
            }
        }
    }

    /// How the member normalises a track with these statistics.
    func normalization(ofMember index: Int, _ statistics: Normalization) -> Normalization {
        members[index].rules.normalises ? statistics : .identity
    }

    package func needs(member index: Int) -> Bool { !contributions(ofMember: index).isEmpty }

    /// Rows of the member's output `[source × channel]` that its contributions come from.
    func rows(ofMember index: Int) -> [Int] {
        contributions(ofMember: index).flatMap { contribution in
            (0..<channelCount).map { contribution.source * channelCount + $0 }
        }
    }
}

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
    package func plans(
        _ options: SeparationOptions, trackSamples: Int
    ) throws(SeparationError) -> [SegmentPlan] {
        try members.map { member throws(SeparationError) in
            try SegmentPlan(member.rules, options: options, trackSamples: trackSamples)
        }
    }

    /// The work of a separation into the bag's stems, if all shifts are the longest.
    ///
    /// - Parameter trackSamples: length of the track at the networks' rate.
    /// - Throws: `SeparationError` for options that don't fit the networks or the track.
    package func work(
        _ options: SeparationOptions, trackSamples: Int
    ) throws(SeparationError) -> SeparationWork {
        var work = SeparationWork()
        let plans = try plans(options, trackSamples: trackSamples)
        for (index, plan) in plans.enumerated() where needs(member: index) {
            let rules = members[index].rules
            let count = trackSamples + (options.shifts > 0 ? rules.maximumShiftSamples : 0)
            let extended = count + plan.borderSamples(forTrackSamples: count)
            let segments = plan.segmentCount(forTrackSamples: extended) * options.passCount
            let length = plan.inputSamples(
                forSegmentSamples: min(plan.segmentSamples, count))
            work.segments += segments
            work.samples += Double(segments) * Double(max(length, rules.sampleRateHz))
        }
        return work
    }

    /// Length in seconds of the longest segment that every member was trained on.
    package var trainingSeconds: Double {
        members.map { Double($0.rules.segmentSamples) / Double(sampleRateHz) }.min() ?? 0
    }
}
