// What HTDemucs and HDemucs share: two U-Nets, over the complex spectrogram and over the waveform.

import Signal
import Tensor

/// A network with a spectrogram. Its ends and its U-Nets are those of this protocol's extensions; the
/// models differ in what is between encoders and decoders, and in how their branches meet.
package protocol HybridNetwork: SeparationNetwork {
    var stft: STFT { get }
    /// Outermost first. Behind a merge `encoder` has layers without a counterpart in `tencoder`.
    var encoder: [HEncLayer] { get }
    var tencoder: [HEncLayer] { get }
    /// Innermost first, as in the reference.
    var decoder: [HDecLayer] { get }
    var tdecoder: [HDecLayer] { get }
    /// `[freq, channel]`, or nil if the configuration has none.
    var frequencyEmbedding: Tensor? { get }

    /// What is between the encoders and the decoders, and the sum with the innermost skips.
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
