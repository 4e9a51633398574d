// Spectrogram to signal.

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

        // Groups of frames add to the result where it is. A group reaches as far as into the next
        // one, so first all even groups run, side by side, and then all odd ones: the order of
        // additions at a sample is always the same, and no two threads meet there.
        let groups = (frames + framesPerGroup - 1) / framesPerGroup
        for parity in 0..<2 {
            backend.parallelFor((groups + 1 - parity) / 2, scratch: bufferFloats) {
                index, scratch in
                let firstFrame = (2 * index + parity) * framesPerGroup
                let group = firstFrame..<min(firstFrame + framesPerGroup, frames)
                let buffers = LaneBuffers(scratch, capacity: fft.capacity)
                let items = group.lowerBound * channels..<group.upperBound * channels
                for firstItem in stride(
                    from: items.lowerBound, to: items.upperBound, by: Lanes.scalarCount)
                {
                    let count = min(Lanes.scalarCount, items.upperBound - firstItem)
                    deinterleave(
                        spectrogram.pointer + 2 * firstItem, rowLength: 2 * frames * channels,
                        count: count, into: buffers.first)
                    let output = fft.inverse(buffers.first, buffers.second)
                    for lane in 0..<count {
                        let item = firstItem + lane
                        add(
                            output, lane: lane,
                            to: signal.pointer + item % channels * samples, samples: samples,
                            at: item / channels * hop + firstFrameStart - padding)
                    }
                }
            }
        }
        return signal
    }

    /// Frames that one task adds up. At least four, so that a group never reaches past the next one;
    /// eight, so that the frames of any number of channels fill whole blocks of lanes.
    private var framesPerGroup: Int { 8 }

    /// Reads one run of (real, imaginary) pairs of every bin into the lanes; the last bin is zero.
    ///
    /// - Parameters:
    ///   - source: the run of bin 0; that of the next bin begins `rowLength` floats later.
    ///   - count: lanes in use; the others become zero.
    ///   - spectra: room for nfft/2 + 1 bins.
    private func deinterleave(
        _ source: UnsafePointer<Float>, rowLength: Int, count: Int,
        into spectra: UnsafeMutablePointer<ComplexLanes>
    ) {
        if count == Lanes.scalarCount {
            for bin in 0..<bins {
                let pairs = UnsafeRawPointer(source + bin * rowLength)
                    .loadUnaligned(as: SIMD16<Float>.self)
                spectra[bin] = ComplexLanes(pairs.evenHalf, pairs.oddHalf)
            }
        } else {
            for bin in 0..<bins {
                var value = ComplexLanes.zero
                for lane in 0..<count {
                    value.real[lane] = source[bin * rowLength + 2 * lane]
                    value.imaginary[lane] = source[bin * rowLength + 2 * lane + 1]
                }
                spectra[bin] = value
            }
        }
        spectra[bins] = .zero
    }

    /// Adds the windowed frame of a lane to its signal, as far as it lies inside.
    ///
    /// - Parameters:
    ///   - output: the `nfft` samples that the inverse transform left.
    ///   - target: one channel of the signal, `samples` long.
    ///   - start: where the frame begins in the signal; before it, or past its end, maybe.
    private func add(
        _ output: UnsafeMutablePointer<Lanes>, lane: Int,
        to target: UnsafeMutablePointer<Float>, samples: Int, at start: Int
    ) {
        let width = Lanes.scalarCount
        let source = UnsafeMutableRawPointer(output).assumingMemoryBound(to: Float.self) + lane
        let (first, end) = (max(0, -start), min(nfft, samples - start))
        guard first < end else { return }
        synthesisWindow.withUnsafeBufferPointer { weights in
            for n in first..<end { target[start + n] += source[n * width] * weights[n] }
        }
    }
}
