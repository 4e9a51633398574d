// The common part of HTDemucs and HDemucs: two U-Nets, over the complex spectrogram and over the
// waveform.

import Signal
import Tensor

/// The transform and the two U-Nets of a network with a spectrogram.
package struct HybridBranches: Sendable {
    let stft: STFT
    /// Encoder layers, outermost first. After a merge `encoder` has layers without a counterpart in
    /// `tencoder`.
    let encoder: [HEncLayer]
    let tencoder: [HEncLayer]
    /// Decoder layers, innermost first, as in the reference.
    let decoder: [HDecLayer]
    let tdecoder: [HDecLayer]
    /// `[freq, channel]`; nil if the configuration has no frequency embedding.
    let frequencyEmbedding: Tensor?
}

/// A network with a spectrogram. The forward pass is in extensions of this protocol; the models
/// differ only in `bottom`, where the branches meet.
package protocol HybridNetwork: SeparationNetwork {
    var branches: HybridBranches { get }

    /// The layers between the encoders and the decoders, and the sum with the innermost skips.
    ///
    /// - Parameters:
    ///   - x: the spectrogram encoder's output, `[freq, time, channel]`.
    ///   - xt: the waveform encoder's output, `[1, time, channel]`.
    ///   - skip: the skip of `x`.
    ///   - skipTime: the skip of `xt`; nil if it has merged into the spectrogram.
    /// - Returns: the inputs of the innermost decoder layers, which may change them in place.
    func bottom(
        _ x: consuming Tensor, _ xt: consuming Tensor, skip: Skip, skipTime: Skip?,
        observer: some ForwardObserver
    ) throws -> (x: Tensor, xt: Tensor)
}
