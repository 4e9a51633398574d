// The blocks that a forward pass consists of, for those who watch it.

/// A step of `HTDemucs.forward`, described by the reference's name where it has one.
package enum NetworkBlock: Hashable, Sendable, CustomStringConvertible {
    case stft
    /// Of both inputs, and back on both outputs.
    case normalisation
    /// With the frequency embedding at 0.
    case encoder(Int)
    case tencoder(Int)
    /// With the 1×1 convolutions around it.
    case crosstransformer
    case decoder(Int)
    case tdecoder(Int)
    /// With the sum of the two branches.
    case istft

    package var description: String {
        switch self {
        case .stft: "stft"
        case .normalisation: "normalisation"
        case .encoder(let index): "encoder.\(index)"
        case .tencoder(let index): "tencoder.\(index)"
        case .crosstransformer: "crosstransformer"
        case .decoder(let index): "decoder.\(index)"
        case .tdecoder(let index): "tdecoder.\(index)"
        case .istft: "istft"
        }
    }
}
