// A loaded network by its protocol: Embedded Swift has no such values.

extension LoadedNetwork {
    /// The network if it has a spectrogram; else nil.
    package var hybrid: (any HybridNetwork)? {
        switch self {
        case .htdemucs(let network): network
        case .hdemucs(let network): network
        case .demucs: nil
        }
    }
}
