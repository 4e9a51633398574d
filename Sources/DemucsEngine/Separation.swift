// Results of a separation.

import Signal
import Tracks

/// One separated source.
public struct Stem: Sendable, Equatable {
    /// The source's name in the model, `vocals`.
    public let name: String
    /// Samples of the stem: as long as the track, with the model's channels and rate.
    public let audio: PlanarAudio

    /// A stem that no separation gave, for tests and previews.
    public init(name: String, audio: PlanarAudio) {
        self.name = name
        self.audio = audio
    }
}

/// A step of a separation that is under way.
public enum SeparationUpdate<Result: Sendable>: Sendable {
    /// How far it is: before the first segment, and after each.
    case progress(SeparationProgress)
    /// The result; the last update.
    case finished(Result)
}

/// A track that was separated in memory.
public struct Separation: Sendable, Equatable {
    /// The stems, in the order of the model's sources.
    public let stems: [Stem]
    /// The seed of the shifts' offsets: given in the options, or drawn. `nil` without shifts.
    public let seed: UInt64?
    /// Problems of the track that did not stop the separation.
    public let warnings: [AudioWarning]

    /// A result that no separation gave, for tests and previews.
    public init(stems: [Stem], seed: UInt64? = nil, warnings: [AudioWarning] = []) {
        self.stems = stems
        self.seed = seed
        self.warnings = warnings
    }

    /// The audio of a source; `nil` if the model has no source of that name.
    public subscript(name: String) -> PlanarAudio? {
        stems.first { $0.name == name }?.audio
    }

    /// The audio of a source.
    ///
    /// - Throws: `SeparationError.invalidOption`, which names the sources, if there is none of that name.
    public func stem(_ name: String) throws(SeparationError) -> PlanarAudio {
        try SeparationError.requireStems([name], of: stems.map(\.name))
        return self[name]!
    }

    /// The sum of all stems but one: karaoke for `vocals`.
    ///
    /// - Throws: as ``stem(_:)``; `SeparationError.invalidAudio` for stems of several shapes.
    public func allBut(_ name: String) throws(SeparationError) -> PlanarAudio {
        let left = try stem(name)
        let isAlike = stems.allSatisfy {
            $0.audio.channels.map(\.count) == left.channels.map(\.count)
        }
        guard isAlike else {
            throw .invalidAudio(problem: "has stems of different lengths or channels")
        }
        var sum = PlanarAudio(
            channelCount: left.channelCount, sampleRateHz: left.sampleRateHz,
            zeros: left.sampleCount)
        for stem in stems where stem.name != name {
            for (channel, samples) in stem.audio.channels.enumerated() {
                for index in samples.indices { sum.channels[channel][index] += samples[index] }
            }
        }
        return sum
    }
}
