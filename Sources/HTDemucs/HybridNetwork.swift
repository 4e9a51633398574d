// What HTDemucs and HDemucs share: two U-Nets, over the complex spectrogram and over the waveform.

import Signal
import Tensor

/// The transform and the two U-Nets of a network with a spectrogram.
package struct HybridBranches: Sendable {
    let stft: STFT
    /// Outermost first. Behind a merge `encoder` has layers without a counterpart in `tencoder`.
    let encoder: [HEncLayer]
    let tencoder: [HEncLayer]
    /// Innermost first, as in the reference.
    let decoder: [HDecLayer]
    let tdecoder: [HDecLayer]
    /// `[freq, channel]`, or nil if the configuration has none.
    let frequencyEmbedding: Tensor?
}

/// A network with a spectrogram. This protocol's extensions have the forward pass; the models differ
/// in their bottom, where the branches meet.
package protocol HybridNetwork: SeparationNetwork {
    var branches: HybridBranches { get }

    /// The layers between the encoders and the decoders, and the sum with the innermost skips.
    ///
    /// - Parameters:
    ///   - x: the spectrogram encoder's output, `[freq, time, channel]`.
    ///   - xt: the waveform encoder's, `[1, time, channel]`.
    ///   - skip: of the same values as `x`.
    ///   - skipTime: of the same values as `xt`; nil where it has merged into the spectrogram.
    /// - Returns: the inputs of the innermost decoder layers, in storage that they may change.
    func bottom(
        _ x: consuming Tensor, _ xt: consuming Tensor, skip: Skip, skipTime: Skip?,
        observer: some ForwardObserver
    ) throws -> (x: Tensor, xt: Tensor)
}
