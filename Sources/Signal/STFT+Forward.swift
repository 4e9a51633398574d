// Also Embedded Swift: typed throws, no key paths, no casts.
// Signal to spectrogram.

import CKernels
import Tensor

extension STFT {
    /// The spectrogram of a signal, with complex numbers as channels.
    ///
    /// - Parameters:
    ///   - signal: `[channel, sample]`, at least one sample.
    ///   - backend: the threads to run on, and the storage of the result.
    /// - Returns: `[freq, time, 2 · channel]`: ``bins`` bins, ``frames(samples:)`` frames, and for each
    ///   channel its real, then its imaginary part (`[L re, L im, R re, R im]`).
    ///
    /// Demucs: `HTDemucs._magnitude(HTDemucs._spec(x))`.
    package func forward(_ signal: Tensor, on backend: Backend) -> Tensor {
        precondition(signal.shape.count == 2 && signal.count > 0)
        let (channels, samples) = (signal.shape[0], signal.shape[1])
        let frames = frames(samples: samples)
        let padding = ReflectPadding(
            count: samples, left: padding, right: paddingOnTheRight(samples: samples),
            reflects: reflects)
        let spectrogram = backend.tensor(Shape(bins, frames, 2 * channels))

        // An item is one channel of one frame, in the order of the result's rows. The items of a
        // block are transformed side by side, and fill adjacent elements of every row.
        let items = frames * channels
        let width = Int(FFT_SIGNALS)
        backend.parallelFor((items + width - 1) / width, scratch: scratchFloats) { block, scratch in
            let (first, second) = (scratch, scratch + fft.bufferFloats)
            let firstItem = block * width
            let count = min(width, items - firstItem)
            withUnsafeTemporaryAllocation(of: UnsafePointer<Float>.self, capacity: width) {
                sources in
                for index in 0..<width {
                    // An incomplete block repeats its last item, because all values must be finite.
                    let item = firstItem + min(index, count - 1)
                    let source = frame(
                        of: signal.pointer + item % channels * samples,
                        from: item / channels * hop, padding,
                        ifPadded: second + index * nfft)
                    sources.initializeElement(at: index, to: source)
                }
                backend.kernels.f32_fft_frames(nfft, analysisWindow, sources.baseAddress!, first)
            }
            fft.forward(
                first, spare: second, into: spectrogram.pointer + 2 * firstItem,
                rowLength: 2 * items, count: count, with: backend.kernels)
        }
        return spectrogram
    }

    /// Whether the padding is a reflection and not zeros.
    private var reflects: Bool {
        if case .hybridOld = framing { return false }
        return true
    }

    /// The samples of a frame: a pointer into the signal, or to a copy if the frame has padding.
    ///
    /// - Parameters:
    ///   - source: one channel of the signal.
    ///   - start: the frame's first position in the padded signal.
    ///   - copy: memory for `nfft` samples, used for frames with padding.
    private func frame(
        of source: UnsafePointer<Float>, from start: Int, _ padding: ReflectPadding,
        ifPadded copy: UnsafeMutablePointer<Float>
    ) -> UnsafePointer<Float> {
        let inside = start - padding.left
        if inside >= 0 && inside + nfft <= padding.count { return source + inside }
        for n in 0..<nfft { copy[n] = padding.source(at: start + n).map { source[$0] } ?? 0 }
        return UnsafePointer(copy)
    }
}
