// Also Embedded Swift: typed throws, no key paths, no casts.
// Hybrid Demucs: the model of Défossez 2021, "Hybrid Spectrogram and Waveform Source Separation",
// arXiv:2111.03600.

import Layers
import Signal
import System
import Tensor
import WeightsLoader

/// Two U-Nets that merge into one where the spectrogram has one frequency left; LSTMs and local
/// attention in the DConvs of the inner layers take the place of a transformer.
///
/// Input may have any length; the caller chooses segments.   PyTorch: `demucs.hdemucs.HDemucs`.
package struct HDemucs: HybridNetwork {
    package var properties: NetworkProperties
    package let branches: HybridBranches

    package init(_ reader: StateDictReader, _ parameters: ParameterReader) throws(WeightsError) {
        properties = NetworkProperties(reader)
        branches = try reader.branches(parameters)
    }

    /// The reference's spectrogram decoder begins with zeros plus the skip, which is `x`. The
    /// waveform decoder begins where the branches separate again; `xt` is not used.
    package func bottom(
        _ x: consuming Tensor, _ xt: consuming Tensor, skips: LevelSkips, in pass: ForwardPass
    ) throws(CancellationError) -> (x: Tensor, xt: Tensor) {
        (x, xt)
    }
}

extension Configuration {
    /// The padding of the signal for the spectrogram.
    package var framing: STFT.Framing { arguments.hybridOld ? .hybridOld : .reflected }
}
