// The transforms around the core: from a chunk of sound to the core's inputs, and from the core's
// outputs to stems.

import Signal
import Tensor
import Tracks

/// The transforms of a model's chunks. Tensors have the reference's order of axes. A: audio
/// channels, N: samples, F: frequencies, T: frames, S: sources.
package struct CoreSpectrogram {
    let stft: STFT
    let backend: Backend

    package init(nfft: Int, framing: STFT.Framing = .reflected, on backend: Backend) {
        stft = STFT(nfft: nfft, framing: framing)
        self.backend = backend
    }

    /// The core's inputs for a normalised chunk.
    ///
    /// - Parameter mix: `[A, N]`
    /// - Returns: `input` `[1, A, N]`, and `x` `[1, 2A, F, T]` with complex numbers as channels:
    ///   L re, L im, R re, R im.
    package func inputs(_ mix: Tensor) -> [NamedTensor] {
        let z = stft.forward(mix, on: backend)  // [F, T, 2A]
        var x = NamedTensor(CoreTensor.x, z, .spectrogram)
        x.shape.insert(1, at: 0)
        return [NamedTensor(CoreTensor.input, [1] + Array(mix.shape), mix.floats), x]
    }

    /// The core's inputs in the engine's order of axes: `[A, N]` and `[F, T, 2A]`.
    ///
    /// - Parameters:
    ///   - input: `[1, A, N]`
    ///   - x: `[1, 2A, F, T]`
    static func engineInputs(
        _ input: NamedTensor, _ x: NamedTensor, on backend: Backend
    ) -> (mix: Tensor, z: Tensor) {
        let z = NamedTensor(x.name, Array(x.shape.dropFirst()), x.values, permuted: [1, 2, 0])
        return (
            backend.tensor(Array(input.shape.dropFirst()), input.values),
            backend.tensor(z.shape, z.values)
        )
    }

    /// The core's outputs in the reference's order of axes: `[1, S, 2A, F, T]` and `[1, S, A, N]`.
    ///
    /// - Parameters:
    ///   - x: `[F, T, S · 2A]`
    ///   - xt: `[1, N, S · A]`
    func outputs(_ x: Tensor, _ xt: Tensor, sources: Int) -> [NamedTensor] {
        var output = NamedTensor(CoreTensor.output, x, .spectrogram)
        let (rows, freqs, times) = (output.shape[0], output.shape[1], output.shape[2])
        output.shape = [1, sources, rows / sources, freqs, times]
        var waveform = NamedTensor(CoreTensor.waveform, xt, .waveform)
        let (channels, samples) = (waveform.shape[0], waveform.shape[1])
        waveform.shape = [1, sources, channels / sources, samples]
        return [output, waveform]
    }

    /// The inverse transform of `output` plus `waveform`.
    ///
    /// - Parameters:
    ///   - output: `[1, S, 2A, F, T]`
    ///   - waveform: `[1, S, A, N]`
    /// - Returns: `[S · A, N]`, row-major.
    func stems(_ output: NamedTensor, _ waveform: NamedTensor) -> [Float] {
        let rows = output.shape[1] * output.shape[2]
        let spectrogram = NamedTensor(
            output.name, [rows, output.shape[3], output.shape[4]], output.values,
            permuted: [1, 2, 0])
        let signal = stft.inverse(
            backend.tensor(spectrogram.shape, spectrogram.values), samples: waveform.shape[3],
            on: backend
        ).floats
        return zip(signal, waveform.values).map(+)
    }
}
