// The networks behind each stem: those of a model, and those of further models that separate some of its
// stems (`then drums=drumsep`).

import Tracks

/// The stems of a model, and of models that separate some of them further.
package struct StemSources: Sendable {
    /// A model that separates a stem.
    package struct Follower: Sendable {
        /// The stem of the first model.
        package let stem: String
        /// Names of the parts of the stem: `drums_kick`.
        let names: [String]
        let bag: Bag
    }

    /// The first model, for all of its stems.
    package let first: Bag
    package let followers: [Follower]

    /// Names of the stems of the first model's first member, which add up to the track, and of others.
    package var names: ModelStems {
        let sources = first.members[0].rules.sources
        return ModelStems(
            sources, others: Array(first.sources[sources.count...]),
            parts: followers.flatMap { follower in
                follower.names.map { ModelStems.Part(name: $0, stem: follower.stem) }
            })
    }

    /// The names of a follower's stems.
    static func partNames(of stem: String, _ sources: [String]) -> [String] {
        sources.map { "\(stem)_\($0)" }
    }

    /// The bag of the first model for wanted stems: those of its own, and those that followers need.
    ///
    /// - Parameter wanted: names of stems of any model.
    func firstBag(for wanted: [String]) -> Bag {
        let needed = wanted + followers.filter { gives($0, wanted) }.map(\.stem)
        return first.giving(
            first.sources.indices.filter { needed.contains(first.sources[$0]) })
    }

    private func gives(_ follower: Follower, _ wanted: [String]) -> Bool {
        follower.names.contains(where: wanted.contains)
    }

    /// The work of a separation into wanted stems.
    ///
    /// - Throws: `SeparationError` for options that don't fit the networks or the track.
    package func work(
        for wanted: [String], _ options: SeparationOptions, trackSamples: Int
    ) throws(SeparationError) -> SeparationWork {
        var work = try firstBag(for: wanted).work(options, trackSamples: trackSamples)
        for follower in followers where gives(follower, wanted) {
            let more = try follower.bag.work(
                options.ofFollower(follower.bag), trackSamples: trackSamples)
            work.segments += more.segments
            work.samples += more.samples
        }
        return work
    }
}

extension SeparationOptions {
    /// The options of a model that separates a stem: its own segments and overlap, and as many shifts.
    func ofFollower(_ bag: Bag) -> SeparationOptions {
        let isShifted = bag.members.contains { $0.rules.maximumShiftSamples > 0 }
        return SeparationOptions(shifts: isShifted ? shifts : min(shifts, 1))
    }
}
