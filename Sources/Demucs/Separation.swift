import Audio

/// One separated source.
public struct Stem: Sendable, Equatable {
    /// The source's name in the model, `vocals`.
    public let name: String
    /// As long as the track, with the model's channels and rate.
    public let audio: AudioBuffer
}

/// A separated track.
public struct Separation: Sendable, Equatable {
    /// In the order of the model's sources.
    public let stems: [Stem]
    /// The seed that the shifts' offsets came from: given in the options, or drawn. `nil` without
    /// shifts.
    public let seed: UInt64?

    /// The audio of a source; `nil` if the model has none of that name.
    public subscript(name: String) -> AudioBuffer? {
        stems.first { $0.name == name }?.audio
    }
}
