// Also Embedded Swift: typed throws, no key paths, no casts.
// Magnitude spectra of overlapping frames, from a signal that comes in blocks.

import CKernels
import Signal
import System
import Tensor

/// The frames of one signal: frame `n` is centred on sample `n · hopSamples`, with zeros before the
/// signal and after it, under a Hann window.
///
/// PyTorch: `torch.stft(x, frameSamples, hopSamples, window=hann, center=True,
/// pad_mode="constant").abs()`, without the last bin.
package struct FrameSpectra {
    let frameSamples: Int
    let hopSamples: Int
    var bins: Int { fft.bins }

    private let fft: RealFFT
    private let window: [Float]
    private let backend: Backend
    /// Samples that later frames need, from the beginning of the next frame on.
    private var pending: [Float]

    package init(frameSamples: Int, hopSamples: Int, backend: Backend) {
        self.frameSamples = frameSamples
        self.hopSamples = hopSamples
        self.backend = backend
        fft = RealFFT(length: frameSamples)
        window = (0..<frameSamples).map { index in
            Float(0.5 - 0.5 * cos(2 * Double.pi * Double(index) / Double(frameSamples)))
        }
        pending = [Float](repeating: 0, count: frameSamples / 2)
    }

    /// Takes the next samples.
    ///
    /// - Returns: the magnitudes of each new frame, `[frame][bin]`.
    package mutating func append(_ samples: [Float]) -> [[Float]] {
        pending += samples
        let count =
            pending.count < frameSamples ? 0 : (pending.count - frameSamples) / hopSamples + 1
        let width = Int(FFT_SIGNALS)
        let frames = stride(from: 0, to: count, by: width).flatMap { first in
            transform(first..<min(first + width, count))
        }
        pending.removeFirst(count * hopSamples)
        return frames
    }

    /// Ends the signal; returns the magnitudes of its last frames.
    package mutating func finish() -> [[Float]] {
        append([Float](repeating: 0, count: frameSamples / 2))
    }

    /// The magnitudes of at most `FFT_SIGNALS` frames of `pending`, side by side.
    private func transform(_ frames: Range<Int>) -> [[Float]] {
        let width = Int(FFT_SIGNALS)
        var spectra = [Float](repeating: 0, count: bins * 2 * width)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * fft.bufferFloats) { buffers in
            withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: width) {
                sources in
                pending.withUnsafeBufferPointer { pending in
                    let (signals, spare) = (
                        buffers.baseAddress!, buffers.baseAddress! + fft.bufferFloats
                    )
                    for index in 0..<width {
                        // An incomplete group repeats its last frame: all values must be finite.
                        let frame = min(frames.lowerBound + index, frames.upperBound - 1)
                        sources.initializeElement(
                            at: index, to: pending.baseAddress! + frame * hopSamples)
                    }
                    backend.kernels.f32_fft_frames(
                        frameSamples, window, sources.baseAddress!, signals)
                    spectra.withUnsafeMutableBufferPointer { spectra in
                        fft.forward(
                            signals, spare: spare, into: spectra.baseAddress!,
                            rowLength: 2 * width, count: frames.count, with: backend.kernels)
                    }
                }
            }
        }
        return frames.indices.map { index in
            let signal = index - frames.lowerBound
            return (0..<bins).map { bin in
                let place = 2 * (bin * width + signal)
                let (real, imaginary) = (spectra[place], spectra[place + 1])
                return (real * real + imaginary * imaginary).squareRoot()
            }
        }
    }
}
