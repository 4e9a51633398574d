// Also Embedded Swift: typed throws, no key paths, no casts.
// Spectrogram to signal.

import CKernels
import Tensor

extension STFT {
    /// The signal of a spectrogram: the least-squares inverse by weighted overlap-add.
    ///
    /// - Parameters:
    ///   - spectrogram: `[freq, time, 2 · channel]` as ``forward(_:on:)`` returns it; here a channel
    ///     is any signal, such as one audio channel of one source.
    ///   - samples: length of the signal; its number of frames is that of `spectrogram`.
    ///   - backend: the threads to run on, and the storage of the result.
    /// - Returns: `[channel, sample]`.
    ///
    /// Demucs: `HTDemucs._ispec(HTDemucs._mask(z, m), length=samples)`.
    package func inverse(_ spectrogram: Tensor, samples: Int, on backend: Backend) -> Tensor {
        let frames = frames(samples: samples)
        precondition(
            spectrogram.shape.count == 3 && spectrogram.shape[0] == bins
                && spectrogram.shape[1] == frames && spectrogram.shape[2] % 2 == 0)
        let channels = spectrogram.shape[2] / 2
        let signal = backend.tensor(Shape(channels, samples))
        backend.parallelFor(channels) { channel in
            (signal.pointer + channel * samples).update(repeating: 0, count: samples)
        }

        // Groups of frames are added to the result in place. A group overlaps the next one, so all
        // even groups run first, in parallel, and then all odd ones: the order of additions at a
        // sample is always the same, and no two threads write the same sample.
        let groups = (frames + framesPerGroup - 1) / framesPerGroup
        for parity in 0..<2 {
            backend.parallelFor((groups + 1 - parity) / 2, scratch: scratchFloats) {
                index, scratch in
                let firstFrame = (2 * index + parity) * framesPerGroup
                let group = firstFrame..<min(firstFrame + framesPerGroup, frames)
                add(group, of: spectrogram, to: signal, scratch, on: backend)
            }
        }
        let (beginning, end) = gains(samples: samples)
        for channel in 0..<channels {
            let first = signal.pointer + channel * samples
            for n in beginning.indices { first[n] *= beginning[n] }
            let last = first + samples - end.count
            for n in end.indices { last[n] *= end[n] }
        }
        return withExtendedLifetime(signal) { signal }
    }

    /// Frames that one task adds up, so that the frames of two channels fill whole blocks of the
    /// transform: eight, and more if a group reached past the next one.
    private var framesPerGroup: Int { max(8, (nfft + hop - 1) / hop) }

    /// Adds a group of frames to the signal, without the samples that lie outside of it.
    ///
    /// - Parameter scratch: memory for `scratchFloats`.
    private func add(
        _ group: Range<Int>, of spectrogram: Tensor, to signal: Tensor,
        _ scratch: UnsafeMutablePointer<Float>, on backend: Backend
    ) {
        let (channels, samples) = (signal.shape[0], signal.shape[1])
        let width = Int(FFT_SIGNALS)
        // An item is one channel of one frame, as in the spectrogram's rows.
        let items = group.lowerBound * channels..<group.upperBound * channels
        for firstItem in stride(from: items.lowerBound, to: items.upperBound, by: width) {
            let count = min(width, items.upperBound - firstItem)
            let output = fft.inverse(
                spectrogram.pointer + 2 * firstItem, rowLength: spectrogram.shape[1] * 2 * channels,
                count: count, scratch, scratch + fft.bufferFloats, with: backend.kernels)
            withUnsafeTemporaryAllocation(of: fft_frame_part.self, capacity: width) { parts in
                for index in 0..<count {
                    let item = firstItem + index
                    // The frame's first position, which may lie before the signal or past its end.
                    let start = item / channels * hop - cut
                    let first = min(max(0, -start), nfft)
                    let end = max(first, min(nfft, samples - start))
                    let inside = end > first ? start + first : 0
                    parts.initializeElement(
                        at: index,
                        to: fft_frame_part(
                            samples: signal.pointer + item % channels * samples + inside,
                            first: first, count: end - first))
                }
                backend.kernels.f32_fft_overlap_add(
                    nfft, count, synthesisWindow, output, parts.baseAddress!)
            }
        }
    }
}
