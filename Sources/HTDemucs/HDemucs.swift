// Hybrid Demucs: the model of Défossez 2021, "Hybrid Spectrogram and Waveform Source Separation",
// arXiv:2111.03600.

import Layers
import Signal
import Tensor
import WeightsLoader

/// Two U-Nets that merge where the spectrogram has one frequency left, and go on as one; LSTMs and
/// local attention in the DConvs of their inner layers stand in for a transformer.
///
/// Input of any length; a segment is what the caller makes it.   PyTorch: `demucs.hdemucs.HDemucs`.
package struct HDemucs: HybridNetwork {
    package let configuration: Configuration
    package let warnings: [String]
    package let parameterCount: Int
    package var backend: Backend
    package let branches: HybridBranches

    package init(
        _ reader: StateDictReader, _ parameters: ParameterReader, warnings: [String]
    ) throws {
        configuration = reader.configuration
        self.warnings = warnings
        backend = reader.backend
        branches = try reader.branches(parameters)
        parameterCount = parameters.askedCount
    }

    /// The decoders begin with zeros: all that they get is the skips. The waveform's begins where the
    /// branches part again, whatever is given here.
    package func bottom(
        _ x: consuming Tensor, _ xt: consuming Tensor, skip: Skip, skipTime: Skip?,
        observer: some ForwardObserver
    ) throws -> (x: Tensor, xt: Tensor) {
        (x, xt)
    }
}

extension Configuration {
    /// How the spectrogram continues the signal.
    package var framing: STFT.Framing { self.hybridOld ? .hybridOld : .reflected }
}
